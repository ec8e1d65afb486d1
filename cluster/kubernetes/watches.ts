/** Watches of the kinds of objects that Sluice reads, and a debounce for building one view from them. */
import type { KubernetesApi } from './api.ts';
import { ListWatch, type ListWatchOptions, type Resource } from './list-watch.ts';
import { readPod, type PodRecord } from './read-pod.ts';
import { readPool, type PoolRecord } from './read-pool.ts';

export interface WatchCallbacks {
  readonly onChange: () => void;
  readonly onConfirmed: () => void;
  readonly onError: (message: string | null, resource: string) => void;
}

/** Watches all objects of a kind in the namespace of `api`. */
export function watchOf<Item>(
  api: KubernetesApi,
  groupVersion: string,
  { name, optional }: Omit<Resource, 'path'>,
  read: ListWatchOptions<Item>['read'],
  { onChange, onConfirmed, onError }: WatchCallbacks,
): ListWatch<Item> {
  const base = groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
  const path = `${base}/namespaces/${api.namespace}/${name}`;
  return new ListWatch({
    api,
    resource: { name, path, ...(optional === undefined ? {} : { optional }) },
    read,
    onChange,
    onConfirmed,
    onError: (message) => onError(message, name),
  });
}

/** Watches the pools and all pods of the namespace, with a single watch for the pods of all pools. */
export function watchPoolsAndPods(
  api: KubernetesApi,
  callbacks: WatchCallbacks,
): { readonly pools: ListWatch<PoolRecord>; readonly pods: ListWatch<PodRecord> } {
  return {
    pools: watchOf(api, 'sluice.dev/v1alpha1', { name: 'modelpools' }, readPool, callbacks),
    pods: watchOf(api, 'v1', { name: 'pods' }, readPod, callbacks),
  };
}

/**
 * Calls `notify` once for a burst of events, and no more often than the minimum interval of the event: `changeMs` after a
 * change, `confirmedMs` after a confirmation that nothing changed.
 */
export class Debounce {
  readonly #notify: () => void;
  readonly #changeMs: number;
  readonly #confirmedMs: number;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Infinity;
  #notifiedMs = -Infinity;

  constructor(notify: () => void, changeMs: number, confirmedMs: number) {
    this.#notify = notify;
    this.#changeMs = changeMs;
    this.#confirmedMs = confirmedMs;
  }

  changed(): void {
    this.#schedule(this.#changeMs);
  }

  confirmed(): void {
    this.#schedule(this.#confirmedMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#dueMs = -Infinity;
  }

  #schedule(intervalMs: number): void {
    const now = performance.now();
    const due = Math.max(now, this.#notifiedMs + intervalMs);
    if (due >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = due;
    this.#timer = setTimeout(() => {
      this.#notifiedMs = performance.now();
      this.#dueMs = Infinity;
      this.#notify();
    }, due - now);
  }
}
