/**
 * Idle times: how long pods were not needed before they were needed again, and so how long one that is not needed is worth keeping.
 *
 *   cost(T) = Σ over idle times of min(idle, T), and C more for each that is longer than T
 *   keep    = the T of least cost, of 0.15, 0.25, 0.6, 0.9 and 1.5·C, at least D;   C = 40·D, at most 400 s,  D = cold start
 *
 * C is what a pod costs that is removed too early, in seconds of keeping it: its start, and the requests that are late meanwhile.
 * The last pods of a pool are needed less often than the first, so each size of the pool has idle times of its own; all are forgotten
 * within an hour. Until there are some, a third are taken to be short and the others long. Rent or buy, by experience
 * (Krishnan, Long and Vitter, 1999). Pure. Derivation: docs/scaling-algorithm.md, "Scale-down".
 */

/** Idle times that are remembered of the pods of one size of the pool. */
interface OfSize {
  /** Number by the first T that covers them; the last are longer than each T. */
  readonly counts: readonly number[];
  /** Sums of those times, ms. */
  readonly sumsMs: readonly number[];
}

export interface IdleTimes {
  /** Pods needed at the last decision; null when what was needed before is unknown. */
  readonly needed: number | null;
  /** Since when each pod from `needed` on is not needed, as far as that is of interest; never increases. */
  readonly sinceMs: readonly number[];
  /** By size: the pods from 0, from 2, from 8, from 26 on, and so forth. */
  readonly sizes: readonly OfSize[];
  readonly atMs: number;
}
export const noIdleTimes: IdleTimes = { needed: null, sinceMs: [], sizes: [], atMs: -Infinity };

/** C, in cold starts, and the most that it is. */
const restartColdStarts = 40;
const maxRestartMs = 400_000;
/** T that are compared, of C. */
const keepShares = [0.15, 0.25, 0.6, 0.9, 1.5] as const;
/** Time in which the weight of an idle time falls to a third. */
const forgottenMs = 1_800_000;
/** Ratio of one size to the one before. */
const sizeRatio = 3;
/** Idle times taken to be known of each pod at first, and the share and length, of C, of those that are short. */
const assumedPerPod = 0.15;
const assumedShortShare = 0.33;
const assumedShort = 0.22;

/** Adds what is needed now. */
export function recordNeed(
  before: IdleTimes,
  needed: number,
  { coldStartMs, nowMs }: { readonly coldStartMs: number; readonly nowMs: number },
): IdleTimes {
  const limitsMs = keepShares.map((share) => share * restartMs(coldStartMs));
  const sinceMs = before.sinceMs.slice();
  const ended: [pod: number, idleMs: number][] = [];
  const more = needed - (before.needed ?? needed);
  for (const [pod, ms] of sinceMs.splice(0, Math.max(0, more)).entries()) {
    ended.push([needed - more + pod, nowMs - ms]);
  }
  if (more < 0) sinceMs.unshift(...Array<number>(-more).fill(nowMs));
  for (let last = sinceMs.at(-1); last !== undefined && nowMs - last > limitsMs.at(-1)!; last = sinceMs.at(-1)) {
    sinceMs.pop();
    ended.push([needed + sinceMs.length, nowMs - last]);
  }
  // Times that each T covers say nothing for one of them.
  const told = ended.filter(([, idleMs]) => idleMs > limitsMs[0]!);
  return { needed, sinceMs, sizes: withTimes(before, told, { limitsMs, nowMs }), atMs: nowMs };
}

function withTimes(
  { sizes, atMs }: IdleTimes,
  ended: readonly (readonly [pod: number, idleMs: number])[],
  { limitsMs, nowMs }: { readonly limitsMs: readonly number[]; readonly nowMs: number },
): readonly OfSize[] {
  const kept = atMs === -Infinity ? 1 : Math.exp((atMs - nowMs) / forgottenMs);
  const next = sizes.map(({ counts, sumsMs }) => ({
    counts: counts.map((count) => kept * count),
    sumsMs: sumsMs.map((sum) => kept * sum),
  }));
  for (const [pod, idleMs] of ended) {
    const none = Array<number>(limitsMs.length + 1).fill(0);
    while (next.length <= sizeOf(pod)) next.push({ counts: none.slice(), sumsMs: none.slice() });
    const covering = limitsMs.findIndex((limitMs) => idleMs <= limitMs);
    const at = covering < 0 ? limitsMs.length : covering;
    const { counts, sumsMs } = next[sizeOf(pod)]!;
    counts[at]! += 1;
    sumsMs[at]! += idleMs;
  }
  return next;
}

/** @returns for each of so many pods the time that it is worth keeping while it is not needed */
export function keepsMs({ sizes }: IdleTimes, pods: number, coldStartMs: number): readonly number[] {
  const costMs = restartMs(coldStartMs);
  const bySize = Array.from({ length: pods === 0 ? 0 : sizeOf(pods - 1) + 1 }, (_, size) =>
    Math.max(coldStartMs, cheapestMs(sizes[size], (sizeRatio - 1) * sizeRatio ** size, costMs)),
  );
  return Array.from({ length: pods }, (_, pod) => bySize[sizeOf(pod)]!);
}

function cheapestMs(known: OfSize | undefined, pods: number, costMs: number): number {
  const assumed = assumedPerPod * pods;
  const short = assumed * assumedShortShare;
  let least = Infinity;
  let cheapest = 0;
  for (const share of keepShares) {
    const keepMs = share * costMs;
    const restarted = keepMs + costMs;
    let cost =
      (share < assumedShort ? short * restarted : short * assumedShort * costMs) + (assumed - short) * restarted;
    for (const [at, count] of (known?.counts ?? []).entries()) {
      cost += (keepShares[at] ?? Infinity) <= share ? known!.sumsMs[at]! : count * restarted;
    }
    if (cost < least) [least, cheapest] = [cost, keepMs];
  }
  return cheapest;
}

function restartMs(coldStartMs: number): number {
  return Math.min(maxRestartMs, restartColdStarts * coldStartMs);
}

function sizeOf(pod: number): number {
  return Math.floor(Math.log(pod + 1) / Math.log(sizeRatio) + 1e-9);
}
