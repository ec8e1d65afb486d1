/** Runs everything that the report needs of some cases: first what needs no tuning, then the tuned baselines. */
import { baselineNames } from '../../simulate/contenders.ts';
import { grid } from '../../simulate/tune.ts';
import type { Cache } from './cache.ts';
import { gridMeanPods, scenarioOf, trainingTrace, type Case } from './cases.ts';
import { cheapestWithin, fewest, fewestWithin, type Choose } from './choose.ts';
import type { CaseResults, Named } from './compare.ts';
import { firstJobs, gridOf, sluiceContender, type Contender, type Job, type Result } from './contenders.ts';
import type { Choice, TuningPurpose } from './report.ts';
import { runJobs } from './run-jobs.ts';

/** Violations that tuning accepts for fewer pod-seconds, %. */
const limitPercent = 0.5;

export async function runCases(
  cases: readonly Case[],
  cache: Pick<Cache, 'get' | 'set'>,
  onProgress: (done: number, of: number) => void,
): Promise<{ readonly results: CaseResults[]; readonly choices: Choice[] }> {
  const known = new Known();
  const run = async (jobs: readonly Job[]): Promise<void> => {
    const once = [...new Map(jobs.map((job) => [JSON.stringify(job), job])).values()];
    known.add(once, await runJobs(once, cache, onProgress));
  };
  const training = [...new Set(cases.map(({ coldStartS }) => coldStartS))].map(trainingAt);
  const gridJobs = training.flatMap((of) =>
    [sluiceContender, ...baselineNames.flatMap(gridOf)].map((contender): Job => ({ of, contender })),
  );
  await run([...gridJobs, ...firstJobs(cases)]);

  const tunedBy = (choose: Choose, coldStartS: number): Candidate[] =>
    baselineNames.map((name) => {
      const candidates = gridOf(name);
      return candidates[choose(candidates.map((one) => known.get(trainingAt(coldStartS), one)))]!;
    });
  const choicesAt = (coldStartS: number) => {
    const { podSeconds } = known.get(trainingAt(coldStartS), sluiceContender);
    return {
      tuned: tunedBy(cheapestWithin(limitPercent), coldStartS),
      tunedForCost: tunedBy(fewestWithin(podSeconds), coldStartS),
      tunedForViolations: tunedBy(fewest, coldStartS),
    };
  };
  const chosenFor = ({ coldStartS }: Case): Candidate[] => Object.values(choicesAt(coldStartS)).flat();
  await run(cases.flatMap((of) => chosenFor(of).map((contender) => ({ of, contender }))));

  const results = cases.map((of): CaseResults => {
    const jobs = firstJobs([of]).map(({ contender }) => contender);
    const named = (contender: Contender): Named[] =>
      contender.kind === 'baseline' ? [{ ...known.get(of, contender), name: contender.name }] : [];
    const { tuned, tunedForCost, tunedForViolations } = choicesAt(of.coldStartS);
    return {
      of,
      clairvoyant: known.get(of, { kind: 'clairvoyant' }),
      sluice: known.get(of, sluiceContender),
      percentiles: jobs.flatMap((one) =>
        one.kind === 'sluice' ? [{ ...known.get(of, one), percentile: one.percentile }] : [],
      ),
      defaults: jobs.filter((one) => one.kind === 'baseline' && one.candidate === null).flatMap(named),
      tuned: tuned.flatMap(named),
      tunedForCost: tunedForCost.flatMap(named),
      tunedForViolations: tunedForViolations.flatMap(named),
      grids: jobs.filter((one) => one.kind === 'baseline' && one.candidate !== null).flatMap(named),
      fixed: jobs.filter((one) => one.kind === 'fixed').map((one) => known.get(of, one)),
    };
  });
  const choices = training.flatMap((of) =>
    Object.entries(choicesAt(of.coldStartS)).flatMap(([purpose, chosen]) =>
      chosen.map(({ name, candidate }): Choice => {
        const { parameters } = grid(name, scenarioOf(of, new Float64Array()))[candidate!]!;
        return { name, purpose: purpose as TuningPurpose, coldStartS: of.coldStartS, parameters };
      }),
    ),
  );
  return { results, choices };
}

type Candidate = ReturnType<typeof gridOf>[number];

function trainingAt(coldStartS: number): Case {
  return { trace: trainingTrace, meanPods: gridMeanPods, coldStartS };
}

class Known {
  readonly #results = new Map<string, Result>();

  add(jobs: readonly Job[], results: readonly Result[]): void {
    for (const [index, job] of jobs.entries()) this.#results.set(JSON.stringify(job), results[index]!);
  }

  get(of: Case, contender: Contender): Result {
    return this.#results.get(JSON.stringify({ of, contender }))!;
  }
}
