/** What a gateway sees of a cluster: the ModelPools of its namespace and their pods. Nothing before both are whole. */
import type { Cluster, ClusterView } from '../port.ts';
import type { KubernetesApi } from './api.ts';
import { gatewayView } from './views.ts';
import { Coalesced, watchPoolsAndPods } from './watches.ts';

export interface KubernetesLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A burst of changes, such as 500 pods that start, is told at most this often. */
const changeMs = 50;

export class KubernetesCluster implements Cluster {
  readonly #api: KubernetesApi;
  readonly #log: KubernetesLog;
  readonly #watches: ReturnType<typeof watchPoolsAndPods>;
  readonly #told: Coalesced;
  readonly #listeners = new Set<(view: ClusterView) => void>();
  readonly #wrong = new Map<string, string>();
  #view: ClusterView | null = null;

  constructor(api: KubernetesApi, log: KubernetesLog) {
    this.#api = api;
    this.#log = log;
    this.#told = new Coalesced(() => this.#tell(), changeMs, Infinity);
    this.#watches = watchPoolsAndPods(api, {
      onChange: () => this.#told.changed(),
      onHeard: () => undefined,
      onTrouble: (trouble, resource) => logTrouble(log, trouble, resource),
    });
  }

  watch(listener: (view: ClusterView) => void): () => void {
    this.#listeners.add(listener);
    if (this.#view !== null) listener(this.#view);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#told.close();
    this.#listeners.clear();
    await Promise.all([this.#watches.pools.close(), this.#watches.pods.close()]);
    this.#api.close();
  }

  #tell(): void {
    const { pools, pods } = this.#watches;
    if (!pools.synced || !pods.synced) return;
    for (const { name, errors } of pools.objects.values()) {
      const said = errors.join('; ');
      if (said !== (this.#wrong.get(name) ?? '')) {
        if (said !== '') this.#log.warn({ pool: name }, `pool ${name} is wrong and stays as it was: ${said}`);
        this.#wrong.set(name, said);
      }
    }
    this.#view = gatewayView(pools.objects.values(), pods.objects.values());
    for (const listener of this.#listeners) listener(this.#view);
  }
}

export function logTrouble(log: KubernetesLog, trouble: string | null, resource: string): void {
  if (trouble === null) log.info({ resource }, `${resource} are known again`);
  else log.warn({ resource }, `what is known of ${resource} grows old: ${trouble}`);
}
