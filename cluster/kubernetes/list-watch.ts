/**
 * All objects of one kind in one namespace, kept current: one list, then a watch that goes on where it left off.
 *
 *   list ──→ watch ──ended in order (its time is up)──→ watch from the last version
 *    ↑         ├── connection lost, refused, silent ──→ back-off, watch from the last version
 *    └─────────┴── 410 Gone, garbage, an unknown version ──→ list again; until it is whole, what was known stays
 *
 * A failure changes nothing of what is known, only how old it is.
 */
import type { IncomingMessage } from 'node:http';
import { ApiError, type KubernetesApi } from './api.ts';
import type { KubernetesObject, ObjectMeta } from './objects.ts';
import { apiBackoff, backoffMs } from './policy/backoff.ts';

export interface Resource {
  /** Plural, for people and requests: `pods`. */
  readonly name: string;
  /** Below the server: `/api/v1/namespaces/default/pods`. */
  readonly path: string;
  /** Whether the cluster may know no such resource: then there are none, and it is asked again now and then. */
  readonly optional?: boolean;
}

export interface ListWatchOptions<Item> {
  readonly api: KubernetesApi;
  readonly resource: Resource;
  /** What is kept of an object; `previous` is what was kept of it before. */
  readonly read: (object: KubernetesObject, previous: Item | undefined) => Item;
  /** Objects, or what is said of them, have changed. */
  readonly onChange: () => void;
  /** Nothing changed, and that is known anew. */
  readonly onHeard: () => void;
  /** The first of a row of failures, and the end of one (null). */
  readonly onTrouble: (trouble: string | null) => void;
  readonly timing?: WatchTiming;
  /** Waits before a retry; ends early, without an error, once `signal` is aborted. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface WatchTiming {
  /** A watch ends by itself after once to one and a half times this: the longest that a quiet resource goes unconfirmed. */
  readonly watchSeconds: number;
  /** Silence beyond the end of a watch after which it is dead. */
  readonly graceMs: number;
  /** Between two looks for a resource that the cluster does not know. */
  readonly absentMs: number;
}

const usualTiming: WatchTiming = { watchSeconds: 40, graceMs: 10_000, absentMs: 60_000 };
const pageSize = 500;
/** The API server takes no object above 3 MiB. */
const longestLine = 16 * 1024 * 1024;
/** A watch that ended in order sooner than this counts as a failure, or it would be asked for without a pause. */
const shortestWatchMs = 1000;

interface WatchEvent {
  readonly type?: string;
  readonly object?: KubernetesObject & { readonly code?: number; readonly message?: string };
}

interface ListAnswer {
  readonly metadata?: ObjectMeta & { readonly continue?: string };
  readonly items?: readonly KubernetesObject[];
}

/** What was read can't be gone on from: list again. */
class LostTrack extends Error {}

export class ListWatch<Item> {
  readonly #options: ListWatchOptions<Item>;
  readonly #timing: WatchTiming;
  readonly #pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #objects = new Map<string, Item>();
  #version: string | null = null;
  #synced = false;
  #heardMs = 0;
  /** A watch is open, or the resource is known not to exist: silence means that nothing changes. */
  #open = false;
  #failures = 0;
  #trouble: string | null = null;
  #forbidden = false;

  constructor(options: ListWatchOptions<Item>) {
    this.#options = options;
    this.#timing = options.timing ?? usualTiming;
    this.#pause = options.pause ?? pause;
    this.#done = this.#run();
  }

  /** By name. */
  get objects(): ReadonlyMap<string, Item> {
    return this.#objects;
  }

  /** Whether a list was whole once. */
  get synced(): boolean {
    return this.#synced;
  }

  /** What is wrong now, `watch pods: 403 …`; null while all is well. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Whether the API server forbids to read it. */
  get forbidden(): boolean {
    return this.#forbidden;
  }

