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

/** Place where objects are watched, and the callbacks for what changes. */
export interface WatchPlace {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly callbacks: WatchCallbacks;
}

/** Watches all objects of a kind in a namespace. */
export function watchOf<Item>(
  { api, namespace, callbacks }: WatchPlace,
  { groupVersion, name, optional }: Omit<Resource, 'path'> & { readonly groupVersion: string },
  read: ListWatchOptions<Item>['read'],
): ListWatch<Item> {
  const { onChange, onConfirmed, onError } = callbacks;
  const base = groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
  const path = `${base}/namespaces/${namespace}/${name}`;
  return new ListWatch({
    api,
    resource: { name, path, ...(optional === undefined ? {} : { optional }) },
    read,
    onChange,
    onConfirmed,
    onError: (message) => onError(message, api.namespaces.length === 1 ? name : `${name} of namespace ${namespace}`),
  });
}

/** Watches the pods of a namespace, with a single watch for those of all its pools. */
export function watchPods(place: WatchPlace): ListWatch<PodRecord> {
  return watchOf(place, { groupVersion: 'v1', name: 'pods' }, readPod);
}

export interface PoolsAndPods {
  readonly namespace: string;
  readonly pools: ListWatch<PoolRecord>;
  readonly pods: ListWatch<PodRecord>;
}

export function watchPoolsAndPods(place: WatchPlace): PoolsAndPods {
  const { api, namespace } = place;
  const isOneOfSeveral = api.namespaces.length > 1;
  const kind = { groupVersion: 'sluice.dev/v1alpha1', name: 'modelpools' };
  return {
    namespace,
    pools: watchOf<PoolRecord>(place, kind, (object, previous) => readPool(object, previous, isOneOfSeveral)),
    pods: watchPods(place),
  };
}

/** Current objects of one kind, of all namespaces. */
export function objectsOf<Item>(watches: readonly Pick<ListWatch<Item>, 'objects'>[]): Item[] {
  return watches.flatMap(({ objects }) => [...objects.values()]);
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
