/**
 * Seasons: what the seasonal forecast saves where spikes recur daily and weekly, and costs where they come at random. The same three
 * weeks are simulated with and without it.
 */
import { seededRandom } from '../../../runtime/seeded-random.ts';
import { weeks } from '../../simulate/families/spiky-weeks.ts';
import { coldStartsS, type Case, type ColdStartS } from './cases.ts';
import type { Goal } from './goals.ts';
import type { Job, Result } from './contenders.ts';

type SeasonalFamily = 'recurring' | 'erratic';

export interface SeasonResult {
  readonly of: Case;
  readonly family: SeasonalFamily;
  readonly withForecast: Result;
  readonly without: Result;
}

/** Three weeks with spikes that recur for each start-up time, and three with such that don't. */
export function seasonCases(seed: number): Case[] {
  const random = seededRandom(seed + 2);
  const drawn = (family: SeasonalFamily, coldStartS: ColdStartS): Case => {
    const lengthS = weeks * 7 * 86_400;
    const source = { kind: 'family', family, seed: Math.floor(random() * 2 ** 32), lengthS } as const;
    return { source, cost: { a: 100, c: 100 }, objectiveMs: 800, meanPods: 4, coldStartS, minReplicas: 1 };
  };
  return [...coldStartsS.map((coldStartS) => drawn('recurring', coldStartS)), drawn('erratic', 10)];
}

/** @param run runs jobs, and gives their results in the same order */
export async function runSeasons(
  cases: readonly Case[],
  run: (jobs: readonly Job[]) => Promise<Result[]>,
): Promise<SeasonResult[]> {
  const results = await run(
    cases.flatMap((of): Job[] => [true, false].map((seasonal) => ({ of, contender: { kind: 'season', seasonal } }))),
  );
  return cases.map((of, index) => {
    const family = of.source.kind === 'family' && of.source.family === 'recurring' ? 'recurring' : 'erratic';
    return { of, family, withForecast: results[2 * index]!, without: results[2 * index + 1]! };
  });
}

interface Sums {
  /** Misses with the forecast ÷ those without. */
  readonly misses: number;
  readonly podSeconds: number;
}

function sumsOf(all: readonly SeasonResult[], family: SeasonalFamily): Sums | null {
  const found = all.filter((one) => one.family === family);
  if (found.length === 0) return null;
  const ratio = (of: (result: Result) => number): number =>
    found.reduce((sum, one) => sum + of(one.withForecast), 0) / found.reduce((sum, one) => sum + of(one.without), 0);
  return {
    misses: ratio(({ violationPercent, arrivals }) => violationPercent * arrivals),
    podSeconds: ratio(({ podSeconds }) => podSeconds),
  };
}

export function seasonGoals(all: readonly SeasonResult[]): Goal[] {
  const goal = (what: string, sums: Sums | null, holds: (sums: Sums) => boolean): Goal => ({
    what,
    held: sums === null ? null : holds(sums),
    measured:
      sums === null
        ? 'not measured'
        : `${sums.misses.toFixed(3)} of the misses at ${sums.podSeconds.toFixed(4)} of the pod-seconds`,
  });
  return [
    goal(
      'seasonal forecast, where spikes recur: at least 30% fewer misses at equal pod-seconds (at most 1.01), summed',
      sumsOf(all, 'recurring'),
      ({ misses, podSeconds }) => misses <= 0.7 && podSeconds <= 1.01,
    ),
    goal(
      'seasonal forecast, where spikes come at random: no more misses, and at most 1.001 of the pod-seconds, summed',
      sumsOf(all, 'erratic'),
      ({ misses, podSeconds }) => misses <= 1 && podSeconds <= 1.001,
    ),
  ];
}

const title = '## The shape of days';

/**
 * Section of the page.
 * @param hash of the policy; null where the cases were those of training
 */
export function seasonSection(all: readonly SeasonResult[], hash: string | null): string {
  const drawn = hash === null ? 'of training' : `drawn from the policy's hash, \`${hash.slice(0, 16)}\``;
  return `${title}

The same three weeks with and without the [seasonal forecast](../../docs/scaling-algorithm.md#the-shape-of-days), ${drawn}: one to three spikes a day, 3 to 8
times the rate, for 2 to 30 minutes. *Recurring* ones come at the same times of the day, within two minutes, and one more on one day of the week; *erratic*
ones at random. All three weeks count, the days of learning too, but for requests of calm hours: from a quarter of an hour after a spike to seven minutes before
the next a policy holds what it has, so these hours are jumped over; the forecast hears of their traffic, and what it orders is paid for, beside the pods that
the rate needs. A pod carries 6.7 requests/s, four are needed in the mean, the objective is 800 ms. Missed requests · pod-seconds · writes.

| traffic | start | simulated requests | without | with | misses | pod-seconds |
| --- | --: | --: | --- | --- | --: | --: |
${all.map(row).join('\n')}

${seasonGoals(all)
  .map(
    ({ what, held, measured }) =>
      `- ${held === null ? 'Not measured' : held ? 'Held' : '**Not held**'}: ${what}${held === null ? '' : `: ${measured}`}.`,
  )
  .join('\n')}
`;
}

function row({ of, family, withForecast, without }: SeasonResult): string {
  const seed = of.source.kind === 'family' ? of.source.seed.toString(16) : '';
  const misses = (result: Result): number => (result.violationPercent * result.arrivals) / 100;
  const cell = (result: Result): string =>
    `${misses(result).toFixed(0)} · ${result.podSeconds.toFixed(0)} · ${result.scaleWrites}`;
  const cells = [
    `${family} ${seed}`,
    `${of.coldStartS} s`,
    without.arrivals,
    cell(without),
    cell(withForecast),
    (misses(withForecast) / misses(without)).toFixed(3),
    (withForecast.podSeconds / without.podSeconds).toFixed(4),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** @returns the page with this section in place of the one before, or before the tuned baselines */
export function withSection(page: string, section: string): string {
  const before = '## Tuned baselines';
  const from = page.includes(title) ? page.indexOf(title) : page.indexOf(before);
  const to = page.indexOf(before);
  return `${page.slice(0, from)}${section}\n${page.slice(to)}`;
}