  /**
   * Wall clock, milliseconds: up to when the objects are known to be current. While a watch is open, that the API server
   * answers others is taken as its word, but not for longer than a watch lasts.
   */
  get asOfMs(): number {
    if (!this.#open) return this.#heardMs;
    const { watchSeconds, graceMs, absentMs } = this.#timing;
    const longestMs = Math.max(watchSeconds * 1500, absentMs * 1.5) + graceMs;
    return Math.max(this.#heardMs, Math.min(this.#options.api.lastOkMs, this.#heardMs + longestMs));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const closed = (): boolean => signal.aborted;
    while (!closed()) {
      try {
        if (this.#version === null) await this.#list();
        const startedMs = performance.now();
        await this.#watch();
        const lasted = performance.now() - startedMs >= shortestWatchMs;
        this.#failures = lasted ? 0 : this.#failures + 1;
        if (lasted) continue;
      } catch (error) {
        if (closed()) break;
        if (this.#isAbsent(error)) {
          await this.#pause(this.#timing.absentMs * (1 + Math.random() / 2), signal);
          continue;
        }
        this.#failed(error);
      }
      this.#open = false;
      await this.#pause(backoffMs(apiBackoff, this.#failures, Math.random()), signal);
    }
    this.#open = false;
  }

  async #list(): Promise<void> {
    const { api, resource, read } = this.#options;
    const objects = new Map<string, Item>();
    let page: string | undefined;
    let version: string | undefined;
    do {
      const answer = await api.call<ListAnswer>({
        what: `list ${resource.name}`,
        path: resource.path,
        query: { limit: String(pageSize), ...(page === undefined ? {} : { continue: page }) },
        timeoutMs: 30_000,
        signal: this.#stop.signal,
      });
      if (!Array.isArray(answer.items)) throw new LostTrack(`list ${resource.name}: the answer is no list`);
      for (const object of answer.items as KubernetesObject[]) {
        const name = object.metadata?.name;
        if (name === undefined) throw new LostTrack(`list ${resource.name}: an object has no name`);
        objects.set(name, read(object, this.#objects.get(name)));
      }
      version = answer.metadata?.resourceVersion;
      page = answer.metadata?.continue === '' ? undefined : answer.metadata?.continue;
    } while (page !== undefined);
    if (version === undefined) throw new LostTrack(`list ${resource.name}: the answer has no resourceVersion`);
    this.#objects = objects;
    this.#version = version;
    this.#synced = true;
    this.#heard();
    this.#options.onChange();
  }

  /** Returns when the watch has ended in order. */
  async #watch(): Promise<void> {
    const { api, resource } = this.#options;
    const seconds = Math.ceil(this.#timing.watchSeconds * (1 + Math.random() / 2));
    const silence = new AbortController();
    const limitMs = seconds * 1000 + this.#timing.graceMs;
    const timer = setTimeout(() => {
      silence.abort(new Error(`watch ${resource.name}: it went on past its end`));
    }, limitMs);
    const signal = AbortSignal.any([this.#stop.signal, silence.signal]);
    try {
      const response = await api.stream({
        what: `watch ${resource.name}`,
        path: resource.path,
        query: {
          watch: 'true',
          allowWatchBookmarks: 'true',
          resourceVersion: this.#version ?? '',
          timeoutSeconds: String(seconds),
        },
        signal,
      });
      this.#open = true;
      this.#heard();
      for await (const line of lines(response)) {
        this.#event(line);
        this.#failures = 0;
      }
      this.#heard();
    } catch (error) {
      throw silence.signal.aborted ? (silence.signal.reason as Error) : error;
    } finally {
      clearTimeout(timer);
      this.#open = false;
    }
  }

  #event(line: string): void {
    const { resource, read, onChange, onHeard } = this.#options;
    const { type, object } = parse(line, resource.name);
    if (type === 'ERROR') {
      throw new ApiError(`watch ${resource.name}`, object?.code ?? 0, object?.message ?? 'no reason given');
    }
    const { name, resourceVersion } = object?.metadata ?? {};
    if (object === undefined || resourceVersion === undefined) throw garbage(resource.name, line);
    if (type !== 'BOOKMARK') {
      if (name === undefined) throw garbage(resource.name, line);
      if (type === 'DELETED') this.#objects.delete(name);
      else if (type === 'ADDED' || type === 'MODIFIED') this.#objects.set(name, read(object, this.#objects.get(name)));
      else throw garbage(resource.name, line);
    }
    this.#version = resourceVersion;
    this.#heard();
    if (type === 'BOOKMARK') onHeard();
    else onChange();
  }

  #heard(): void {
    this.#heardMs = Date.now();
    if (this.#trouble === null) {
      this.#options.onHeard();
      return;
    }
    this.#trouble = null;
    this.#forbidden = false;
    this.#options.onTrouble(null);
    this.#options.onChange();
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    const status = error instanceof ApiError ? error.status : 0;
    // The version is too old (410), or of another history (400, 404, 504 of a version that is yet to come).
    if (error instanceof LostTrack || [400, 404, 410, 504].includes(status)) this.#version = null;
    // That a version has become too old is the way of the thing, not trouble.
    if (status === 410 && this.#failures === 1) return;
    const { name } = this.#options.resource;
    const said = error instanceof Error ? error.message : String(error);
    const trouble = said.includes(name) ? said : `watch ${name}: ${said}`;
    const first = this.#trouble === null || this.#forbidden !== (status === 403);
    this.#trouble = trouble;
    this.#forbidden = status === 403;
    if (first) this.#options.onTrouble(trouble);
    this.#options.onChange();
  }

  /** The cluster does not know the resource, and need not. */
  #isAbsent(error: unknown): boolean {
    const { resource, onChange } = this.#options;
    if (resource.optional !== true || !(error instanceof ApiError) || error.status !== 404) return false;
    const first = !this.#synced || this.#objects.size > 0;
    this.#objects = new Map();
    this.#version = null;
    this.#synced = true;
    this.#heard();
    this.#open = true;
    if (first) onChange();
    return true;
  }
}

function parse(line: string, resource: string): WatchEvent {
  try {
    const event: unknown = JSON.parse(line);
    if (typeof event === 'object' && event !== null) return event;
  } catch {
    // Told below.
  }
  throw garbage(resource, line);
}

function garbage(resource: string, line: string): LostTrack {
  return new LostTrack(`watch ${resource}: not an event: ${JSON.stringify(line.slice(0, 80))}`);
}

/** @throws LostTrack where a line is cut off or has no end */
async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    const parts = (rest + (chunk as string)).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > longestLine) throw new LostTrack(`a line is longer than ${longestLine} characters`);
    for (const part of parts) if (part !== '') yield part;
  }
  if (rest !== '') throw new LostTrack(`a line was cut off: ${JSON.stringify(rest.slice(0, 80))}`);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
