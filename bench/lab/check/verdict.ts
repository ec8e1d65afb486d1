/** Verdicts on measured ratios against committed ones. Pure. */

/** Ratios by name; lower is better. */
export type Ratios = Readonly<Record<string, number>>;

/** CPU times per request of both sides, one value for each round. */
export interface Costs {
  readonly ours: readonly number[];
  readonly yardstick: readonly number[];
}

/** Growth of a ratio beyond which it is a loss: 0.25 for a quarter. */
export const allowedGrowth = 0.25;

export interface RatioVerdict {
  readonly name: string;
  readonly committed: number;
  readonly ratio: number;
  /** Range of the single rounds' ratios, which shows how noisy the machine was. */
  readonly rounds: { readonly low: number; readonly high: number };
  /** Growth over the committed ratio: 0.1 for 10%. */
  readonly growth: number;
  readonly lost: boolean;
}

/**
 * Sum of one side's rounds over the sum of the other's. A machine is fast for seconds and slow for seconds, which meets
 * short rounds in turns alike; comparing the cheapest round of each side would compare good luck with bad.
 */
export function ratioOf({ ours, yardstick }: Costs): number {
  return sum(ours) / sum(yardstick);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** @throws Error naming a ratio that is measured and not committed, or a committed one that is no number above 0 */
export function verdicts(committed: Ratios, measured: Readonly<Record<string, Costs>>): RatioVerdict[] {
  return Object.entries(measured).map(([name, costs]) => {
    const before = committed[name];
    if (before === undefined) throw new Error(`no ratio is committed for '${name}': run with --write`);
    if (!(before > 0)) throw new Error(`the committed ratio of '${name}' must be above 0, was: ${String(before)}`);
    const ratio = ratioOf(costs);
    const single = costs.ours.map((cost, round) => cost / costs.yardstick[round]!);
    const growth = ratio / before - 1;
    return {
      name,
      committed: before,
      ratio,
      growth,
      rounds: { low: Math.min(...single), high: Math.max(...single) },
      // NaN, from a failed measurement, counts as lost.
      lost: !(growth <= allowedGrowth),
    };
  });
}

export function renderVerdicts(rows: readonly RatioVerdict[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .map(({ name, committed, ratio, rounds: { low, high }, growth, lost }) => {
      const percent = `${growth < 0 ? '−' : '+'}${Math.abs(100 * growth).toFixed(0)}%`;
      return (
        `${lost ? 'LOST' : 'kept'}  ${name.padEnd(width)}  ${ratio.toFixed(2)}, committed ${committed.toFixed(2)}, ` +
        `${percent}; single rounds ${low.toFixed(2)}–${high.toFixed(2)}`
      );
    })
    .join('\n');
}
