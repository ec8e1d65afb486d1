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
import { Debounce, watchOf, watchPoolsAndPods, type WatchCallbacks } from './watches.ts';
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

function watchAll(api: KubernetesApi, callbacks: WatchCallbacks) {
  return {
    ...watchPoolsAndPods(api, callbacks),
    deployments: watchOf(api, 'apps/v1', { name: 'deployments' }, readDeployment, callbacks),
    hpas: watchOf(
      api,
      'autoscaling/v2',
      { name: 'horizontalpodautoscalers' },
      (object) => readAutoscaler('HorizontalPodAutoscaler', object),
      callbacks,
    ),
    scaledObjects: watchOf(
      api,
      'keda.sh/v1alpha1',
      { name: 'scaledobjects', optional: true },
      (object) => readAutoscaler('ScaledObject', object),
      callbacks,
    ),
  };
}

type AnyWatch = Pick<ListWatch<unknown>, 'synced' | 'forbidden' | 'lastError' | 'asOfMs' | 'close'>;

export class KubernetesScaler implements ScalableCluster {
  readonly #api: KubernetesApi;
  readonly #log: KubernetesLog;
  readonly #watches: ReturnType<typeof watchAll>;
  readonly #all: readonly AnyWatch[];
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
    this.#watches = watchAll(api, {
      onChange: () => this.#debounce.changed(),
      onConfirmed: () => this.#debounce.confirmed(),
      onError: (message, resource) => logWatchState(log, message, resource),
    });
    this.#all = Object.values(this.#watches);
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
    const name = this.#watches.pools.objects.get(target.pool)?.pool?.spec.scaleTargetRef?.name;
    const deployment = this.#watches.deployments.objects.get(name ?? '');
    if (deployment === undefined) return gone(target.name);
    const { name: deploymentName, uid } = deployment;
    const { pool, version } = target;
    return this.#fenced(() => this.#writes.scale({ pool, name: deploymentName, uid, version }, replicas));
  }

  markDraining(pod: ScalerPod, owner: string | null, lease: string | null = null): Promise<WriteResult> {
    return this.#fenced(() => this.#writes.markDraining(pod, owner, lease));
  }

  setDeletionCost(pod: ScalerPod, cost: number): Promise<WriteResult> {
    return this.#fenced(() => this.#writes.setDeletionCost(pod, cost));
  }

  evict(pod: ScalerPod): Promise<WriteResult> {
    return this.#fenced(() => this.#writes.evict(pod));
  }

  kill(pod: ScalerPod): Promise<WriteResult> {
    return this.#fenced(() => this.#writes.kill(pod));
  }

  writeStatus(pool: string, status: PoolStatus): Promise<WriteResult> {
    const record = this.#watches.pools.objects.get(pool);
    if (record === undefined) return gone(`ModelPool ${pool}`);
    return this.#fenced(() => this.#writes.writeStatus(pool, record.uid, status));
  }

  emit(event: PoolEvent): void {
    const record = this.#watches.pools.objects.get(event.pool);
    if (record === undefined || !this.leadership().leading) return;
    this.#events.emit(event, record.uid);
  }

  statusOf(pool: string): PoolStatus | null {
    return this.#watches.pools.objects.get(pool)?.status ?? null;
  }

  async close(): Promise<void> {
    this.#debounce.close();
    this.#listeners.clear();
    await Promise.all([this.#leader.close(), this.#events.close(), ...this.#all.map((watch) => watch.close())]);
    this.#api.close();
  }

  #fenced(write: () => Promise<WriteResult>): Promise<WriteResult> {
    return this.leadership().leading ? write() : Promise.resolve({ kind: 'not-leader' });
  }

  #update(): void {
    const { pools, pods, deployments, hpas, scaledObjects } = this.#watches;
    // Forbidden resources do not delay the view, so that pools can report the problem.
    if (!pools.synced || !this.#all.every((watch) => watch.synced || watch.forbidden)) return;
    const poolRecords = [...pools.objects.values()];
    const podRecords = [...pods.objects.values()];
    this.#reportInvalidSpecs(poolRecords);
    const uids = new Set([...podRecords, ...deployments.objects.values()].map(({ uid }) => uid));
    this.#writes.forget((uid) => uids.has(uid));
    const errors = this.#all.flatMap(({ lastError }) => lastError ?? []);
    this.#view = {
      pools: poolRecords.flatMap(({ pool }) => pool ?? []),
      pods: scalerPods(poolRecords, podRecords),
      targets: scaleTargets(poolRecords, podRecords, deployments.objects, this.#api.namespace),
      problems: scaleProblems({
        pools: poolRecords,
        deployments: deployments.synced ? deployments.objects : null,
        autoscalers: [...hpas.objects.values(), ...scaledObjects.objects.values()],
        forbidden: this.#all.flatMap(({ forbidden, lastError }) => (forbidden && lastError !== null ? lastError : [])),
        forbiddenWrites: this.#forbiddenWrites(),
      }),
      gateways: gatewayMembers(podRecords),
      asOfMs: Math.min(...this.#all.map(({ asOfMs }) => asOfMs)),
      error: errors.length === 0 ? null : errors.join('; '),
    };
    for (const listener of this.#listeners) listener(this.#view);
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
