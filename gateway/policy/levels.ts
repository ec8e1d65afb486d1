/**
 * Order of the priority levels, 1 (first) to 9: the first level that waits is served, and each other one that waits earns a ninth
 * of all rows served meanwhile, so that nine levels share equally. A level that has earned a request of its mean size goes next, the last level before others.
 *
 *   earned   += rows ÷ 9 of every request served, for each waiting level but the first
 *   earned   −= rows of its own request, served because the level had earned it
 *
 * Work-conserving: a level that is served since nobody before it can be pays nothing. Counts and order only; the requests
 * themselves are held elsewhere.
 */

export const firstLevel = 1;
export const lastLevel = 9;
/** Share of the rows served, and of the queue, that each level gets while it waits. */
export const leastShare = 1 / lastLevel;

/** Earned share is counted in ninths of a row: whole numbers. */
const ninths = lastLevel;
/** Rows after which a level goes next, whatever its mean request: about one run. What the request has beyond it is owed. */
const maxThresholdRows = 64;
/** Bound of what a level earns while its model can't be served. */
const maxEarnedRows = 1024;

/** A request as order and shares need to know it. */
export interface Ranked {
  /** Level: 1 (first) to 9. */
  readonly priority: number;
  readonly deadlineAtMs: number;
  /** Order of arrival; settles ties. */
  readonly sequence: number;
  readonly bytes: number;
  readonly estimatedRows: number;
}

/** Rows over which the share that each level takes is averaged. */
const shareWindowRows = 250;

const perLevel = (): Float64Array => new Float64Array(lastLevel + 1);

/** The levels of one pool: what waits in each, over all of its models, and what each has earned. */
export class Levels {
  readonly #requests = perLevel();
  readonly #bytes = perLevel();
  readonly #rows = perLevel();
  readonly #earned = perLevel();
  /** Share of the rows served that went to each level because it had earned it: a moving mean. */
  readonly #taken = perLevel();
  #waiting = 0;

  /** A request waits from now on. */
  enter({ priority, bytes, estimatedRows }: Ranked): void {
    this.#waiting += 1;
    this.#requests[priority]! += 1;
    this.#bytes[priority]! += bytes;
    this.#rows[priority]! += estimatedRows;
  }

  /** A request waits no longer: it is served, or has gone. */
  leave({ priority, bytes, estimatedRows }: Ranked): void {
    this.#waiting -= 1;
    this.#requests[priority]! -= 1;
    this.#bytes[priority]! -= bytes;
    this.#rows[priority]! -= estimatedRows;
    if (this.#waiting === 0) this.#earned.fill(0);
  }

  /** Takes note that a waiting request is served; called before it leaves. */
  serve({ priority, estimatedRows }: Ranked): void {
    // Alone it owes nobody anything.
    if (this.#requests[priority] === this.#waiting) {
      this.#averageTaken(0, estimatedRows);
      return;
    }
    const hadEarned = this.#hasEarned(priority);
    let first = firstLevel;
    while (this.#requests[first] === 0) first += 1;
    for (let level = first + 1; level <= lastLevel; level += 1) {
      if (this.#requests[level] === 0) continue;
      this.#earned[level] = Math.min(ninths * maxEarnedRows, this.#earned[level]! + estimatedRows);
    }
    const takes = priority !== first && hadEarned;
    if (takes) this.#earned[priority]! -= ninths * estimatedRows;
    this.#averageTaken(takes ? priority : 0, estimatedRows);
  }

  /** @param level that took the rows; 0 if none did */
  #averageTaken(level: number, rows: number): void {
    const weight = Math.min(1, rows / shareWindowRows);
    for (let other = firstLevel; other <= lastLevel; other += 1) this.#taken[other]! *= 1 - weight;
    if (level > 0) this.#taken[level]! += weight;
  }

  /** Share of the rows served that levels behind this one take although it waits. */
  takenBehind(level: number): number {
    let taken = 0;
    for (let other = level + 1; other <= lastLevel; other += 1) taken += this.#taken[other]!;
    return taken;
  }

  /** Whether `a` is served before `b`: by level, then deadline, then arrival. */
  precedes(a: Ranked, b: Ranked): boolean {
    if (a.priority === b.priority) return precedesWithin(a, b);
    const hasEarned = this.#hasEarned(a.priority);
    if (hasEarned !== this.#hasEarned(b.priority)) return hasEarned;
    return hasEarned ? a.priority > b.priority : a.priority < b.priority;
  }

  /** Whether a full queue has to take a request of the level all the same, in the place of another level's. */
  isUnderShare(level: number, more: { bytes: number }, max: { requests: number; bytes: number }): boolean {
    return (
      this.#requests[level]! + 1 <= leastShare * max.requests &&
      this.#bytes[level]! + more.bytes <= leastShare * max.bytes
    );
  }

  /**
   * The level that gives up a request for one of `level`: the one with most of what the queue is full of.
   * @param by whether the queue has too many requests, or too many bytes
   * @returns null if no other level is over its share
   */
  levelToShed(level: number, by: 'requests' | 'bytes', max: number): number | null {
    const held = by === 'requests' ? this.#requests : this.#bytes;
    let most = leastShare * max;
    let found: number | null = null;
    for (let other = firstLevel; other <= lastLevel; other += 1) {
      if (other === level || held[other]! <= most) continue;
      most = held[other]!;
      found = other;
    }
    return found;
  }

  #hasEarned(level: number): boolean {
    const earned = this.#earned[level]!;
    if (earned < ninths) return false;
    return earned >= ninths * Math.min(maxThresholdRows, this.#rows[level]! / this.#requests[level]!);
  }
}

/** Whether `a` is served before `b` of the same level. */
export function precedesWithin(a: Ranked, b: Ranked): boolean {
  return a.deadlineAtMs === b.deadlineAtMs ? a.sequence < b.sequence : a.deadlineAtMs < b.deadlineAtMs;
}

/**
 * Rows that are served before a new request that comes to a queue.
 *
 *   own    rows of its level, since deadlines are alike
 *   others min(rows of higher levels + what lower ones earn meanwhile, 8 × (own + rows of the request))
 *
 * @param waitingRows rows by level
 * @param takenBehind share of the rows that lower levels take, of requests that are still to come as well
 */
export function rowsBefore(
  waitingRows: ArrayLike<number>,
  { level, ownRows, takenBehind }: { level: number; ownRows: number; takenBehind: number },
): number {
  const own = waitingRows[level]!;
  let higher = 0;
  for (let other = firstLevel; other < level; other += 1) higher += waitingRows[other]!;
  let lowerLevels = 0;
  for (let other = level + 1; other <= lastLevel; other += 1) if (waitingRows[other]! > 0) lowerLevels += 1;
  if (higher === 0 && lowerLevels === 0 && takenBehind < 1e-3) return own;
  const rows = higher + own + ownRows;
  const earnedRows = (leastShare * rows) / (1 - leastShare * lowerLevels);
  let lower = 0;
  for (let other = level + 1; other <= lastLevel; other += 1) lower += Math.min(waitingRows[other]!, earnedRows);
  let others = higher + Math.max(lower, (rows * takenBehind) / (1 - takenBehind));
  if (higher > 0) others = Math.min(others, (1 / leastShare - 1) * (own + ownRows));
  return own + others;
}
