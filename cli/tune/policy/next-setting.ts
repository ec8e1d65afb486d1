/**
 * Search for the cheapest setting that keeps an objective: fewest cores, then fewest pods. Pure: maps the trials so far to the
 * next setting, or to the choice.
 *
 * Each pair of threads and rows is bisected over pods where there is a rate to keep: more pods keep what fewer kept. Nothing is tried that
 * costs as much as what was found already. Without one, pods are doubled while that raises the rate, and the choice is the cheapest
 * setting that comes near the highest rate.
 */

export interface TuneSetting {
  /** Threads of ONNX Runtime for one operator, in each pod. */
  readonly threads: number;
  /** Largest run, in rows. */
  readonly maxRows: number;
  readonly pods: number;
}

export interface RatedSetting extends TuneSetting {
  /** Rate at which the objective was kept; 0 where it was missed. */
  readonly keptPerSecond: number;
}

export interface TuneGrid {
  /** Cores that threads and pods may use together. */
  readonly cores: number;
  /** Largest runs to try, the preferred one first. */
  readonly maxRows: readonly number[];
  /** Rate to keep; null searches the highest rate of each setting. */
  readonly perSecond: number | null;
}

export type TuneStep =
  | { readonly kind: 'measure'; readonly setting: TuneSetting }
  /** No setting is left that could be a better choice than what `cheapest` finds. */
  | { readonly kind: 'done' };

/** Share by which a rate must rise to count: the tolerance of the search for it. */
const tolerance = 0.05;

export function coresOf({ threads, pods }: TuneSetting): number {
  return threads * pods;
}

export function nextSetting(grid: TuneGrid, trials: readonly RatedSetting[]): TuneStep {
  for (const [threads, maxRows] of columnsOf(grid)) {
    const column = trials.filter((trial) => trial.threads === threads && trial.maxRows === maxRows);
    const mostPods = Math.floor(grid.cores / threads);
    const pods =
      grid.perSecond === null
        ? podsToClimb(column, mostPods)
        : podsToBisect(column, { mostPods, perSecond: grid.perSecond, best: cheapest(grid, trials), threads });
    if (pods !== null) return { kind: 'measure', setting: { threads, maxRows, pods } };
  }
  return { kind: 'done' };
}

/** The measured setting that costs least of those that keep the objective; null where none does. */
export function cheapest<Trial extends RatedSetting>(grid: TuneGrid, trials: readonly Trial[]): Trial | null {
  const highest = Math.max(0, ...trials.map(({ keptPerSecond }) => keptPerSecond));
  const least = grid.perSecond ?? highest * (1 - tolerance);
  const keeping = trials.filter(({ keptPerSecond }) => keptPerSecond > 0 && keptPerSecond >= least);
  // Equal costs leave the first, which has the preferred rows.
  return keeping.toSorted((one, other) => coresOf(one) - coresOf(other) || one.pods - other.pods)[0] ?? null;
}

function columnsOf({ cores, maxRows }: TuneGrid): (readonly [threads: number, maxRows: number])[] {
  const threads: number[] = [];
  for (let count = 1; count < cores; count *= 2) threads.push(count);
  threads.push(cores);
  return maxRows.flatMap((rows) => threads.map((count) => [count, rows] as const));
}

interface BisectLimits {
  readonly mostPods: number;
  readonly perSecond: number;
  readonly best: RatedSetting | null;
  readonly threads: number;
}

function podsToBisect(
  column: readonly RatedSetting[],
  { mostPods, perSecond, best, threads }: BisectLimits,
): number | null {
  const isCheaper = (pods: number): boolean => {
    if (best === null) return true;
    const moreCores = threads * pods - coresOf(best);
    return moreCores < 0 || (moreCores === 0 && pods < best.pods);
  };
  let limit = mostPods;
  while (limit > 0 && !isCheaper(limit)) limit -= 1;
  const missed = Math.max(
    0,
    ...column.filter(({ keptPerSecond }) => keptPerSecond < perSecond).map(({ pods }) => pods),
  );
  const kept = column.some(({ keptPerSecond }) => keptPerSecond >= perSecond);
  if (limit <= missed) return null;
  // One pod first, as the cheapest; then as many as there may be, since with those that miss no fewer need be tried.
  if (missed === 0 && !kept) return 1;
  return kept ? Math.ceil((missed + limit) / 2) : limit;
}

function podsToClimb(column: readonly RatedSetting[], mostPods: number): number | null {
  const [before, last] = column.toSorted((one, other) => one.pods - other.pods).slice(-2);
  if (before === undefined) return 1;
  const newest = last ?? before;
  const hasRisen = last === undefined || last.keptPerSecond > before.keptPerSecond * (1 + tolerance);
  if (newest.keptPerSecond === 0 || newest.pods >= mostPods || !hasRisen) return null;
  return Math.min(mostPods, newest.pods * 2);
}
