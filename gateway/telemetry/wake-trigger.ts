/**
 * When the scaler is told at once, instead of with its next look at the load: once for each cause. A pool has no pod any more, or
 * a request would wait longer than is allowed; then again at twice that wait, at four times …, until the wait is allowed again.
 */
export class WakeTrigger {
  #podless = false;
  /** A wait longer than this is told of, milliseconds. */
  #nextWaitMs = 0;

  /**
   * A request has come.
   * @param podless no pod serves
   * @param waitMs that it was predicted, admitted or not
   * @param allowedMs the objective
   */
  isDue(podless: boolean, waitMs: number, allowedMs: number): boolean {
    if (waitMs <= allowedMs) this.#nextWaitMs = allowedMs;
    const longer = waitMs > this.#nextWaitMs;
    if (longer) this.#nextWaitMs = 2 * waitMs;
    return this.isPodless(podless) || longer;
  }

  /** The same of pods alone, for what waited when the last one went. */
  isPodless(podless: boolean): boolean {
    const newly = podless && !this.#podless;
    this.#podless = podless;
    return newly;
  }
}
