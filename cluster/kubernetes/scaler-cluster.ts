/** A scaler's view of Kubernetes, and its writes. Each write checks at that moment that this process holds the lease. */
import type { PoolStatus } from '../../contract/pool-status.ts';
import type {
  Leadership,
  PoolEvent,
  ScalableCluster,
  ScalerPod,
  ScalerView,
  ScaleTarget,
  WriteResult,
} from '../scalable.ts';
import type { KubernetesApi } from './api.ts';
import { Events } from './events.ts';
import { invalidSpec, logWatchState, type KubernetesLog } from './gateway-cluster.ts';
import { Leader } from './leader.ts';
import type { ListWatch } from './list-watch.ts';
import { scaleProblems } from './policy/problems.ts';
import { readAutoscaler, readDeployment } from './read-deployment.ts';
import type { PoolRecord } from './read-pool.ts';
import { gatewayMembers, scalerPods, scaleTargets } from './views.ts';
import { Debounce, objectsOf, watchOf, watchPods, watchPoolsAndPods, type WatchPlace } from './watches.ts';
import { Writes } from './writes.ts';

export interface KubernetesScalerOptions {
  readonly api: KubernetesApi;
  readonly log: KubernetesLog;
  readonly leaseName: string;
  /** Unique identity of this process in the lease. */
  readonly identity: string;
}

/** Minimum interval between views in a burst of changes. */
const changeMs = 50;
/** Minimum interval between views without a change, which only update `asOfMs`. */
const confirmedMs = 1000;
/** Time for which a pool is reported as Forbidden after a forbidden write. Later writes are tried again. */
const forbiddenMs = 30_000;

function watchNamespace(place: WatchPlace) {
  return {
    ...watchPoolsAndPods(place),
    deployments: watchOf(place, { groupVersion: 'apps/v1', name: 'deployments' }, readDeployment),
    hpas: watchOf(place, { groupVersion: 'autoscaling/v2', name: 'horizontalpodautoscalers' }, (object) =>
      readAutoscaler('HorizontalPodAutoscaler', object),
    ),
    scaledObjects: watchOf(
      place,
      { groupVersion: 'keda.sh/v1alpha1', name: 'scaledobjects', optional: true },
      (object) => readAutoscaler('ScaledObject', object),
    ),
  };
}
type NamespaceWatches = ReturnType<typeof watchNamespace>;

type AnyWatch = Pick<ListWatch<unknown>, 'synced' | 'forbidden' | 'lastError' | 'asOfMs' | 'close'>;

export class KubernetesScaler implements ScalableCluster {
  readonly #api: KubernetesApi;
  readonly #log: KubernetesLog;
  /** Watches by namespace of pools. */
  readonly #watches: ReadonlyMap<string, NamespaceWatches>;
  /** Watch of the namespace where the gateways are. */
  readonly #gateways: NamespaceWatches['pods'];
  readonly #all: readonly { readonly namespace: string; readonly watch: AnyWatch }[];
  readonly #leader: Leader;
  readonly #writes: Writes;
  readonly #events: Events;
  readonly #debounce: Debounce;
  readonly #listeners = new Set<(view: ScalerView) => void>();
  /** Last forbidden write, by pool. */
  readonly #forbidden = new Map<string, { readonly message: string; readonly atMs: number }>();
  /** Reported spec errors, by UID of the pool. */
  readonly #reportedErrors = new Map<string, string>();
  #view: ScalerView | null = null;

