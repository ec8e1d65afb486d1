/**
 * Decides when the scaler is woken at once, instead of reading at its next cycle: once per cause. Causes are a pool that has lost its
 * last pod, and a predicted wait above the allowed one; then again at twice that wait, at four times …, until the wait is
 * allowed again.
 */
export class WakeTrigger {
  #podless = false;
  /** Predicted wait beyond which the scaler is woken, milliseconds. */
  #nextWaitMs = 0;

  /**
   * Judges a request that has arrived.
   * @param podless no pod accepts work
   * @param waitMs predicted wait, whether or not the request was admitted
   * @param allowedMs the objective
   */
  isDue(podless: boolean, waitMs: number, allowedMs: number): boolean {
    if (waitMs <= allowedMs) this.#nextWaitMs = allowedMs;
    const longer = waitMs > this.#nextWaitMs;
    if (longer) this.#nextWaitMs = 2 * waitMs;
    return this.isPodless(podless) || longer;
  }

  /** True once when the last pod disappears. */
  isPodless(podless: boolean): boolean {
    const newly = podless && !this.#podless;
    this.#podless = podless;
    return newly;
  }
}
