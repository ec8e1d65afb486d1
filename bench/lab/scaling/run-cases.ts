/** Runs all contenders on some cases: first the oracle and the policies, then the clairvoyant where load drifts. */
import type { BaselineName } from '../../simulate/contenders.ts';
import type { Case } from './cases.ts';
import type { Contender, Job, Result } from './contenders.ts';
import { kindOf, withLeast, type Purpose, type Tuned } from './tuning.ts';

export interface TunedResult {
  readonly name: BaselineName;
  readonly purpose: Purpose;
  readonly result: Result;
  /** Sluice with the same least replicas. */
  readonly sluice: Result;
}

export interface CaseResults {
  readonly of: Case;
  readonly sluice: Result;
  /** Policy of before; null where the repository's history has it not. */
  readonly before: Result | null;
  /** HPA at its defaults, with a target of 70% of a pod's capacity. */
  readonly hpa: Result;
  readonly tuned: readonly TunedResult[];
  readonly oracle: Result;
  /** Null where load steps: the oracle is the yardstick there. */
  readonly clairvoyant: Result | null;
}

/** Misses of the reactive oracle, %, up to which a case's load drifts and does not step. */
const mostOfDrift = 0.2;

export function isDrift({ oracle }: Pick<CaseResults, 'oracle'>): boolean {
  return oracle.violationPercent <= mostOfDrift;
}

export async function runCases(request: {
  readonly cases: readonly Case[];
  readonly tuned: readonly Tuned[];
  readonly hasBefore: boolean;
  /** Runs jobs, and gives their results in the same order. */
  readonly run: (jobs: readonly Job[]) => Promise<Result[]>;
}): Promise<CaseResults[]> {
  const { cases, tuned, hasBefore, run } = request;
  const known = new Map<string, Result>();
  const runOnce = async (jobs: readonly Job[]): Promise<void> => {
    const once = [...new Map(jobs.map((job) => [JSON.stringify(job), job])).values()];
    const results = await run(once);
    for (const [index, job] of once.entries()) known.set(JSON.stringify(job), results[index]!);
  };
  const get = (of: Case, contender: Contender): Result => known.get(JSON.stringify({ of, contender }))!;
  const tunedFor = (of: Case): readonly Tuned[] =>
    tuned.filter(({ kind, coldStartS }) => kind === kindOf(of.source) && coldStartS === of.coldStartS);

  await runOnce(
    cases.flatMap((of) => [
      { of, contender: { kind: 'oracle' } },
      { of, contender: sluice },
      ...(hasBefore ? [{ of, contender: before }] : []),
      { of, contender: hpa },
      ...tunedFor(of).flatMap((one) => [
        { of: withLeast(of, one.minShare), contender: contenderOf(one) },
        { of: withLeast(of, one.minShare), contender: sluice },
      ]),
    ]),
  );
  const drifting = cases.filter((of) => isDrift({ oracle: get(of, oracle) }));
  await runOnce(drifting.map((of) => ({ of, contender: clairvoyant })));

  return cases.map((of) => ({
    of,
    sluice: get(of, sluice),
    before: hasBefore ? get(of, before) : null,
    hpa: get(of, hpa),
    tuned: tunedFor(of).map((one) => ({
      name: one.name,
      purpose: one.purpose,
      result: get(withLeast(of, one.minShare), contenderOf(one)),
      sluice: get(withLeast(of, one.minShare), sluice),
    })),
    oracle: get(of, oracle),
    clairvoyant: drifting.includes(of) ? get(of, clairvoyant) : null,
  }));
}

const oracle = { kind: 'oracle' } as const;
const clairvoyant = { kind: 'clairvoyant' } as const;
const sluice = { kind: 'sluice' } as const;
const before = { kind: 'before' } as const;
const hpa = { kind: 'baseline', name: 'hpa', candidate: null } as const;

function contenderOf({ name, candidate }: Tuned): Contender {
  return { kind: 'baseline', name, candidate };
}
