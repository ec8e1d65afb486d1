/** Whether what was measured is a loss against the ratios that were committed. Pure. */

/** By name; of each, less is better. */
export type Ratios = Readonly<Record<string, number>>;

/** CPU time per request of both sides, one value a round. */
export interface Costs {
  readonly ours: readonly number[];
  readonly yardstick: readonly number[];
}

/** A ratio that has grown by more is a loss. */
export const allowedGrowth = 0.25;

export interface RatioVerdict {
  readonly name: string;
  readonly committed: number;
  readonly ratio: number;
  /** Of the ratios of single rounds: what the machine did. */
  readonly rounds: { readonly low: number; readonly high: number };
  /** 0.1 where the ratio is 10% above what was committed. */
  readonly growth: number;
  readonly lost: boolean;
}

/**
 * All rounds of one side over all of the other. A machine is fast for seconds and slow for seconds, and short rounds in turns
 * meet both alike; the cheapest round of each side would compare one that was lucky with one that was not.
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
      // What could not be measured has not been kept.
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
