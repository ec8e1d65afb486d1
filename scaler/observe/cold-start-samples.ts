/** How long pods took from creation to ready: those that were seen, the last fifty of them, oldest first. */
import type { ScalerPod } from '../../cluster/scalable.ts';

const remembered = 50;
/** Nothing starts for so long: it was ready before, and this is a later time of becoming so. */
const longestMs = 1_800_000;

export class Starts {
  readonly #seen = new Map<string, { readonly readyAtMs: number; readonly tookMs: number }>();

  see(pods: readonly ScalerPod[]): number[] {
    for (const { uid, createdAtMs, readyAtMs, restarts } of pods) {
      // A pod that came back after a crash was not just started.
      if (readyAtMs === null || restarts > 0 || this.#seen.has(uid)) continue;
      if (readyAtMs - createdAtMs > longestMs) continue;
      this.#seen.set(uid, { readyAtMs, tookMs: Math.max(0, readyAtMs - createdAtMs) });
    }
    const latest = [...this.#seen].sort(([, a], [, b]) => a.readyAtMs - b.readyAtMs).slice(-remembered);
    // The oldest are forgotten with a margin, or a pod that lives long would be seen anew each time.
    if (this.#seen.size > 4 * remembered)
      for (const [uid] of [...this.#seen].slice(0, remembered)) this.#seen.delete(uid);
    return latest.map(([, { tookMs }]) => tookMs);
  }
}
