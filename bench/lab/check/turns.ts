/** Turns of `npm run bench:check`: costs of both sides, gathered round by round. Knows neither what is measured nor how. */
import type { CpuCost } from './comparisons.ts';

/** Costs by name, µs, one value for each round. */
export type Measured = Record<string, { readonly ours: number[]; readonly yardstick: number[] }>;

/** Measures once, and tells the costs by name. */
export type Turn = () => Promise<Readonly<Record<string, CpuCost>>>;

/**
 * Takes every turn once a round, so that other load on the machine meets all of them, and adds the costs to `measured`. A round before
 * the first is not counted: code is compiled and gateways learn their batches.
 */
export async function takeTurns(turns: readonly Turn[], rounds: number, measured: Measured): Promise<void> {
  for (const turn of turns) await turn();
  for (let round = 0; round < rounds; round += 1) {
    for (const turn of turns) {
      for (const [name, { ours, yardstick }] of Object.entries(await turn())) {
        measured[name] ??= { ours: [], yardstick: [] };
        measured[name].ours.push(ours);
        measured[name].yardstick.push(yardstick);
      }
    }
  }
}
