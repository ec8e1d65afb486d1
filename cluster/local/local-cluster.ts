/**
 * Local cluster, whose pods are child processes on loopback ports. Phases, victim order, grace periods and restarts are those of
 * Kubernetes, so that a system behaves the same in both.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { PodLog, PodLogQuery } from '../../contract/pod-log.ts';
import type { PoolModel } from '../../contract/model-versions.ts';
import type { Cluster, ClusterView, Pod } from '../port.ts';
import type { ScalerPod, ScaleTarget } from '../scalable.ts';
import { endpointPods } from '../static.ts';
import { poolSettings, type PodDefaults } from './pod-environment.ts';
import { LocalPod } from './pod.ts';
import { StartGate } from './start-gate.ts';
import { planRollout } from './policy/rollout.ts';

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
  pool: ModelPool;
  endpoints: readonly Pod[];
  readonly pods: Set<LocalPod>;
  /** Settings that its pods are started with, as text that can be compared. */
  podSettings: string;
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
  #pools = new Map<string, PoolState>();
  /** Pools that were taken out, until the last of their pods is gone. */
  readonly #leaving = new Set<PoolState>();
  readonly #listeners = new Set<(view: ClusterView) => void>();
  readonly #names = new Set<string>();
  readonly #gate = new StartGate(availableParallelism());
  #notifying = false;
  #closed: (() => void) | undefined;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    for (const pool of options.pools) this.#pools.set(pool.metadata.name, stateOf(pool));
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
    return [...this.#pools.values()].flatMap(({ pods }) => Array.from(pods, ({ view }) => view));
  }

  /** Scale targets: the pools without endpoints. */
  get targets(): ScaleTarget[] {
    return [...this.#pools.values()]
      .filter(({ endpoints }) => endpoints.length === 0)
      .map(({ pool, pods, podSettings, replicas, version }) => ({
        pool: pool.metadata.name,
        name: `pool ${pool.metadata.name}`,
        replicas,
        version: String(version),
        rollout: rolloutOf(pods, podSettings),
      }));
  }

  /** Last lines of a pod; null if there is no such pod, or no such process. */
  readLog(pod: string, query: PodLogQuery): PodLog | null {
    const read = this.#allPods()
      .find(({ name }) => name === pod)
      ?.log.read(query);
    return read === undefined || read === null ? null : { pod, ...read };
  }

  /** Pod with this uid, if it exists. */
  podByUid(uid: string): LocalPod | undefined {
    return this.#allPods().find(({ view }) => view.uid === uid);
  }

  /**
   * Takes other pools, in their order: those that are new start with their number of `replicas`, those that are left out end, and pods
   * whose settings have changed are replaced one after another. The numbers of pools that stay are the scaler's.
   */
  setPools(pools: readonly ModelPool[], replicas: ReadonlyMap<string, number>): void {
    if (this.#closed !== undefined) return;
    const before = this.#pools;
    this.#pools = new Map();
    for (const pool of pools) {
      const { name } = pool.metadata;
      const state = before.get(name) ?? stateOf(pool);
      const hadPods = before.has(name) && state.endpoints.length === 0;
      Object.assign(state, { pool, endpoints: endpointPods(pool, Date.now()), podSettings: settingsText(pool) });
      if (state.endpoints.length > 0) state.replicas = 0;
      else if (!hadPods) state.replicas = replicas.get(name) ?? 0;
      state.version += 1;
      before.delete(name);
      this.#pools.set(name, state);
    }
    for (const state of before.values()) {
      this.#leaving.add(state);
      state.replicas = 0;
    }
    this.#notify();
    for (const state of [...this.#pools.values(), ...before.values()]) this.#reconcile(state);
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
      return phase === 'Terminating' ? [] : [{ ...view, phase, pod, outdated: pod.settings !== state.podSettings }];
    });
    const { add, remove } = planRollout(staying, state.replicas);
    for (let count = 0; count < add; count += 1) this.#add(state);
    for (const { pod } of remove) pod.terminate();
  }

  /** Goes on with the replacement of outdated pods when one has become ready. */
  #onPodChange(state: PoolState): void {
    this.#notify();
    if (this.#closed !== undefined || !isRollingOut(state)) return;
    queueMicrotask(() => {
      if (this.#closed === undefined) this.#reconcile(state);
    });
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
      settings: state.podSettings,
      command,
      defaults,
      gate: this.#gate,
      onChange: () => this.#onPodChange(state),
      onGone: () => {
        state.pods.delete(pod);
        if (state.pods.size === 0) this.#leaving.delete(state);
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
    return [...this.#pools.values(), ...this.#leaving].flatMap(({ pods }) => [...pods]);
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

function stateOf(pool: ModelPool): PoolState {
  const endpoints = endpointPods(pool, Date.now());
  return { pool, endpoints, podSettings: settingsText(pool), pods: new Set(), replicas: 0, version: 0, versions: [] };
}

function settingsText(pool: ModelPool): string {
  return JSON.stringify(poolSettings(pool));
}

function isRollingOut({ pods, podSettings }: Pick<PoolState, 'pods' | 'podSettings'>): boolean {
  return [...pods].some(({ settings, view }) => settings !== podSettings && view.phase !== 'Terminating');
}

/** A rollout whose new pods exit again and again is stuck, and the old ones go on serving. */
function rolloutOf(pods: PoolState['pods'], podSettings: string): ScaleTarget['rollout'] {
  if (!isRollingOut({ pods, podSettings })) return 'none';
  return [...pods].some(({ settings, view }) => settings === podSettings && view.crashLooping) ? 'stuck' : 'running';
}