  constructor({ api, log, leaseName, identity }: KubernetesScalerOptions) {
    this.#api = api;
    this.#log = log;
    this.#debounce = new Debounce(() => this.#update(), changeMs, confirmedMs);
    const callbacks = {
      onChange: () => this.#debounce.changed(),
      onConfirmed: () => this.#debounce.confirmed(),
      onError: (message: string | null, resource: string) => logWatchState(log, message, resource),
    };
    this.#watches = new Map(
      api.namespaces.map((namespace) => [namespace, watchNamespace({ api, namespace, callbacks })]),
    );
    const own = api.ownNamespace;
    this.#gateways = this.#watches.get(own)?.pods ?? watchPods({ api, namespace: own, callbacks });
    this.#all = [
      ...[...this.#watches.values()].flatMap(({ namespace, pools, pods, deployments, hpas, scaledObjects }) =>
        [pools, pods, deployments, hpas, scaledObjects].map((watch: AnyWatch) => ({ namespace, watch })),
      ),
      ...(this.#watches.has(own) ? [] : [{ namespace: own, watch: this.#gateways }]),
    ];
    this.#leader = new Leader({
      api,
      leaseName,
      identity,
      onChange: () => {
        const { leading, holder } = this.leadership();
        log.info({ leading, holder }, leading ? 'this scaler leads' : `${holder ?? 'no scaler'} leads`);
        this.#debounce.changed();
      },
      // The lease is read or written every 2 s, which also confirms that the API server answers.
      onConfirmed: () => this.#debounce.confirmed(),
      onError: (message) => logWatchState(log, message, 'leases'),
    });
    this.#writes = new Writes(api, (pool, message) => {
      log.warn({ pool }, `the API server forbids a write: ${message}`);
      this.#forbidden.set(pool, { message, atMs: performance.now() });
      this.#debounce.changed();
    });
    this.#events = new Events(api, identity, (message) => log.warn({}, message));
  }

  watchAll(listener: (view: ScalerView) => void): () => void {
    this.#listeners.add(listener);
    if (this.#view !== null) listener(this.#view);
    return () => this.#listeners.delete(listener);
  }

  leadership(): Leadership {
    return this.#leader.leadership;
  }

  scale(target: ScaleTarget, replicas: number): Promise<WriteResult> {
    const record = this.#recordOf(target.pool);
    const deployments = this.#watches.get(record?.namespace ?? '')?.deployments.objects;
    const deployment = deployments?.get(record?.pool?.spec.scaleTargetRef?.name ?? '');
    if (deployment === undefined) return gone(target.name);
    const { namespace, name, uid } = deployment;
    const { pool, version } = target;
    return this.#fenced(() => this.#writes.scale({ pool, namespace, name, uid, version }, replicas));
  }

  markDraining(pod: ScalerPod, owner: string | null, lease: string | null = null): Promise<WriteResult> {
    return this.#writePod(pod, (placed) => this.#writes.markDraining(placed, owner, lease));
  }

  setDeletionCost(pod: ScalerPod, cost: number): Promise<WriteResult> {
    return this.#writePod(pod, (placed) => this.#writes.setDeletionCost(placed, cost));
  }

  evict(pod: ScalerPod): Promise<WriteResult> {
    return this.#writePod(pod, (placed) => this.#writes.evict(placed));
  }

  kill(pod: ScalerPod): Promise<WriteResult> {
    return this.#writePod(pod, (placed) => this.#writes.kill(placed));
  }

  writeStatus(pool: string, status: PoolStatus): Promise<WriteResult> {
    const record = this.#recordOf(pool);
    if (record === undefined) return gone(`ModelPool ${pool}`);
    return this.#fenced(() => this.#writes.writeStatus(objectOf(record), status));
  }

  emit(event: PoolEvent): void {
    const record = this.#recordOf(event.pool);
    if (record === undefined || !this.leadership().leading) return;
    this.#events.emit(event, objectOf(record));
  }

  statusOf(pool: string): PoolStatus | null {
    return this.#recordOf(pool)?.status ?? null;
  }

  async close(): Promise<void> {
    this.#debounce.close();
    this.#listeners.clear();
    await Promise.all([this.#leader.close(), this.#events.close(), ...this.#all.map(({ watch }) => watch.close())]);
    this.#api.close();
  }

  /** Record of a pool by the name that the whole system knows, which may begin with its namespace. */
  #recordOf(pool: string): PoolRecord | undefined {
    const slash = pool.indexOf('/');
    const namespace = slash === -1 ? this.#api.namespaces[0]! : pool.slice(0, slash);
    return this.#watches.get(namespace)?.pools.objects.get(pool.slice(slash + 1));
  }

  /** Writes to a pod, which lies in the namespace of its pool. */
  #writePod(
    pod: ScalerPod,
    write: (placed: ScalerPod & { readonly namespace: string }) => Promise<WriteResult>,
  ): Promise<WriteResult> {
    const record = this.#recordOf(pod.pool);
    if (record === undefined) return gone(`ModelPool ${pod.pool}`);
    return this.#fenced(() => write({ ...pod, namespace: record.namespace }));
  }

  #fenced(write: () => Promise<WriteResult>): Promise<WriteResult> {
    return this.leadership().leading ? write() : Promise.resolve({ kind: 'not-leader' });
  }

  #update(): void {
    const watches = [...this.#watches.values()];
    // Forbidden resources do not delay the view, so that pools can report the problem, and other namespaces are scaled.
    if (!watches.some(({ pools }) => pools.synced)) return;
    if (!this.#all.every(({ watch }) => watch.synced || watch.forbidden)) return;
    const poolRecords = objectsOf(watches.map(({ pools }) => pools));
    const podRecords = objectsOf(watches.map(({ pods }) => pods));
    const deployments = objectsOf(watches.map((watch) => watch.deployments));
    this.#reportInvalidSpecs(poolRecords);
    const uids = new Set([...podRecords, ...deployments].map(({ uid }) => uid));
    this.#writes.forget((uid) => uids.has(uid));
    const errors = this.#all.flatMap(({ watch }) => watch.lastError ?? []);
    this.#view = {
      pools: poolRecords.flatMap(({ pool }) => pool ?? []),
      pods: scalerPods(poolRecords, podRecords),
      targets: scaleTargets(poolRecords, podRecords, deployments),
      problems: scaleProblems({
        pools: poolRecords,
        deployments,
        unreadNamespaces: watches.flatMap((watch) => (watch.deployments.synced ? [] : [watch.namespace])),
        autoscalers: watches.flatMap(({ hpas, scaledObjects }) => objectsOf([hpas, scaledObjects])),
        forbidden: this.#all.flatMap(({ namespace, watch }) =>
          watch.forbidden && watch.lastError !== null ? { namespace, message: watch.lastError } : [],
        ),
        forbiddenWrites: this.#forbiddenWrites(),
      }),
      gateways: gatewayMembers([...this.#gateways.objects.values()]),
      asOfMs: this.#asOfMs(),
      error: errors.length === 0 ? null : errors.join('; '),
    };
    for (const listener of this.#listeners) listener(this.#view);
  }

  /** Where there are several namespaces, one that may not be read makes its own pools Forbidden, and the view of no other stale. */
  #asOfMs(): number {
    const isAlone = this.#watches.size === 1;
    const counted = this.#all.filter(({ watch }) => isAlone || !watch.forbidden || watch === this.#gateways);
    return Math.min(...counted.map(({ watch }) => watch.asOfMs));
  }

  /** Reports invalid specs here, since a pool without any valid spec has no PoolScaler that could report its own. */
  #reportInvalidSpecs(pools: readonly PoolRecord[]): void {
    if (!this.leadership().leading) return;
    for (const { name, uid, errors } of pools) {
      const message = errors.join('; ');
      if (message === (this.#reportedErrors.get(uid) ?? '')) continue;
      this.#reportedErrors.set(uid, message);
      if (message === '') continue;
      this.#log.warn({ pool: name }, invalidSpec(name, message));
      this.emit({ pool: name, type: 'Warning', reason: 'InvalidSpec', message });
    }
    const existing = new Set(pools.map(({ uid }) => uid));
    for (const uid of this.#reportedErrors.keys()) if (!existing.has(uid)) this.#reportedErrors.delete(uid);
  }

  #forbiddenWrites(): Map<string, string> {
    const now = performance.now();
    for (const [pool, { atMs }] of this.#forbidden) if (now - atMs > forbiddenMs) this.#forbidden.delete(pool);
    return new Map([...this.#forbidden].map(([pool, { message }]) => [pool, message]));
  }
}

function gone(what: string): Promise<WriteResult> {
  return Promise.resolve({ kind: 'conflict', detail: `${what} is gone` });
}

function objectOf({ namespace, objectName, uid }: PoolRecord) {
  return { namespace, name: objectName, uid };
}
