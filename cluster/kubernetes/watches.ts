/** Which kinds of objects are watched, and how several of them are told of as one view. */
import type { KubernetesApi } from './api.ts';
import { ListWatch, type ListWatchOptions, type Resource } from './list-watch.ts';
import { readPod, type PodRecord } from './read-pod.ts';
import { readPool, type PoolRecord } from './read-pool.ts';

export interface Telling {
  readonly onChange: () => void;
  readonly onHeard: () => void;
  readonly onTrouble: (trouble: string | null, resource: string) => void;
}

/** A watch of all objects of a kind in the namespace of `api`. */
export function watchOf<Item>(
  api: KubernetesApi,
  groupVersion: string,
  { name, optional }: Omit<Resource, 'path'>,
  read: ListWatchOptions<Item>['read'],
  { onChange, onHeard, onTrouble }: Telling,
): ListWatch<Item> {
  const base = groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
  const path = `${base}/namespaces/${api.namespace}/${name}`;
  return new ListWatch({
    api,
    resource: { name, path, ...(optional === undefined ? {} : { optional }) },
    read,
    onChange,
    onHeard,
    onTrouble: (trouble) => onTrouble(trouble, name),
  });
}

/** Pools, and the pods of the namespace: a single watch, however many pools there are. */
export function watchPoolsAndPods(
  api: KubernetesApi,
  telling: Telling,
): { readonly pools: ListWatch<PoolRecord>; readonly pods: ListWatch<PodRecord> } {
  return {
    pools: watchOf(api, 'sluice.dev/v1alpha1', { name: 'modelpools' }, readPool, telling),
    pods: watchOf(api, 'v1', { name: 'pods' }, readPod, telling),
  };
}

/**
 * Calls `tell` once for many changes: at the end of this turn of the event loop, and not again within `leastMs`.
 * A change is told sooner than that something is unchanged.
 */
export class Coalesced {
  readonly #tell: () => void;
  readonly #changeMs: number;
  readonly #heardMs: number;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Infinity;
  #toldMs = -Infinity;

  constructor(tell: () => void, changeMs: number, heardMs: number) {
    this.#tell = tell;
    this.#changeMs = changeMs;
    this.#heardMs = heardMs;
  }

  changed(): void {
    this.#plan(this.#changeMs);
  }

  heard(): void {
    this.#plan(this.#heardMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#dueMs = -Infinity;
  }

  #plan(leastMs: number): void {
    const now = performance.now();
    const due = Math.max(now, this.#toldMs + leastMs);
    if (due >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = due;
    this.#timer = setTimeout(() => {
      this.#toldMs = performance.now();
      this.#dueMs = Infinity;
      this.#tell();
    }, due - now);
  }
}
