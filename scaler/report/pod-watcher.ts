/**
 * Watcher of one pool's pods from cycle to cycle: counts restarts, and tells by events of what a person may have to do. An event is
 * told once for each pod and reason, and of few pods in one cycle: a node that fails may take two hundred.
 */
import type { PodReport } from '../../contract/scaler-api.ts';
import type { PoolContext } from '../pool-context.ts';

/** Events of one kind in one cycle. */
const maxEvents = 3;
/** Reason of a pod that starts again by itself. */
const restarting = 'Restarting';

export class PodWatcher {
  readonly #context: PoolContext;
  /** Restarts of each pod, by name: on one machine a pod's next process has another UID. */
  #restarts: ReadonlyMap<string, number> | null = null;
  /** Last reported failure of each pod, by UID. */
  #failures: ReadonlyMap<string, string> = new Map();

  constructor(context: PoolContext) {
    this.#context = context;
  }

  see(pods: readonly PodReport[]): void {
    const { pool, metrics } = this.#context;
    const before = this.#restarts;
    const restarted = pods.filter(({ name, restarts = 0 }) => restarts > (before?.get(name) ?? restarts));
    for (const { name, restarts = 0 } of restarted)
      metrics.podRestarts(pool, restarts - (before?.get(name) ?? restarts));
    this.#restarts = new Map(pods.map(({ name, restarts = 0 }) => [name, restarts]));
    this.#tell('PodRestarted', restarted, ({ lastExit }) => lastExit ?? 'its process has ended');

    const failing = pods.filter(({ failure }) => failure !== undefined && failure.reason !== restarting);
    const fresh = failing.filter(({ uid, failure }) => this.#failures.get(uid) !== failure?.reason);
    this.#failures = new Map(failing.map(({ uid, failure }) => [uid, failure!.reason]));
    for (const [reason, alike] of Map.groupBy(fresh, ({ failure }) => failure!.reason)) {
      this.#tell(reason, alike, ({ failure }) => failure!.message);
    }
  }

  #tell(reason: string, pods: readonly PodReport[], textOf: (pod: PodReport) => string): void {
    const { pool, cluster, log } = this.#context;
    for (const pod of pods.slice(0, maxEvents)) {
      const message = [pod.name, textOf(pod)].filter((part) => part !== '').join(': ');
      cluster.emit({ pool, type: 'Warning', reason, message });
      log.warn({ pool, podName: pod.name, reason }, `pool ${pool}: ${reason}: ${message}`);
    }
    const more = pods.length - maxEvents;
    if (more > 0)
      cluster.emit({ pool, type: 'Warning', reason, message: `and ${more} more ${more === 1 ? 'pod' : 'pods'}` });
  }
}
