/** Sightings of what is amiss, second by second, and when one has lasted longer than it may. Pure: time is an argument. */

export interface Seen {
  /** Same for the same thing a second later. */
  readonly key: string;
  /** Time for which it may last, in ms; 0 for what must never be seen. */
  readonly allowedMs: number;
  readonly words: string;
}

export interface Finding {
  /** Time of its first sight, in ms since the run began. */
  readonly sinceMs: number;
  /** Time of its last sight. */
  lastMs: number;
  readonly words: string;
}

/** Distance of two looks above which nobody knows what was between them: the lasting begins anew. */
export const blindMs = 4_000;

export class Lasting {
  readonly findings: Finding[] = [];
  /** Looks that came so late that what lasted was forgotten: the machine was starved. */
  blind = 0;
  #lastLookMs: number | null = null;
  #seen = new Map<string, { readonly sinceMs: number; finding: Finding | null }>();

  /** @returns findings that are new with this look */
  look(nowMs: number, seen: readonly Seen[]): Finding[] {
    const isBlind = this.#lastLookMs !== null && nowMs - this.#lastLookMs > blindMs;
    if (isBlind) this.blind += 1;
    this.#lastLookMs = nowMs;
    const before = this.#seen;
    this.#seen = new Map();
    const found: Finding[] = [];
    for (const { key, allowedMs, words } of seen) {
      const known = before.get(key);
      // A finding stays one, however late the next look is.
      const one =
        known !== undefined && (known.finding !== null || !isBlind) ? known : { sinceMs: nowMs, finding: null };
      this.#seen.set(key, one);
      if (one.finding !== null) one.finding.lastMs = nowMs;
      else if (allowedMs === 0 || nowMs - one.sinceMs > allowedMs) {
        one.finding = { sinceMs: one.sinceMs, lastMs: nowMs, words };
        found.push(one.finding);
      }
    }
    this.findings.push(...found);
    return found;
  }
}
