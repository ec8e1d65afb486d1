/**
 * Comparison of two checkouts of Sluice: CPU time per request or row of each, in turns on one machine. It says what a change costs or
 * saves where a run today and one of last week differ by more. Starts nothing.
 */
import type { LoadGenerator } from '../rig/load.ts';
import type { Target } from '../rig/systems.ts';
import type { Comparison } from './comparisons.ts';
import { takeTurns, type Measured, type Turn } from './turns.ts';
import { ratioOf, type Costs } from './verdict.ts';

export interface Checkouts {
  readonly load: LoadGenerator;
  readonly here: Target;
  readonly there: Target;
}

/** Costs of one start of both checkouts by what they are of, µs, one value for each round; the other checkout is the yardstick. */
export type StartCosts = Readonly<Record<string, Costs>>;

const parts = ['gateway', 'gateway + pods'] as const;

interface Turns {
  readonly rounds: number;
  /** Requests to each side in a turn. */
  readonly requests: number;
}

/** Measures each comparison at both, in turns. */
export async function measureBoth(
  chosen: readonly Comparison[],
  { load, here, there }: Checkouts,
  { rounds, requests }: Turns,
): Promise<StartCosts> {
  const turns = chosen.map(({ name, measure }): Turn => {
    return async () => {
      const ours = await measure(load, here, requests);
      const theirs = await measure(load, there, requests);
      return {
        [`${name}: ${parts[0]}`]: { ours: ours.gatewayUs, yardstick: theirs.gatewayUs },
        [`${name}: ${parts[1]}`]: { ours: ours.gatewayUs + ours.podsUs, yardstick: theirs.gatewayUs + theirs.podsUs },
      };
    };
  });
  const measured: Measured = {};
  await takeTurns(turns, rounds, measured);
  return measured;
}

/** One line for each cost: means of both checkouts over all starts, their ratio, and its range over the starts. */
export function renderCosts(
  chosen: readonly Pick<Comparison, 'name' | 'unit'>[],
  starts: readonly StartCosts[],
): string {
  const rows = chosen.flatMap(({ name, unit }) => parts.map((part) => ({ name: `${name}: ${part}`, unit })));
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .map(({ name, unit }) => {
      const all = starts.map((costs) => costs[name]!);
      const ratios = all.map(ratioOf);
      const ours = all.flatMap((one) => one.ours);
      const yardstick = all.flatMap((one) => one.yardstick);
      const here = `${mean(ours).toFixed(1)} µs a ${unit} here`;
      const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)} by start`;
      return `${name.padEnd(width)}  ${here}, ${mean(yardstick).toFixed(1)} there: ${ratioOf({ ours, yardstick }).toFixed(2)}; ${range}`;
    })
    .join('\n');
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
