/**
 * Measurements in turns, and their ratios. A shared machine drifts, so only measurements close in time are comparable: a
 * ratio is taken within each round, and the median over the rounds.
 */
import { spread, type Spread } from '../../load-test/spread.ts';

/** Measures every side once a round, in the given order: A B A B … @returns the samples of each side, one a round */
export async function alternate<Name extends string, Sample>(
  sides: Readonly<Record<Name, () => Promise<Sample>>>,
  rounds: number,
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(sides) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Sample[]>;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) samples[name].push(await sides[name]());
  }
  return samples;
}

/** Spread of the rounds' ratios `over` ÷ `under`. @throws RangeError if the two have different numbers of rounds */
export function spreadOfRatios(over: readonly number[], under: readonly number[]): Spread {
  if (over.length !== under.length) throw new RangeError(`${over.length} values over ${under.length}`);
  return spread(over.map((value, round) => value / under[round]!));
}
