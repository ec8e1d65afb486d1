/** What the scaler sees of a cluster and may do in it. Each write needs the lease, looked at in the moment of the write. */
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
import { logTrouble, type KubernetesLog } from './gateway-cluster.ts';
import { Leader } from './leader.ts';
import type { ListWatch } from './list-watch.ts';
import { problemsOf } from './policy/problems.ts';
import { readAutoscaler, readDeployment } from './read-deployment.ts';
import type { PoolRecord } from './read-pool.ts';
import { gatewayMembers, scalerPods, scaleTargets } from './views.ts';
import { Coalesced, watchOf, watchPoolsAndPods, type Telling } from './watches.ts';
import { Writes } from './writes.ts';

export interface KubernetesScalerOptions {
  readonly api: KubernetesApi;
  readonly log: KubernetesLog;
  readonly leaseName: string;
  /** Of this process alone. */
  readonly identity: string;
}

const changeMs = 50;
/** What is unchanged is told this often at most: the age of the view is in it. */
const heardMs = 1000;
/** After a forbidden write its pool is reported as such; then it is tried again, since somebody may have granted it. */
const forbiddenMs = 30_000;

function watchAll(api: KubernetesApi, telling: Telling) {
  return {
    ...watchPoolsAndPods(api, telling),
    deployments: watchOf(api, 'apps/v1', { name: 'deployments' }, readDeployment, telling),
    hpas: watchOf(
      api,
      'autoscaling/v2',
      { name: 'horizontalpodautoscalers' },
      (object) => readAutoscaler('HorizontalPodAutoscaler', object),
      telling,
    ),
    scaledObjects: watchOf(
      api,
      'keda.sh/v1alpha1',
      { name: 'scaledobjects', optional: true },
      (object) => readAutoscaler('ScaledObject', object),
      telling,
    ),
  };
}

type AnyWatch = Pick<ListWatch<unknown>, 'synced' | 'forbidden' | 'trouble' | 'asOfMs' | 'close'>;

export class KubernetesScaler implements ScalableCluster {
  readonly #api: KubernetesApi;
  readonly #log: KubernetesLog;
  readonly #watches: ReturnType<typeof watchAll>;
  readonly #all: readonly AnyWatch[];
  readonly #leader: Leader;
  readonly #writes: Writes;
  readonly #events: Events;
  readonly #told: Coalesced;
  readonly #listeners = new Set<(view: ScalerView) => void>();
  /** Of the writes for a pool, the last that was forbidden. */
  readonly #forbidden = new Map<string, { readonly message: string; readonly atMs: number }>();
  /** What has been said of pools whose spec is wrong, by UID. */
  readonly #wrong = new Map<string, string>();
  #view: ScalerView | null = null;

  constructor({ api, log, leaseName, identity }: KubernetesScalerOptions) {
    this.#api = api;
    this.#log = log;
    this.#told = new Coalesced(() => this.#tell(), changeMs, heardMs);
    this.#watches = watchAll(api, {
      onChange: () => this.#told.changed(),
      onHeard: () => this.#told.heard(),
      onTrouble: (trouble, resource) => logTrouble(log, trouble, resource),
    });
    this.#all = Object.values(this.#watches);
    this.#leader = new Leader({
      api,
      leaseName,
      identity,
      onChange: () => {
        const { leading, holder } = this.leadership();
        log.info({ leading, holder }, leading ? 'this scaler leads' : `${holder ?? 'nobody'} leads`);
        this.#told.changed();
      },
      // The lease is looked at every 2 s, and with it whether the API server answers.
      onHeard: () => this.#told.heard(),
      onTrouble: (trouble) => logTrouble(log, trouble, 'leases'),
    });
    this.#writes = new Writes(api, (pool, message) => {
      log.warn({ pool }, `the API server forbids a write: ${message}`);
      this.#forbidden.set(pool, { message, atMs: performance.now() });
      this.#told.changed();
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

  markDraining(pod: ScalerPod, owner: string | null): Promise<WriteResult> {
    return this.#fenced(() => this.#writes.markDraining(pod, owner));
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
    this.#told.close();
    this.#listeners.clear();
    await Promise.all([this.#leader.close(), this.#events.close(), ...this.#all.map((watch) => watch.close())]);
    this.#api.close();
  }

  #fenced(write: () => Promise<WriteResult>): Promise<WriteResult> {
    return this.leadership().leading ? write() : Promise.resolve({ kind: 'not-leader' });
  }

  #tell(): void {
    const { pools, pods, deployments, hpas, scaledObjects } = this.#watches;
    // What may never be read has no view to wait for: the pools can be told why nothing moves.
    if (!pools.synced || !this.#all.every((watch) => watch.synced || watch.forbidden)) return;
    const poolRecords = [...pools.objects.values()];
    const podRecords = [...pods.objects.values()];
    this.#sayWrong(poolRecords);
    const uids = new Set([...podRecords, ...deployments.objects.values()].map(({ uid }) => uid));
    this.#writes.forget((uid) => uids.has(uid));
    const troubles = this.#all.flatMap(({ trouble }) => trouble ?? []);
    this.#view = {
      pools: poolRecords.flatMap(({ pool }) => pool ?? []),
      pods: scalerPods(poolRecords, podRecords),
      targets: scaleTargets(poolRecords, podRecords, deployments.objects, this.#api.namespace),
      problems: problemsOf({
        pools: poolRecords,
        deployments: deployments.synced ? new Set(deployments.objects.keys()) : null,
        autoscalers: [...hpas.objects.values(), ...scaledObjects.objects.values()],
        forbidden: this.#all.flatMap(({ forbidden, trouble }) => (forbidden && trouble !== null ? trouble : [])),
        forbiddenWrites: this.#forbiddenWrites(),
      }),
      gateways: gatewayMembers(podRecords),
      asOfMs: Math.min(...this.#all.map(({ asOfMs }) => asOfMs)),
      trouble: troubles.length === 0 ? null : troubles.join('; '),
    };
    for (const listener of this.#listeners) listener(this.#view);
  }

  /** A pool that never was right has no scaler, and so nobody else to say what is wrong with it. */
  #sayWrong(pools: readonly PoolRecord[]): void {
    if (!this.leadership().leading) return;
    for (const { name, uid, errors } of pools) {
      const said = errors.join('; ');
      if (said === (this.#wrong.get(uid) ?? '')) continue;
      this.#wrong.set(uid, said);
      if (said === '') continue;
      this.#log.warn({ pool: name }, `pool ${name} is wrong and stays as it was: ${said}`);
      this.emit({ pool: name, type: 'Warning', reason: 'InvalidSpec', message: said });
    }
    const there = new Set(pools.map(({ uid }) => uid));
    for (const uid of this.#wrong.keys()) if (!there.has(uid)) this.#wrong.delete(uid);
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
