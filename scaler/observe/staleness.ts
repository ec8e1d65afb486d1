/** How long each of several reporters has been silent. */
export class Staleness {
  readonly #sinceMs = new Map<string, number>();

  /**
   * @param silent names of those that are silent now
   * @param steadyMs a clock that never goes back
   * @returns milliseconds for which the longest has been silent; 0 if none is
   */
  update(silent: readonly string[], steadyMs: number): number {
    for (const name of this.#sinceMs.keys()) if (!silent.includes(name)) this.#sinceMs.delete(name);
    for (const name of silent) if (!this.#sinceMs.has(name)) this.#sinceMs.set(name, steadyMs);
    return Math.max(0, ...[...this.#sinceMs.values()].map((sinceMs) => steadyMs - sinceMs));
  }
}
