/**
 * The cluster of a laptop: pods are child processes on loopback ports. The same states, victim order, grace period
 * and restarts as in Kubernetes, so that what runs here runs there.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { ModelPool } from '../../contract/model-pool.ts';
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
  /** What starts a pod. */
  readonly command: readonly [string, ...string[]];
  /** A line that a pod wrote. */
  readonly onLine: (pod: string, line: string) => void;
  /** What a person should know of a pod: that it ended, restarts, was killed. */
  readonly onWarning: (pod: string, message: string) => void;
}

interface PoolState {
  readonly pool: ModelPool;
  readonly endpoints: readonly Pod[];
  readonly pods: Set<LocalPod>;
  /** Asked for; pods that go don't count, and neither do endpoints, which are not ours. */
  replicas: number;
  /** Grows with each write of `replicas`. */
  version: number;
}

/** Without vowels and what looks alike, as Kubernetes names its pods. */
const nameLetters = 'bcdfghjklmnpqrstvwxz2456789';

export class LocalCluster implements Cluster {
  readonly #options: LocalClusterOptions;
  readonly #pools = new Map<string, PoolState>();
  readonly #listeners = new Set<(view: ClusterView) => void>();
  readonly #names = new Set<string>();
  readonly #gate = new StartGate(availableParallelism());
  #announcing = false;
  #closed: (() => void) | undefined;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    for (const pool of options.pools) {
      const endpoints = endpointPods(pool, Date.now());
      this.#pools.set(pool.metadata.name, { pool, endpoints, pods: new Set(), replicas: 0, version: 0 });
    }
  }

  get view(): ClusterView {
    const states = [...this.#pools.values()];
    return {
      pools: states.map(({ pool }) => pool),
      pods: states.flatMap(({ pods, endpoints }) => [...Array.from(pods, (pod) => pod.view), ...endpoints]),
    };
  }

  watch(listener: (view: ClusterView) => void): () => void {
    this.#listeners.add(listener);
    listener(this.view);
    return () => this.#listeners.delete(listener);
  }

  /** Every pod of ours, as a scaler needs it. */
  get pods(): ScalerPod[] {
    return this.#allPods().map(({ view }) => view);
  }

  /** What can be resized: pools whose pods are ours. */
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

  /** The pod with this uid, while there is one. */
  podOf(uid: string): LocalPod | undefined {
    return this.#allPods().find(({ view }) => view.uid === uid);
  }

  /** From now on there are so many pods of the pool: some start, some are told to go, and one that ends is replaced. */
  setReplicas(poolName: string, replicas: number): void {
    if (this.#closed !== undefined) throw new Error('the cluster is closed');
    const state = this.#pools.get(poolName);
    if (state === undefined) throw new Error(`pool ${poolName} does not exist`);
    if (!Number.isInteger(replicas) || replicas < 0) {
      throw new Error(`replicas of pool ${poolName} must be a whole number, at least 0, was: ${replicas}`);
    }
    state.replicas = replicas;
    state.version += 1;
    this.#announce();
    this.#reconcile(state);
  }

  /** Tells one pod to go (`at once`: ends it), and starts another where it was needed. */
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

  /** The process of a pod, while it has one. */
  pidOf(podName: string): number | undefined {
    return this.#allPods().find(({ name }) => name === podName)?.pid;
  }

  /** Ends all pods, each within its grace period. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closed = resolve;
      for (const pod of this.#allPods()) pod.terminate();
      this.#resolveWhenEmpty();
    });
  }

  /** Ends all pods at once, whatever they hold. */
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
      onChange: () => this.#announce(),
      onGone: () => {
        state.pods.delete(pod);
        this.#announce();
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

  /** One view for all the changes of a turn of the event loop. */
  #announce(): void {
    if (this.#announcing) return;
    this.#announcing = true;
    queueMicrotask(() => {
      this.#announcing = false;
      const { view } = this;
      for (const listener of this.#listeners) listener(view);
    });
  }

  #resolveWhenEmpty(): void {
    if (this.#closed !== undefined && this.#allPods().length === 0) this.#closed();
  }
}
