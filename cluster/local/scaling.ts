/**
 * The local cluster as a scaler sees it. Draining marks, statuses and replica counts live here, in the supervisor, so that they
 * outlive a scaler process. Preconditions of writes are checked as an API server does.
 */
import Type from 'typebox';
import { Check } from 'typebox/value';
import type { ModelPool } from '../../contract/model-pool.ts';
import { PoolModel } from '../../contract/model-versions.ts';
import type { PodLog, PodLogQuery } from '../../contract/pod-log.ts';
import type { PoolStatus } from '../../contract/pool-status.ts';
import { endpointPods, readOnlyPod } from '../static.ts';
import type { GatewayMember, ScalableCluster, ScalerPod, ScalerView, ScaleTarget, WriteResult } from '../scalable.ts';
import type { LocalCluster } from './local-cluster.ts';
import type { LocalPod } from './pod.ts';
import { PoolFiles } from './pool-files.ts';

/** Interval of views without a change, which confirm that the last view is current. */
const repeatMs = 1_000;
/** Safety limit, above what any machine can run, in case of a bug in the scaler. */
const maxReplicas = 1_000;

const PoolModels = Type.Array(PoolModel);

/** Status of a pool of which only what was kept is known. */
const unknownStatus: PoolStatus = {
  replicas: 0,
  readyReplicas: 0,
  desiredReplicas: 0,
  drainingReplicas: 0,
  queued: 0,
  predictedWaitMs: null,
  conditions: [],
  lastDecision: null,
};

export interface ScalingFiles {
  readonly seasons: PoolFiles;
  readonly versions: PoolFiles;
}

function inMemory(): ScalingFiles {
  const files = (): PoolFiles => new PoolFiles(null, () => undefined);
  return { seasons: files(), versions: files() };
}

/** @param text kept by an earlier process; what can't be read is as good as nothing */
function readVersions(text: string | null): PoolModel[] {
  try {
    const models: unknown = JSON.parse(text ?? '[]');
    return Check(PoolModels, models) ? models : [];
  } catch {
    return [];
  }
}

const done: WriteResult = { kind: 'done' };

export class LocalScaling implements ScalableCluster {
  readonly #cluster: LocalCluster;
  readonly #seasons: PoolFiles;
  readonly #versions: PoolFiles;
  readonly emit: ScalableCluster['emit'];
  /** The only scaler always leads: a supervisor runs one at a time. */
  readonly leadership: ScalableCluster['leadership'] = () => ({
    leading: true,
    holder: 'local',
    group: 'local',
    transitions: 1,
  });
  readonly #statuses = new Map<string, PoolStatus>();
  readonly #closing = new Set<() => void>();
  readonly #gatewayListeners = new Set<() => void>();
  #gateways: readonly GatewayMember[] = [];

  /** @param files by default such that end with this process */
  constructor(cluster: LocalCluster, emit: ScalableCluster['emit'], files = inMemory()) {
    this.#cluster = cluster;
    this.#seasons = files.seasons;
    this.#versions = files.versions;
    this.emit = emit;
    for (const { metadata } of cluster.view.pools) this.#restore(metadata.name);
  }

  /** Takes up what an earlier `sluice up` has kept. */
  #restore(pool: string): void {
    const models = readVersions(this.#versions.of(pool));
    const seasonal = this.#seasons.of(pool);
    if (models.length === 0 && seasonal === null) return;
    this.#statuses.set(pool, { ...unknownStatus, models, ...(seasonal === null ? {} : { seasonal }) });
    this.#cluster.setVersions(pool, models);
  }

