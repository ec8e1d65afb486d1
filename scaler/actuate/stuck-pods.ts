/**
 * Kills pods that were told to end and are still there after their grace. The pod's own grace period is its maker's word for how long
 * its requests may take, so that no setting of the scaler cuts it short.
 */
import type { ScalerPod } from '../../cluster/scalable.ts';
import type { PoolContext } from '../pool-context.ts';
import type { ActionListener } from './action-listener.ts';

/** Time after its own grace period in which a pod's kubelet, which kills it then, has to report its end. */
const afterGraceMs = 30_000;
/** Pause between two kills of the same pod. */
const killAgainMs = 30_000;

export class StuckPods {
  readonly #context: PoolContext;
  readonly #listener: ActionListener;
  readonly #ending = new Map<string, { readonly sinceMs: number; killedAtMs: number }>();

  constructor(context: PoolContext, listener: ActionListener) {
    this.#context = context;
    this.#listener = listener;
  }

  killOverdue(terminating: readonly ScalerPod[], leastMs: number): void {
    const { cluster, operations, clock } = this.#context;
    const nowMs = clock.steadyMs();
    const existing = new Set(terminating.map(({ uid }) => uid));
    for (const uid of this.#ending.keys()) if (!existing.has(uid)) this.#ending.delete(uid);
    for (const pod of terminating) {
      const ending = this.#ending.get(pod.uid) ?? { sinceMs: nowMs, killedAtMs: -Infinity };
      this.#ending.set(pod.uid, ending);
      const patienceMs = Math.max(leastMs, pod.endGraceMs + afterGraceMs);
      if (nowMs - ending.sinceMs < patienceMs || nowMs - ending.killedAtMs < killAgainMs) continue;
      if (!cluster.leadership().leading) continue;
      operations.write(
        `kill:${pod.uid}`,
        () => cluster.kill(pod),
        (result) => {
          ending.killedAtMs = nowMs;
          if (result.kind === 'done') {
            this.#listener.replaced(pod.name, 'killed', `not gone after ${Math.round(patienceMs / 1000)} s`);
          } else if (result.kind === 'failed') this.#listener.replaced(pod.name, 'failed', `kill: ${result.detail}`);
        },
      );
    }
  }
}
