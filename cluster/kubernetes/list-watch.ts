/**
 * Keeps a current copy of all objects of one kind in one namespace: lists them once, then watches for changes.
 *
 *   list ──→ watch ──ended after its timeout──→ watch from the last version
 *    ↑         ├── connection lost, refused, silent ──→ a second at most, watch from the last version
 *    ├─────────┼── 410 Gone, the first time ──→ list again at once
 *    └─────────┴── 410 again, garbage, unknown version ──→ back-off, list again; until it is complete, the old objects stay
 *
 * Failures never change the objects. They only let the time of the last confirmation (`asOfMs`) fall behind.
 */
import type { IncomingMessage } from 'node:http';
import { ApiError, type KubernetesApi } from './api.ts';
import type { KubernetesObject, ObjectMeta } from './objects.ts';
import { apiBackoff, backoffMs, unreachableBackoff } from './policy/backoff.ts';

export interface Resource {
  /** Plural name for messages and metrics, such as `pods`. */
  readonly name: string;
  /** URL path, such as `/api/v1/namespaces/default/pods`. */
  readonly path: string;
  /** Whether the cluster may lack the resource type. Then there are no objects, and the list is retried every `absentMs`. */
  readonly optional?: boolean;
}

export interface ListWatchOptions<Item> {
  readonly api: KubernetesApi;
  readonly resource: Resource;
  /** Extracts what to keep of an object; `previous` is the earlier result for it. */
  readonly read: (object: KubernetesObject, previous: Item | undefined) => Item;
  /** Called after a change of the objects or of `lastError`. */
  readonly onChange: () => void;
  /** Called when the objects are confirmed as current without a change. */
  readonly onConfirmed: () => void;
  /** Called with the first of consecutive failures, and with null after recovery. */
  readonly onError: (message: string | null) => void;
  readonly timing?: WatchTiming;
  /** Waits before a retry. Resolves early if `signal` aborts. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface WatchTiming {
  /** Timeout of a watch, which the server ends after 1 to 1.5 times this. Limits how long a quiet resource is unconfirmed. */
  readonly watchSeconds: number;
  /** Time after the timeout of a watch at which it is considered dead. */
  readonly graceMs: number;
  /** Interval of attempts to list an optional resource that the cluster lacks. */
  readonly absentMs: number;
}

const defaultTiming: WatchTiming = { watchSeconds: 40, graceMs: 10_000, absentMs: 60_000 };
const pageSize = 500;
/** Maximum characters of an event; objects in the API server are below 3 MiB. */
const maxLineLength = 16 * 1024 * 1024;
/** Watches that end sooner than this count as failures, so that they are not retried without a pause. */
const minWatchMs = 1000;

interface WatchEvent {
  readonly type?: string;
  readonly object?: KubernetesObject & { readonly code?: number; readonly message?: string };
}

interface ListAnswer {
  readonly metadata?: ObjectMeta & { readonly continue?: string };
  readonly items?: readonly KubernetesObject[];
}

/** The watch cannot continue from the last version, so the objects must be listed again. */
class RelistRequired extends Error {}

export class ListWatch<Item> {
  readonly #options: ListWatchOptions<Item>;
  readonly #timing: WatchTiming;
  readonly #pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #objects = new Map<string, Item>();
  #version: string | null = null;
  #synced = false;
  #confirmedMs = 0;
  /** Whether a watch is open or the resource type is absent, so that silence means no change. */
  #open = false;
  /** Consecutive failures of one kind: nothing answered, or the API server did. */
  #failures = 0;
  #wasAnswered = false;
  /** Whether the objects were listed anew for an expired version, and no watch has worked since. */
  #hasRelisted = false;
  #lastError: string | null = null;
  #forbidden = false;

  constructor(options: ListWatchOptions<Item>) {
    this.#options = options;
    this.#timing = options.timing ?? defaultTiming;
    this.#pause = options.pause ?? pause;
    this.#done = this.#run();
  }

  /** Objects by name. */
  get objects(): ReadonlyMap<string, Item> {
    return this.#objects;
  }

  /** Whether a list has completed at least once. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Current error, such as `watch pods: 403 …`; null while list and watch work. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /** Whether the API server forbids reading the resource (403). */
  get forbidden(): boolean {
    return this.#forbidden;
  }

