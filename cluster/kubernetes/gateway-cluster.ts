/** A gateway's view of Kubernetes: the ModelPools of its namespace and their pods, once both lists are complete. */
import type { Cluster, ClusterView } from '../port.ts';
import type { KubernetesApi } from './api.ts';
import { gatewayView } from './views.ts';
import { Debounce, watchPoolsAndPods } from './watches.ts';

export interface KubernetesLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Minimum interval between views in a burst of changes, such as the start of 500 pods. */
const changeMs = 50;

export class KubernetesCluster implements Cluster {
  readonly #api: KubernetesApi;
  readonly #log: KubernetesLog;
  readonly #watches: ReturnType<typeof watchPoolsAndPods>;
  readonly #debounce: Debounce;
  readonly #listeners = new Set<(view: ClusterView) => void>();
  /** Logged spec errors, by pool. */
  readonly #loggedErrors = new Map<string, string>();
  #view: ClusterView | null = null;

  constructor(api: KubernetesApi, log: KubernetesLog) {
    this.#api = api;
    this.#log = log;
    this.#debounce = new Debounce(() => this.#update(), changeMs, Infinity);
    this.#watches = watchPoolsAndPods(api, {
      onChange: () => this.#debounce.changed(),
      onConfirmed: () => undefined,
      onError: (message, resource) => logWatchState(log, message, resource),
    });
  }

  watch(listener: (view: ClusterView) => void): () => void {
    this.#listeners.add(listener);
    if (this.#view !== null) listener(this.#view);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#debounce.close();
    this.#listeners.clear();
    await Promise.all([this.#watches.pools.close(), this.#watches.pods.close()]);
    this.#api.close();
  }

  #update(): void {
    const { pools, pods } = this.#watches;
    if (!pools.synced || !pods.synced) return;
    for (const { name, errors } of pools.objects.values()) {
      const message = errors.join('; ');
      if (message !== (this.#loggedErrors.get(name) ?? '')) {
        if (message !== '') this.#log.warn({ pool: name }, invalidSpec(name, message));
        this.#loggedErrors.set(name, message);
      }
    }
    this.#view = gatewayView([...pools.objects.values()], [...pods.objects.values()]);
    for (const listener of this.#listeners) listener(this.#view);
  }
}

/** Log message for a pool whose spec became invalid. */
export function invalidSpec(pool: string, errors: string): string {
  return `pool ${pool} has an invalid spec, its last valid spec stays in effect: ${errors}`;
}

/** Logs that a resource can no longer be read, or with a null error that it can be again. */
export function logWatchState(log: KubernetesLog, error: string | null, resource: string): void {
  if (error === null) log.info({ resource }, `${resource} are current again`);
  else log.warn({ resource }, `${resource} are not updated: ${error}`);
}
