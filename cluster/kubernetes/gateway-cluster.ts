/**
 * A gateway's view of Kubernetes: the ModelPools of its namespaces and their pods, once these lists are complete. A gateway that starts
 * while the API server is away gets the view that it kept last, until the lists are there.
 */
import type { Cluster, ClusterView } from '../port.ts';
import type { KubernetesApi } from './api.ts';
import type { LastView } from './last-view.ts';
import { gatewayView } from './views.ts';
import { Debounce, objectsOf, watchPoolsAndPods, type PoolsAndPods } from './watches.ts';

export interface KubernetesLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Minimum interval between views in a burst of changes, such as the start of 500 pods. */
const changeMs = 50;

/** Time after which an API server that has not answered counts as away. */
const awayAfterMs = 2_000;

export class KubernetesCluster implements Cluster {
  readonly #api: KubernetesApi;
  readonly #log: KubernetesLog;
  readonly #watches: readonly PoolsAndPods[];
  readonly #debounce: Debounce;
  readonly #listeners = new Set<(view: ClusterView) => void>();
  /** Logged spec errors, by pool. */
  readonly #loggedErrors = new Map<string, string>();
  readonly #lastView: LastView | null;
  readonly #away: NodeJS.Timeout;
  #view: ClusterView | null = null;

  constructor(api: KubernetesApi, log: KubernetesLog, lastView: LastView | null = null) {
    this.#api = api;
    this.#log = log;
    this.#lastView = lastView;
    this.#away = setTimeout(() => this.#serveFromLast(), awayAfterMs);
    this.#debounce = new Debounce(() => this.#update(), changeMs, Infinity);
    const callbacks = {
      onChange: () => this.#debounce.changed(),
      onConfirmed: () => undefined,
      onError: (message: string | null, resource: string) => {
        logWatchState(log, message, resource);
        if (message !== null) this.#serveFromLast();
      },
    };
    this.#watches = api.namespaces.map((namespace) => watchPoolsAndPods({ api, namespace, callbacks }));
  }

  watch(listener: (view: ClusterView) => void): () => void {
    this.#listeners.add(listener);
    if (this.#view !== null) listener(this.#view);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#debounce.close();
    clearTimeout(this.#away);
    this.#listeners.clear();
    await Promise.all(this.#watches.flatMap(({ pools, pods }) => [pools.close(), pods.close()]));
    this.#api.close();
    await this.#lastView?.close();
  }

  #update(): void {
    // A namespace that may not be read is left out, so that one team's missing Role stops no other team.
    const known = this.#watches.filter(({ pools, pods }) => pools.synced && pods.synced);
    const awaited = this.#watches.filter((watch) => !known.includes(watch));
    if (known.length === 0 || awaited.some(({ pools, pods }) => !pools.forbidden && !pods.forbidden)) return;
    const pools = objectsOf(known.map((watch) => watch.pools));
    for (const { name, errors } of pools) {
      const message = errors.join('; ');
      if (message !== (this.#loggedErrors.get(name) ?? '')) {
        if (message !== '') this.#log.warn({ pool: name }, invalidSpec(name, message));
        this.#loggedErrors.set(name, message);
      }
    }
    clearTimeout(this.#away);
    const view = gatewayView(pools, objectsOf(known.map((watch) => watch.pods)));
    this.#show(view);
    this.#lastView?.keep(view);
  }

  /** Shows the view of an earlier process, if there is one and nothing newer. Pods that are gone by now fail their first probe. */
  #serveFromLast(): void {
    clearTimeout(this.#away);
    if (this.#view !== null) return;
    const last = this.#lastView?.read() ?? null;
    if (last === null) return;
    const savedAt = new Date(last.savedAtMs).toISOString();
    this.#log.warn(
      { savedAt },
      `the API server does not answer: serving from the last view of the cluster, of ${savedAt}`,
    );
    this.#show(last.view);
  }

  #show(view: ClusterView): void {
    this.#view = view;
    for (const listener of this.#listeners) listener(view);
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