  /**
   * Wall-clock time in milliseconds up to which the objects are known to be current. While a watch is open, any successful
   * request to the API server counts as a confirmation, but for no longer than a watch lasts.
   */
  get asOfMs(): number {
    if (!this.#open) return this.#confirmedMs;
    const { watchSeconds, graceMs, absentMs } = this.#timing;
    const maxMs = Math.max(watchSeconds * 1500, absentMs * 1.5) + graceMs;
    return Math.max(this.#confirmedMs, Math.min(this.#options.api.lastOkMs, this.#confirmedMs + maxMs));
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
        const lasted = performance.now() - startedMs >= minWatchMs;
        this.#failures = lasted ? 0 : this.#failures + 1;
        this.#wasAnswered = true;
        if (lasted) {
          this.#hasRelisted = false;
          continue;
        }
      } catch (error) {
        if (closed()) break;
        if (this.#isAbsent(error)) {
          await this.#pause(this.#timing.absentMs * (1 + Math.random() / 2), signal);
          continue;
        }
        this.#failed(error);
        if (this.#isExpired(error)) continue;
      }
      this.#open = false;
      const backoff = this.#wasAnswered ? apiBackoff : unreachableBackoff;
      await this.#pause(backoffMs(backoff, this.#failures, Math.random()), signal);
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
        operation: `list ${resource.name}`,
        path: resource.path,
        query: { limit: String(pageSize), ...(page === undefined ? {} : { continue: page }) },
        timeoutMs: 30_000,
        signal: this.#stop.signal,
      });
      if (!Array.isArray(answer.items)) throw new RelistRequired(`list ${resource.name}: the answer is not a list`);
      for (const object of answer.items as KubernetesObject[]) {
        const name = object.metadata?.name;
        if (name === undefined) throw new RelistRequired(`list ${resource.name}: an object has no name`);
        objects.set(name, read(object, this.#objects.get(name)));
      }
      version = answer.metadata?.resourceVersion;
      page = answer.metadata?.continue === '' ? undefined : answer.metadata?.continue;
    } while (page !== undefined);
    if (version === undefined) throw new RelistRequired(`list ${resource.name}: the answer has no resourceVersion`);
    this.#objects = objects;
    this.#version = version;
    this.#synced = true;
    this.#confirm();
    this.#options.onChange();
  }

  /** Resolves when the server has ended the watch after its timeout. */
  async #watch(): Promise<void> {
    const { api, resource } = this.#options;
    const seconds = Math.ceil(this.#timing.watchSeconds * (1 + Math.random() / 2));
    const silence = new AbortController();
    const limitMs = seconds * 1000 + this.#timing.graceMs;
    const timer = setTimeout(() => {
      silence.abort(new Error(`watch ${resource.name}: no end after its timeout`));
    }, limitMs);
    const signal = AbortSignal.any([this.#stop.signal, silence.signal]);
    try {
      const response = await api.stream({
        operation: `watch ${resource.name}`,
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
      this.#confirm();
      for await (const line of lines(response)) {
        this.#event(line);
        this.#failures = 0;
        this.#hasRelisted = false;
      }
      this.#confirm();
    } catch (error) {
      throw silence.signal.aborted ? (silence.signal.reason as Error) : error;
    } finally {
      clearTimeout(timer);
      this.#open = false;
    }
  }

  #event(line: string): void {
    const { resource, read, onChange, onConfirmed } = this.#options;
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
    this.#confirm();
    if (type === 'BOOKMARK') onConfirmed();
    else onChange();
  }

  #confirm(): void {
    this.#confirmedMs = Date.now();
    if (this.#lastError === null) {
      this.#options.onConfirmed();
      return;
    }
    this.#lastError = null;
    this.#forbidden = false;
    this.#options.onError(null);
    this.#options.onChange();
  }

  #failed(error: unknown): void {
    const isAnswer = error instanceof ApiError || error instanceof RelistRequired;
    // A server that is back may refuse at first: that is no reason to wait as long as for one that was away.
    if (isAnswer !== this.#wasAnswered) this.#failures = 0;
    this.#wasAnswered = isAnswer;
    this.#failures += 1;
    const status = error instanceof ApiError ? error.status : 0;
    // 410: the version is too old. 400, 404, 504: the version is from another history, for example after a restore.
    if (error instanceof RelistRequired || [400, 404, 410, 504].includes(status)) this.#version = null;
    // An expired version is normal and not reported as an error.
    if (status === 410 && this.#failures === 1) return;
    const { name } = this.#options.resource;
    const text = error instanceof Error ? error.message : String(error);
    const message = text.includes(name) ? text : `watch ${name}: ${text}`;
    const isNew = this.#lastError === null || this.#forbidden !== (status === 403);
    this.#lastError = message;
    this.#forbidden = status === 403;
    if (isNew) this.#options.onError(message);
    this.#options.onChange();
  }

  /** Whether the version is too old, as after an outage, and a list mends that at once. A server that says so of new lists is not asked so fast. */
  #isExpired(error: unknown): boolean {
    if (!(error instanceof ApiError) || error.status !== 410 || this.#hasRelisted) return false;
    this.#failures = 0;
    this.#hasRelisted = true;
    return true;
  }

  /** Handles the answer that the cluster lacks an optional resource type; false for other errors. */
  #isAbsent(error: unknown): boolean {
    const { resource, onChange } = this.#options;
    if (resource.optional !== true || !(error instanceof ApiError) || error.status !== 404) return false;
    const first = !this.#synced || this.#objects.size > 0;
    this.#objects = new Map();
    this.#version = null;
    this.#synced = true;
    this.#confirm();
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
    // Falls through to the error below.
  }
  throw garbage(resource, line);
}

function garbage(resource: string, line: string): RelistRequired {
  return new RelistRequired(`watch ${resource}: not an event: ${JSON.stringify(line.slice(0, 80))}`);
}

/** @throws RelistRequired for an incomplete or overlong line */
async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    const parts = (rest + (chunk as string)).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > maxLineLength) throw new RelistRequired(`a line is longer than ${maxLineLength} characters`);
    for (const part of parts) if (part !== '') yield part;
  }
  if (rest !== '') throw new RelistRequired(`incomplete line: ${JSON.stringify(rest.slice(0, 80))}`);
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
