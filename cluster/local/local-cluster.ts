/**
 * Local cluster, whose pods are child processes on loopback ports. Phases, victim order, grace periods and restarts are those of
 * Kubernetes, so that a system behaves the same in both.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { PoolModel } from '../../contract/model-versions.ts';
import type { Cluster, ClusterView, Pod } from '../port.ts';
import type { ScalerPod, ScaleTarget } from '../scalable.ts';
import { endpointPods } from '../static.ts';
import type { PodDefaults } from './pod-environment.ts';
import { LocalPod } from './pod.ts';
import { StartGate } from './start-gate.ts';
import { victims } from './policy/victims.ts';

export interface LocalClusterOptions {
  readonly pools: readonly ModelPool[];
  readonly defaults: PodDefaults;
  /** Command that starts a pod's process. */
  readonly command: readonly [string, ...string[]];
  /** Called with each line of a pod's output. */
  readonly onLine: (pod: string, line: string) => void;
  /** Called with messages for the user: exits, restarts and kills of a pod. */
  readonly onWarning: (pod: string, message: string) => void;
}

interface PoolState {
  readonly pool: ModelPool;
  readonly endpoints: readonly Pod[];
  readonly pods: Set<LocalPod>;
  /** Requested pods, without terminating ones and endpoints. */
  replicas: number;
  /** Default versions of its models, as the scaler decided them. */
  versions: readonly PoolModel[];
  /** Counts the changes of `replicas`. */
  version: number;
}

/** Letters of random pod names, as in Kubernetes: no vowels and no lookalikes. */
const nameLetters = 'bcdfghjklmnpqrstvwxz2456789';

export class LocalCluster implements Cluster {
  readonly #options: LocalClusterOptions;
  readonly #pools = new Map<string, PoolState>();
  readonly #listeners = new Set<(view: ClusterView) => void>();
  readonly #names = new Set<string>();
  readonly #gate = new StartGate(availableParallelism());
  #notifying = false;
  #closed: (() => void) | undefined;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    for (const pool of options.pools) {
      const endpoints = endpointPods(pool, Date.now());
      this.#pools.set(pool.metadata.name, { pool, endpoints, pods: new Set(), replicas: 0, version: 0, versions: [] });
    }
  }

  get view(): ClusterView {
    const states = [...this.#pools.values()];
    return {
      pools: states.map(({ pool }) => pool),
      pods: states.flatMap(({ pods, endpoints }) => [...Array.from(pods, (pod) => pod.view), ...endpoints]),
      versions: Object.fromEntries(states.map(({ pool, versions }) => [pool.metadata.name, versions])),
    };
  }

  watch(listener: (view: ClusterView) => void): () => void {
    this.#listeners.add(listener);
    listener(this.view);
    return () => this.#listeners.delete(listener);
  }

  /** Local pods as a scaler sees them. */
  get pods(): ScalerPod[] {
    return this.#allPods().map(({ view }) => view);
  }

  /** Scale targets: the pools without endpoints. */
  get targets(): ScaleTarget[] {
    return [...this.#pools.values()]
      .filter(({ endpoints }) => endpoints.length === 0)
      .map(({ pool, replicas, version }) => ({
        pool: pool.metadata.name,
        name: `pool ${pool.metadata.name}`,
        replicas,
        version: String(version),
        rollout: 'none',
      }));
  }

  /** Pod with this uid, if it exists. */
  podByUid(uid: string): LocalPod | undefined {
    return this.#allPods().find(({ view }) => view.uid === uid);
  }

  /** Sets the number of pods of a pool: starts or terminates pods now, and keeps the number afterwards. */
  setReplicas(poolName: string, replicas: number): void {
    if (this.#closed !== undefined) throw new Error('the cluster is closed');
    const state = this.#pools.get(poolName);
    if (state === undefined) throw new Error(`pool ${poolName} does not exist`);
    if (!Number.isInteger(replicas) || replicas < 0) {
      throw new Error(`replicas of pool ${poolName} must be a whole number of at least 0, was: ${replicas}`);
    }
    state.replicas = replicas;
    state.version += 1;
    this.#notify();
    this.#reconcile(state);
  }

  /** Sets the default versions of a pool's models, which gateways resolve by. */
  setVersions(poolName: string, versions: readonly PoolModel[]): void {
    const state = this.#pools.get(poolName);
    if (state === undefined || JSON.stringify(state.versions) === JSON.stringify(versions)) return;
    state.versions = versions;
    this.#notify();
  }

  /** Terminates a pod, with `atOnce` by killing it, and starts a replacement if the pool needs one. */
  remove(pod: LocalPod, atOnce: boolean): void {
    if (atOnce) pod.kill();
    else pod.terminate();
    const state = this.#pools.get(pod.view.pool);
    if (this.#closed === undefined && state !== undefined) this.#reconcile(state);
  }

  #reconcile(state: PoolState): void {
    const staying = [...state.pods].flatMap((pod) => {
      const { phase, ...view } = pod.view;
      return phase === 'Terminating' ? [] : [{ ...view, phase, pod }];
    });
    for (let count = staying.length; count < state.replicas; count += 1) this.#add(state);
    for (const { pod } of victims(staying, staying.length - state.replicas)) pod.terminate();
  }

  /** Process id of a pod, if it has a process. */
  pidOf(podName: string): number | undefined {
    return this.#allPods().find(({ name }) => name === podName)?.pid;
  }

  /** Terminates all pods and waits for their exit, at most for the grace period. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closed = resolve;
      for (const pod of this.#allPods()) pod.terminate();
      this.#resolveWhenEmpty();
    });
  }

  /** Kills all pods at once. */
  kill(): void {
    for (const pod of this.#allPods()) pod.kill();
  }

  #add(state: PoolState): void {
    const { command, defaults, onLine, onWarning } = this.#options;
    const name = this.#newName(state.pool.metadata.name);
    const pod = new LocalPod({
      name,
      pool: state.pool,
      command,
      defaults,
      gate: this.#gate,
      onChange: () => this.#notify(),
      onGone: () => {
        state.pods.delete(pod);
        this.#notify();
        this.#resolveWhenEmpty();
      },
      onLine: (line) => onLine(name, line),
      onWarning: (message) => onWarning(name, message),
    });
    state.pods.add(pod);
    pod.start();
  }

  #newName(pool: string): string {
    let name: string;
    do {
      name = `${pool}-${Array.from({ length: 4 }, () => nameLetters[randomInt(nameLetters.length)]).join('')}`;
    } while (this.#names.has(name));
    this.#names.add(name);
    return name;
  }

  #allPods(): LocalPod[] {
    return [...this.#pools.values()].flatMap(({ pods }) => [...pods]);
  }

  /** Notifies listeners once for all changes of a turn of the event loop. */
  #notify(): void {
    if (this.#notifying) return;
    this.#notifying = true;
    queueMicrotask(() => {
      this.#notifying = false;
      const { view } = this;
      for (const listener of this.#listeners) listener(view);
    });
  }

  #resolveWhenEmpty(): void {
    if (this.#closed !== undefined && this.#allPods().length === 0) this.#closed();
  }
}
