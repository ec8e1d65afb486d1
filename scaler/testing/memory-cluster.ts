/**
 * Cluster in memory with one pool, on a clock that the test moves. Pods start and end in whole seconds, writes carry their
 * preconditions, and only the holder of the lease may write.
 */
import { parseModelPool, type ModelPool } from '../../contract/model-pool.ts';
import type { PoolStatus } from '../../contract/pool-status.ts';
import type {
  GatewayMember,
  PoolEvent,
  ScalableCluster,
  ScalerPod,
  ScalerView,
  ScaleProblem,
  WriteResult,
} from '../../cluster/scalable.ts';

type Changing<T> = { -readonly [Key in keyof T]: T[Key] };
export type MemoryPod = Changing<ScalerPod> & { endsAtMs: number | null };
export type Write = Exclude<keyof ScalableCluster, 'watchAll' | 'leadership' | 'emit' | 'statusOf' | 'close'>;

/** Seconds from the deletion of a pod to its end. */
const endS = 2;

export class MemoryCluster {
  pool: ModelPool;
  /** Wall clock, milliseconds. */
  nowMs: number;
  replicas: number;
  readonly coldStartS: number;
  readonly pods = new Map<string, MemoryPod>();
  gateways: GatewayMember[] = [];
  problems: ScaleProblem[] = [];
  rollout: 'none' | 'running' | 'stuck' = 'none';
  /** Age of the views that are handed out. */
  ageMs = 0;
  holder: string | null = 'a';
  transitions = 1;
  status: PoolStatus | null = null;
  readonly events: PoolEvent[] = [];
  /** Writes of the replica count by scalers. */
  readonly writes: { readonly by: string; readonly from: number; readonly to: number }[] = [];
  /** Writes that were carried out, in order: `scale 3`, `markDraining p-1 1`. Status writes and renewals of marks are left out. */
  readonly calls: string[] = [];
  /** UIDs of the pods whose mark was renewed, one for each renewal. */
  readonly markRenewals: string[] = [];
  /** Failures: the answer of a write that is then not carried out. */
  readonly failing = new Map<Write, WriteResult>();
  /** Whether failing writes are carried out all the same, so that only their answer is lost. */
  answersAreLost = false;
  /** UIDs of the pods that ignore their termination. */
  readonly immortal = new Set<string>();
  /** Called for each pod that is terminated. */
  onTermination: (pod: MemoryPod) => void = () => undefined;
  readonly #watchers = new Set<(view: ScalerView) => void>();
  #created = 0;
  #version = 0;

  constructor(options: { spec: object; replicas: number; coldStartS: number; nowMs: number }) {
    const { pool, errors } = parseModelPool({
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'ModelPool',
      metadata: { name: 'm', generation: 1 },
      spec: { models: ['m'], objective: { latencyMs: 202 }, ...options.spec },
    });
    if (pool === null) throw new Error(errors.join('\n'));
    this.pool = pool;
    // The first pods took as long to start as all others will.
    this.nowMs = options.nowMs - 1000 * options.coldStartS;
    this.coldStartS = options.coldStartS;
    this.replicas = options.replicas;
    this.#reconcile();
    this.nowMs = options.nowMs;
    for (const pod of this.pods.values()) this.#ready(pod);
  }

  get livePods(): MemoryPod[] {
    return [...this.pods.values()].filter(({ phase }) => phase !== 'Terminating');
  }

