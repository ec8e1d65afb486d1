/**
 * Tuning of the baselines, as a competent operator would: for traffic of the kind that is to come and for the time that
 * pods take to start, on traces that judge nobody. What was chosen is kept in tuned.json, since it depends on no policy of Sluice.
 */
import { hpaDefaults } from '../../simulate/baselines/hpa.ts';
import { baselineNames, type BaselineName } from '../../simulate/contenders.ts';
import { shortFamilies } from '../../simulate/families/family-trace.ts';
import { grid } from '../../simulate/tune.ts';
import { coldStartsS, scenarioOf, type Case, type ColdStartS, type Source } from './cases.ts';
import type { Job, Result } from './contenders.ts';

/** Kinds of traffic that are tuned for: the families, and public traces. */
export const kinds = [...shortFamilies, 'traces'] as const;
export type Kind = (typeof kinds)[number];

/**
 * Purposes of tuning: `promise` is the fewest pod-seconds with at most 0.5% missed, or the fewest missed where no setting
 * keeps that; `cost` is the fewest missed for at most 1.25 times the reactive oracle's pod-seconds, or the cheapest.
 */
export const purposes = ['promise', 'cost'] as const;
export type Purpose = (typeof purposes)[number];
const promisedPercent = 0.5;
const mostOfOracle = 1.25;

export interface Tuned {
  readonly kind: Kind;
  readonly coldStartS: ColdStartS;
  readonly name: BaselineName;
  readonly purpose: Purpose;
  /** Index in the baseline's grid. */
  readonly candidate: number;
  /** Least replicas ÷ the mean of the pods needed. */
  readonly minShare: number;
  /** Parameters of the candidate, for people. */
  readonly parameters: Readonly<Record<string, number>>;
}

interface Setting {
  readonly name: BaselineName;
  readonly candidate: number;
  readonly minShare: number;
}

const trainingMeanPods = 5;
const trainingLengthS = 1800;

export function kindOf(source: Source): Kind {
  return source.kind === 'family' ? (source.family as Kind) : 'traces';
}

/** Case with the least replicas of a setting, where these are more than its own. */
export function withLeast(of: Case, minShare: number): Case {
  return { ...of, minReplicas: Math.max(of.minReplicas, Math.ceil(minShare * of.meanPods)) };
}

function trainingCase(kind: Kind, coldStartS: ColdStartS): Case {
  const source: Source =
    kind === 'traces'
      ? { kind: 'trace', trace: 'azure-llm-conv', seed: 1 }
      : { kind: 'family', family: kind, seed: 100 + kinds.indexOf(kind), lengthS: trainingLengthS };
  const cost = { a: 100, c: 100 };
  return { source, cost, objectiveMs: 800, meanPods: trainingMeanPods, coldStartS, minReplicas: 1 };
}

function settings(): Setting[] {
  const scenario = scenarioOf(trainingCase('steps', 10), new Float64Array());
  return baselineNames.flatMap((name) =>
    grid(name, scenario).flatMap(({ parameters }, candidate) => {
      // More least replicas are tried for HPA, at its usual window.
      const isUsual = name === 'hpa' && parameters['downStabilizationMs'] === hpaDefaults.downStabilizationMs;
      return (isUsual ? [0, 0.5] : [0]).map((minShare) => ({ name, candidate, minShare }));
    }),
  );
}

/** @param run runs jobs, and gives their results in the same order */
export async function tuneAll(run: (jobs: readonly Job[]) => Promise<Result[]>): Promise<Tuned[]> {
  const groups = kinds.flatMap((kind) => coldStartsS.map((coldStartS) => ({ kind, coldStartS })));
  const all = settings();
  const jobs = groups.flatMap(({ kind, coldStartS }): Job[] => {
    const of = trainingCase(kind, coldStartS);
    return [
      { of, contender: { kind: 'oracle' } },
      ...all.map(({ name, candidate, minShare }): Job => {
        return { of: withLeast(of, minShare), contender: { kind: 'baseline', name, candidate } };
      }),
    ];
  });
  const results = await run(jobs);
  return groups.flatMap(({ kind, coldStartS }, group) => {
    const [oracle, ...tried] = results.slice(group * (all.length + 1), (group + 1) * (all.length + 1));
    const of = trainingCase(kind, coldStartS);
    return baselineNames.flatMap((name) =>
      purposes.map((purpose): Tuned => {
        const own = all.flatMap((setting, at) => (setting.name === name ? [{ setting, result: tried[at]! }] : []));
        const { setting } =
          own[
            best(
              own.map(({ result }) => result),
              purpose,
              oracle!,
            )
          ]!;
        const { parameters } = grid(name, scenarioOf(of, new Float64Array()))[setting.candidate]!;
        return { kind, coldStartS, purpose, ...setting, parameters };
      }),
    );
  });
}

/** @returns index of the best result for a purpose; the first of equals */
export function best(results: readonly Result[], purpose: Purpose, oracle: Pick<Result, 'podSeconds'>): number {
  const keeps = ({ violationPercent, podSeconds }: Result): boolean =>
    purpose === 'promise' ? violationPercent <= promisedPercent : podSeconds <= mostOfOracle * oracle.podSeconds;
  const isBetter = (one: Result, other: Result): boolean => {
    if (keeps(one) !== keeps(other)) return keeps(one);
    const byCost = keeps(one) === (purpose === 'promise');
    return byCost ? one.podSeconds < other.podSeconds : one.violationPercent < other.violationPercent;
  };
  return results.reduce((found, one, index) => (isBetter(one, results[found]!) ? index : found), 0);
}
