/**
 * Surge of one pool: its only pod is sick, so one more starts first, and the sick one goes when the fresh one serves or the
 * sick one has recovered.
 */
import type { ScalerPod } from '../../cluster/scalable.ts';
import type { PodVerdict } from '../policy/replace.ts';

export class Surge {
  #sickUid: string | null = null;

  get active(): boolean {
    return this.#sickUid !== null;
  }

  /** Pods beyond what the policy asked for. */
  get extraReplicas(): 0 | 1 {
    return this.#sickUid === null ? 0 : 1;
  }

  begin(sickUid: string): void {
    this.#sickUid = sickUid;
  }

  end(): void {
    this.#sickUid = null;
  }

  /** Whether the fresh pod serves, or the sick one is well or gone: then one pod too many is left. */
  isComplete(pods: readonly ScalerPod[], verdicts: ReadonlyMap<string, PodVerdict>): boolean {
    const freshServes = pods.some(({ uid, phase }) => phase === 'Ready' && verdicts.get(uid) === 'healthy');
    const stillSick = pods.some(({ uid }) => uid === this.#sickUid && verdicts.get(uid) !== 'healthy');
    return freshServes || !stillSick;
  }
}
