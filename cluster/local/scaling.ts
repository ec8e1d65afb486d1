/**
 * The local cluster as a scaler sees it. Marks, statuses and replica counts live here, with the supervisor: a scaler
 * process that dies leaves them to the next. Preconditions are checked as an API server would.
 */
import type { PoolStatus } from '../../contract/pool-status.ts';
import { endpointPods } from '../static.ts';
import type {
  GatewayMember,
  Leadership,
  PoolEvent,
  ScalableCluster,
  ScalerPod,
  ScalerView,
  ScaleTarget,
  WriteResult,
} from '../scalable.ts';
import type { LocalCluster } from './local-cluster.ts';
import type { LocalPod } from './pod.ts';

/** A view is repeated this often, so that its reader can tell that it is current. */
const repeatMs = 1_000;
/** More processes than any machine runs: a defect of the scaler must not start them. */
const mostReplicas = 1_000;

const done: WriteResult = { kind: 'done' };

export class LocalScaling implements ScalableCluster {
  readonly #cluster: LocalCluster;
  readonly #onEvent: (event: PoolEvent) => void;
  readonly #statuses = new Map<string, PoolStatus>();
  readonly #closing = new Set<() => void>();
  readonly #gatewayListeners = new Set<() => void>();
  #gateways: readonly GatewayMember[] = [];

  constructor(cluster: LocalCluster, onEvent: (event: PoolEvent) => void) {
    this.#cluster = cluster;
    this.#onEvent = onEvent;
  }

  get view(): ScalerView {
    const { pools } = this.#cluster.view;
    const endpoints = pools.flatMap((pool) => endpointPods(pool, 0)).map(foreign);
    return {
      pools,
      pods: [...this.#cluster.pods, ...endpoints],
      targets: this.#cluster.targets,
      problems: [],
      gateways: this.#gateways,
      asOfMs: Date.now(),
      trouble: null,
    };
  }

  get statuses(): ReadonlyMap<string, PoolStatus> {
    return this.#statuses;
  }

  setGateways(gateways: readonly GatewayMember[]): void {
    this.#gateways = gateways;
    for (const listener of this.#gatewayListeners) listener();
  }

  watchAll(listener: (view: ScalerView) => void): () => void {
    const tell = (): void => listener(this.view);
    const stopPods = this.#cluster.watch(tell);
    this.#gatewayListeners.add(tell);
    const repeat = setInterval(tell, repeatMs);
    const stop = (): void => {
      stopPods();
      this.#gatewayListeners.delete(tell);
      clearInterval(repeat);
      this.#closing.delete(stop);
    };
    this.#closing.add(stop);
    return stop;
  }

  /** One supervisor, one scaler at a time. */
  leadership(): Leadership {
    return { leading: true, holder: 'local', transitions: 1 };
  }

  scale(target: ScaleTarget, replicas: number): Promise<WriteResult> {
    return this.#write(() => {
      const now = this.#cluster.targets.find(({ pool }) => pool === target.pool);
      if (now === undefined) return conflict(`pool ${target.pool} can't be scaled`);
      if (now.version !== target.version) {
        return conflict(`pool ${target.pool} has ${now.replicas} replicas by another write`);
      }
      if (!(replicas <= mostReplicas)) return { kind: 'failed', detail: `replicas must be at most ${mostReplicas}` };
      this.#cluster.setReplicas(target.pool, replicas);
      return done;
    });
  }

  markDraining(pod: ScalerPod, owner: string | null): Promise<WriteResult> {
    return this.#onPod(pod, (found) => found.annotate({ draining: owner }));
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
      return done;
    });
  }

  emit(event: PoolEvent): void {
    this.#onEvent(event);
  }

  statusOf(pool: string): PoolStatus | null {
    return this.#statuses.get(pool) ?? null;
  }

  /** Stops telling; the pods are the local cluster's. */
  close(): Promise<void> {
    for (const stop of [...this.#closing]) stop();
    return Promise.resolve();
  }

  #onPod(pod: ScalerPod, write: (found: LocalPod) => void): Promise<WriteResult> {
    return this.#write(() => {
      const found = this.#cluster.podOf(pod.uid);
      if (found === undefined) return conflict(`pod ${pod.name} is gone`);
      if (found.view.version !== pod.version) return conflict(`pod ${pod.name} has changed`);
      write(found);
      return done;
    });
  }

  /** Nothing here waits, and what can't be is an answer. */
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

/** A server that something else runs: seen, and never written to. */
function foreign(pod: ReturnType<typeof endpointPods>[number]): ScalerPod {
  return { ...pod, draining: null, deletionCost: 0, crashLooping: false, version: '' };
}
