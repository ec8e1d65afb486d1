/** For how long each of those that should speak has been silent. */
export class Silence {
  readonly #sinceMs = new Map<string, number>();

  /**
   * @param silent who is silent now
   * @param steadyMs a clock that never goes back
   * @returns for how long the longest is, milliseconds; 0 where nobody is
   */
  see(silent: readonly string[], steadyMs: number): number {
    for (const name of this.#sinceMs.keys()) if (!silent.includes(name)) this.#sinceMs.delete(name);
    for (const name of silent) if (!this.#sinceMs.has(name)) this.#sinceMs.set(name, steadyMs);
    return Math.max(0, ...[...this.#sinceMs.values()].map((sinceMs) => steadyMs - sinceMs));
  }
}
