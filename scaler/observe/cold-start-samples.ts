/** Cold starts seen so far: how long pods took from creation to ready, the latest fifty, oldest first. */
import type { ScalerPod } from '../../cluster/scalable.ts';

const maxSamples = 50;
/** Longer than any cold start: such a pod turned ready again, it did not just start. */
const longestMs = 1_800_000;

export class ColdStartSamples {
  readonly #byUid = new Map<string, { readonly readyAtMs: number; readonly tookMs: number }>();

  /** @returns durations in milliseconds, those of `pods` included */
  add(pods: readonly ScalerPod[]): number[] {
    for (const { uid, createdAtMs, readyAtMs, restarts } of pods) {
      // A restart after a crash is no cold start.
      if (readyAtMs === null || restarts > 0 || this.#byUid.has(uid)) continue;
      if (readyAtMs - createdAtMs > longestMs) continue;
      this.#byUid.set(uid, { readyAtMs, tookMs: Math.max(0, readyAtMs - createdAtMs) });
    }
    const latest = [...this.#byUid].sort(([, a], [, b]) => a.readyAtMs - b.readyAtMs).slice(-maxSamples);
    // Forgotten UIDs are sampled again while their pods live, so four times as many are kept as are used.
    if (this.#byUid.size > 4 * maxSamples)
      for (const [uid] of [...this.#byUid].slice(0, maxSamples)) this.#byUid.delete(uid);
    return latest.map(([, { tookMs }]) => tookMs);
  }
}
