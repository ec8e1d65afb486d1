/**
 * Last view of the cluster in a file, from which a gateway that restarts serves while the API server is away. It holds pools and pods
 * with their addresses, and no secret. A file is whole or not there (it is renamed into place), says its format and its namespace, and
 * has a greatest size; one that can't be used is a warning, and as good as none.
 */
import { readFileSync, statSync } from 'node:fs';
import Type from 'typebox';
import { Check, Errors } from 'typebox/value';
import { parseModelPool, type ModelPool } from '../../contract/model-pool.ts';
import { PoolModel } from '../../contract/model-versions.ts';
import { replaceFile } from '../../runtime/replace-file.ts';
import type { ClusterView, Pod } from '../port.ts';
import { named } from './read-pool.ts';

/** Raised when a file of an earlier version would be misread. */
const format = 1;
/** Size beyond which no view is kept: some fifty times that of 50 pools with 500 pods. */
const maxBytes = 16 * 1024 * 1024;
/** Least time between two writes. */
const betweenMs = 1_000;

const OrNull = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const StoredPod = Type.Object({
  uid: Type.String({ minLength: 1 }),
  name: Type.String(),
  pool: Type.String(),
  phase: Type.Enum(['Pending', 'Running', 'Ready', 'Terminating']),
  origin: OrNull(Type.String({ pattern: '^https?://' })),
  isPeer: Type.Optional(Type.Literal(true)),
  restarts: Type.Number(),
  createdAtMs: Type.Number(),
  readyAtMs: OrNull(Type.Number()),
  draining: Type.Optional(OrNull(Type.String())),
  reason: OrNull(Type.String()),
});
const Stored = Type.Object({
  format: Type.Literal(format),
  namespace: Type.String(),
  savedAtMs: Type.Number(),
  view: Type.Object({
    pools: Type.Array(Type.Object({ metadata: Type.Object({ name: Type.String() }) })),
    pods: Type.Array(StoredPod),
    versions: Type.Optional(Type.Record(Type.String(), Type.Array(PoolModel))),
  }),
});

export interface LastViewOptions {
  readonly file: string;
  /** Namespaces whose view is kept; that of others is not used. */
  readonly namespaces: readonly string[];
  readonly onWarning: (message: string) => void;
}

export class LastView {
  readonly #options: LastViewOptions;
  /** View in the file, as text, so that an equal one is not written again. */
  #kept = '';
  #next: string | null = null;
  #writing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #hasWarned = false;

  constructor(options: LastViewOptions) {
    this.#options = options;
  }

  /** @returns null if there is none that can be used */
  read(): { readonly view: ClusterView; readonly savedAtMs: number } | null {
    const { file, onWarning } = this.#options;
    try {
      if (statSync(file).size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
      return this.#parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      onWarning(`${file}: the last view of the cluster can't be used: ${(error as Error).message}`);
      return null;
    }
  }

  /** Keeps the view, soon: in a burst of changes the last one. */
  keep(view: ClusterView): void {
    // Renewals of drain marks come every few seconds, and say nothing to a gateway that starts.
    const text = JSON.stringify(view, (key, value: unknown) => (key === 'drainLease' ? undefined : value));
    if (text === this.#kept) return;
    this.#kept = text;
    this.#next = text;
    this.#timer ??= setTimeout(() => this.#write(), betweenMs).unref();
  }

  /** Writes what is left to write. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    if (this.#next !== null) this.#write();
    await this.#writing;
  }

  #write(): void {
    const text = this.#next;
    this.#next = null;
    this.#timer = undefined;
    if (text === null || this.#writing !== null) {
      this.#next = text;
      return;
    }
    this.#writing = this.#save(text).finally(() => {
      this.#writing = null;
      if (this.#next !== null) this.#timer ??= setTimeout(() => this.#write(), betweenMs).unref();
    });
  }

  async #save(view: string): Promise<void> {
    const { file, namespaces, onWarning } = this.#options;
    try {
      const head = JSON.stringify({ format, namespace: namespaces.join(), savedAtMs: Date.now() });
      const whole = Buffer.from(`${head.slice(0, -1)},"view":${view}}\n`);
      if (whole.length > maxBytes) throw new Error(`it would have ${whole.length} bytes, at most ${maxBytes} are kept`);
      await replaceFile(file, whole, 'one');
      this.#hasWarned = false;
    } catch (error) {
      if (!this.#hasWarned) onWarning(`${file}: the view of the cluster can't be kept: ${(error as Error).message}`);
      this.#hasWarned = true;
    }
  }

  #parse(value: unknown): { readonly view: ClusterView; readonly savedAtMs: number } {
    if (!Check(Stored, value)) {
      const [first] = Errors(Stored, value);
      throw new Error(`${first?.instancePath || '/'}: ${first?.message ?? 'is not what this version writes'}`);
    }
    const namespace = this.#options.namespaces.join();
    if (value.namespace !== namespace) throw new Error(`it is of namespace ${value.namespace}, not ${namespace}`);
    const pools = value.view.pools.map(parsePool);
    const { pods, versions } = value.view;
    const view = { pools, pods: pods satisfies readonly Pod[], ...(versions === undefined ? {} : { versions }) };
    return { view, savedAtMs: value.savedAtMs };
  }
}

/** The name of a pool may begin with its namespace, as that of no object does. @throws Error */
function parsePool(value: { readonly metadata: { readonly name: string } }): ModelPool {
  const { name } = value.metadata;
  const objectName = name.slice(name.indexOf('/') + 1);
  const { pool, errors } = parseModelPool({ ...value, metadata: { ...value.metadata, name: objectName } });
  if (pool === null) throw new Error(errors.join('; '));
  return named(pool, name);
}
