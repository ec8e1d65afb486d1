/** Differences between a replay and its simulations, and whether they are within their limits. Pure. */
import type { Replay } from './setup.ts';

export interface ComparedRow {
  readonly what: string;
  readonly real: string;
  /** Median of the simulations, and their range. */
  readonly simulated: string;
  readonly difference: string;
  /** Limit of the difference; null for a number without one. */
  readonly limit: string | null;
  readonly within: boolean | null;
}

/** Limits: late requests in percentage points, pod-seconds in percent of the replay's. */
export const limits = { latePoints: 1, podSecondsPercent: 10 } as const;

export function compareReplays(real: Replay, simulated: readonly Replay[]): ComparedRow[] {
  const percentOf = (count: (replay: Replay) => number) => (replay: Replay) => (100 * count(replay)) / replay.offered;
  const points = (what: string, count: (replay: Replay) => number, limit: number | null): ComparedRow => {
    const value = percentOf(count);
    const difference = median(simulated.map(value)) - value(real);
    return {
      ...sides(what, real, simulated, value, (percent) => percent.toFixed(2), '%'),
      difference: `${signed(difference, 2)} points`,
      limit: limit === null ? null : `±${limit} point`,
      within: limit === null ? null : Math.abs(difference) <= limit,
    };
  };
  const shown = (what: string, value: (replay: Replay) => number, digits: number): ComparedRow => ({
    ...sides(what, real, simulated, value, (number) => number.toFixed(digits), ''),
    difference: signed(median(simulated.map(value)) - value(real), digits),
    limit: null,
    within: null,
  });
  const paid = (replay: Replay): number => replay.podSeconds;
  const percent = 100 * (median(simulated.map(paid)) / real.podSeconds - 1);
  return [
    points('late', ({ late }) => late, limits.latePoints),
    points('late, shed or failed', ({ late, shed, failed }) => late + shed + failed, limits.latePoints),
    {
      ...sides('pod-seconds', real, simulated, paid, (number) => number.toFixed(0), ''),
      difference: `${signed(percent, 1)}%`,
      limit: `±${limits.podSecondsPercent}%`,
      within: Math.abs(percent) <= limits.podSecondsPercent,
    },
    points('shed', ({ shed }) => shed, null),
    points('failed', ({ failed }) => failed, null),
    shown('most pods', ({ mostPods }) => mostPods, 0),
    shown('scale writes', ({ scaleWrites }) => scaleWrites, 0),
    shown('rows of a run, mean', ({ meanBatch }) => meanBatch, 2),
  ];
}

export function isWithin(rows: readonly ComparedRow[]): boolean {
  return rows.every(({ within }) => within !== false);
}

function sides(
  what: string,
  real: Replay,
  simulated: readonly Replay[],
  value: (replay: Replay) => number,
  show: (value: number) => string,
  unit: string,
): Pick<ComparedRow, 'what' | 'real' | 'simulated'> {
  const values = simulated.map(value);
  const [least, most] = [show(Math.min(...values)), show(Math.max(...values))];
  const range = least === most ? '' : ` (${least}–${most})`;
  return { what, real: `${show(value(real))}${unit}`, simulated: `${show(median(values))}${unit}${range}` };
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function signed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return value > 0 ? `+${text}` : text;
}