  get view(): ScalerView {
    return {
      pools: [this.pool],
      pods: [...this.pods.values()].map((pod) => ({ ...pod })),
      targets: [
        ...(this.problems.some(({ reason }) => reason === 'TargetNotFound') || this.pool.spec.endpoints.length > 0
          ? []
          : [
              {
                pool: 'm',
                name: 'Deployment m',
                replicas: this.replicas,
                version: String(this.#version),
                rollout: this.rollout,
              },
            ]),
      ],
      problems: this.problems,
      gateways: this.gateways,
      asOfMs: this.nowMs - this.ageMs,
      error: null,
    };
  }

  /** Sends the current view to every watcher. */
  notify(): void {
    for (const watcher of this.#watchers) watcher(this.view);
  }

  /** Changes `spec.scaling` of the pool, as a person would. */
  setScaling(change: Partial<ModelPool['spec']['scaling']>): void {
    const { spec } = this.pool;
    this.pool = { ...this.pool, spec: { ...spec, scaling: { ...spec.scaling, ...change } } };
  }

  /** Sets the replica count as a writer other than the scaler. */
  setReplicas(replicas: number): void {
    this.replicas = replicas;
    this.#version += 1;
    this.#reconcile();
  }

  step(nowMs: number): void {
    this.nowMs = nowMs;
    for (const pod of this.pods.values()) {
      if (pod.endsAtMs !== null && nowMs >= pod.endsAtMs && !this.immortal.has(pod.uid)) this.pods.delete(pod.uid);
      if (pod.phase === 'Running' && !pod.crashLooping && nowMs - pod.createdAtMs >= 1000 * this.coldStartS)
        this.#ready(pod);
    }
    this.#reconcile();
  }

  /** Port of the cluster for a scaler of this identity. */
  connect(identity: string): ScalableCluster {
    const write =
      <Args extends unknown[]>(name: Write, attempt: (...args: Args) => WriteResult | undefined) =>
      (...args: Args): Promise<WriteResult> => {
        if (this.holder !== identity) return Promise.resolve({ kind: 'not-leader' });
        const failure = this.failing.get(name);
        if (failure !== undefined && !this.answersAreLost) return Promise.resolve(failure);
        const result = attempt(...args) ?? { kind: 'done' };
        const values = args.map((arg) => (typeof arg === 'object' && arg !== null && 'uid' in arg ? arg.uid : arg));
        if (result.kind === 'done' && name !== 'writeStatus' && name !== 'scale' && name !== 'markDraining')
          this.calls.push([name, ...values].join(' '));
        return Promise.resolve(failure ?? result);
      };
    const onPod = (given: ScalerPod, change: (pod: MemoryPod) => void): WriteResult | undefined => {
      const pod = this.pods.get(given.uid);
      if (pod?.version !== given.version) return { kind: 'conflict', detail: `pod ${given.name} has changed` };
      change(pod);
      pod.version = String(Number(pod.version) + 1);
      return undefined;
    };
    return {
      watchAll: (listener) => {
        this.#watchers.add(listener);
        listener(this.view);
        return () => this.#watchers.delete(listener);
      },
      leadership: () => ({
        leading: this.holder === identity,
        holder: this.holder,
        group: 'test/scaler',
        transitions: this.transitions,
      }),
      scale: write('scale', ({ version }, replicas) => {
        if (version !== String(this.#version)) return { kind: 'conflict', detail: 'it has changed' };
        this.writes.push({ by: identity, from: this.replicas, to: replicas });
        this.calls.push(`scale ${replicas}`);
        this.setReplicas(replicas);
        return undefined;
      }),
      markDraining: write('markDraining', (pod, owner: string | null, lease?: string | null) =>
        onPod(pod, (found) => {
          if (found.draining === owner) this.markRenewals.push(pod.uid);
          else this.calls.push(`markDraining ${pod.uid} ${owner ?? ''}`.trimEnd());
          found.draining = owner;
          found.drainLease = lease ?? null;
        }),
      ),
      setDeletionCost: write('setDeletionCost', (pod, cost: number) =>
        onPod(pod, (found) => (found.deletionCost = cost)),
      ),
      evict: write('evict', (pod: ScalerPod) => onPod(pod, (found) => this.#end(found))),
      kill: write('kill', (pod: ScalerPod) => onPod(pod, (found) => this.pods.delete(found.uid))),
      writeStatus: write('writeStatus', (_pool: string, status: PoolStatus) => {
        this.status = status;
        return undefined;
      }),
      emit: (event) => void this.events.push(event),
      statusOf: () => this.status,
      close: () => Promise.resolve(),
    };
  }

  #ready(pod: MemoryPod): void {
    pod.phase = 'Ready';
    pod.readyAtMs = this.nowMs;
  }

  #end(pod: MemoryPod): void {
    this.onTermination(pod);
    pod.phase = 'Terminating';
    pod.failure = null;
    pod.endsAtMs = this.nowMs + 1000 * endS;
  }

  /** Creates and terminates pods in the order that a ReplicaSet does. */
  #reconcile(): void {
    while (this.livePods.length < this.replicas) {
      const uid = `p-${(this.#created += 1)}`;
      this.pods.set(uid, {
        uid,
        name: uid,
        pool: 'm',
        phase: 'Running',
        origin: `http://${uid}`,
        restarts: 0,
        createdAtMs: this.nowMs,
        readyAtMs: null,
        reason: null,
        endsAtMs: null,
        draining: null,
        deletionCost: 0,
        crashLooping: false,
        endGraceMs: 30_000,
        version: '0',
      });
    }
    const rank = ({ phase, deletionCost, readyAtMs }: MemoryPod): [number, number, number] => [
      phase === 'Ready' ? 1 : 0,
      deletionCost,
      -(readyAtMs ?? 0),
    ];
    const order = this.livePods.toSorted((a, b) => {
      const [x, y] = [rank(a), rank(b)];
      return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
    });
    for (const pod of order.slice(0, Math.max(0, order.length - this.replicas))) this.#end(pod);
  }
}