  get view(): ScalerView {
    const { pools } = this.#cluster.view;
    const endpoints = pools.flatMap((pool) => endpointPods(pool, 0)).map(readOnlyPod);
    return {
      pools,
      pods: [...this.#cluster.pods, ...endpoints],
      targets: this.#cluster.targets,
      problems: [],
      gateways: this.#gateways,
      asOfMs: Date.now(),
      error: null,
    };
  }

  /** Takes the pools of a changed file; what was learned of a pool that comes back is taken up. */
  setPools(pools: readonly ModelPool[], replicas: ReadonlyMap<string, number>): void {
    const before = new Set(this.#cluster.view.pools.map(({ metadata }) => metadata.name));
    this.#cluster.setPools(pools, replicas);
    const names = pools.map(({ metadata }) => metadata.name);
    for (const name of before) if (!names.includes(name)) this.#statuses.delete(name);
    for (const name of names) if (!before.has(name)) this.#restore(name);
  }

  get statuses(): ReadonlyMap<string, PoolStatus> {
    return this.#statuses;
  }

  setGateways(gateways: readonly GatewayMember[]): void {
    this.#gateways = gateways;
    for (const listener of this.#gatewayListeners) listener();
  }

  watchAll(listener: (view: ScalerView) => void): () => void {
    const notify = (): void => listener(this.view);
    const stopPods = this.#cluster.watch(notify);
    this.#gatewayListeners.add(notify);
    const repeat = setInterval(notify, repeatMs);
    const stop = (): void => {
      stopPods();
      this.#gatewayListeners.delete(notify);
      clearInterval(repeat);
      this.#closing.delete(stop);
    };
    this.#closing.add(stop);
    return stop;
  }

  scale(target: ScaleTarget, replicas: number): Promise<WriteResult> {
    return this.#write(() => {
      const now = this.#cluster.targets.find(({ pool }) => pool === target.pool);
      if (now === undefined) return conflict(`pool ${target.pool} can't be scaled`);
      if (now.version !== target.version) {
        return conflict(`pool ${target.pool} was set to ${now.replicas} replicas by another write`);
      }
      if (!(replicas <= maxReplicas)) return { kind: 'failed', detail: `replicas must be at most ${maxReplicas}` };
      this.#cluster.setReplicas(target.pool, replicas);
      return done;
    });
  }

  markDraining(pod: ScalerPod, owner: string | null, lease: string | null = null): Promise<WriteResult> {
    return this.#onPod(pod, (found) => found.annotate({ draining: owner, drainLease: owner === null ? null : lease }));
  }

  setDeletionCost(pod: ScalerPod, deletionCost: number): Promise<WriteResult> {
    return this.#onPod(pod, (found) => found.annotate({ deletionCost }));
  }

  evict(pod: ScalerPod): Promise<WriteResult> {
    return this.#onPod(pod, (found) => this.#cluster.remove(found, false));
  }

  kill(pod: ScalerPod): Promise<WriteResult> {
    return this.#onPod(pod, (found) => this.#cluster.remove(found, true));
  }

  writeStatus(pool: string, status: PoolStatus): Promise<WriteResult> {
    return this.#write(() => {
      if (!this.#cluster.view.pools.some(({ metadata }) => metadata.name === pool)) {
        return conflict(`pool ${pool} does not exist`);
      }
      this.#statuses.set(pool, status);
      this.#cluster.setVersions(pool, status.models ?? []);
      this.#versions.keep(pool, JSON.stringify(status.models ?? []));
      if (status.seasonal !== undefined) this.#seasons.keep(pool, status.seasonal);
      return done;
    });
  }

  statusOf(pool: string): PoolStatus | null {
    return this.#statuses.get(pool) ?? null;
  }

  readLog(pod: string, query: PodLogQuery): Promise<PodLog | null> {
    return Promise.resolve(this.#cluster.readLog(pod, query));
  }

  /** Stops all watches. The pods keep running. */
  close(): Promise<void> {
    for (const stop of [...this.#closing]) stop();
    return Promise.resolve();
  }

  #onPod(pod: ScalerPod, write: (found: LocalPod) => void): Promise<WriteResult> {
    return this.#write(() => {
      const found = this.#cluster.podByUid(pod.uid);
      if (found === undefined) return conflict(`pod ${pod.name} is gone`);
      if (found.view.version !== pod.version) return conflict(`pod ${pod.name} has changed`);
      write(found);
      return done;
    });
  }

  /** Turns an exception of a write into a result. */
  #write(attempt: () => WriteResult): Promise<WriteResult> {
    try {
      return Promise.resolve(attempt());
    } catch (error) {
      return Promise.resolve({ kind: 'failed', detail: (error as Error).message });
    }
  }
}

function conflict(detail: string): WriteResult {
  return { kind: 'conflict', detail };
}
