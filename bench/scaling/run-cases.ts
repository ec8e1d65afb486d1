/** All that the report needs of some cases: first what needs no choice, then the baselines as they were tuned. */
import { baselineNames } from '../simulate/contenders.ts';
import { grid } from '../simulate/tune.ts';
import type { Cache } from './cache.ts';
import { gridMeanPods, scenarioOf, trainingTrace, type Case } from './cases.ts';
import type { CaseResults, Named } from './compare.ts';
import { firstJobs, gridOf, type Contender, type Job, type Result } from './contenders.ts';
import type { Choice } from './report.ts';
import { runJobs } from './run-jobs.ts';

/** Violations that tuning accepts for less pod-seconds, %. */
const limitPercent = 0.5;

export async function runCases(
  cases: readonly Case[],
  cache: Cache,
  onProgress: (done: number, of: number) => void,
): Promise<{ readonly results: CaseResults[]; readonly choices: Choice[] }> {
  const coldStarts = [...new Set(cases.map(({ coldStartS }) => coldStartS))];
  const training = coldStarts.map((coldStartS) => ({ trace: trainingTrace, meanPods: gridMeanPods, coldStartS }));
  const gridJobs = training.flatMap((of) =>
    baselineNames.flatMap((name) => gridOf(name).map((contender): Job => ({ of, contender }))),
  );
  const known = new Known();
  const run = async (jobs: readonly Job[]): Promise<void> => {
    const once = [...new Map(jobs.map((job) => [JSON.stringify(job), job])).values()];
    known.add(once, await runJobs(once, cache, onProgress));
  };
  await run([...gridJobs, ...firstJobs(cases)]);

  const chosen = training.flatMap((of) =>
    baselineNames.map((name) => ({ of, name, candidate: bestOf(gridOf(name), (one) => known.get(of, one)) })),
  );
  const tunedOf = (of: Case) => chosen.filter((one) => one.of.coldStartS === of.coldStartS).map((one) => one.candidate);
  await run(cases.flatMap((of) => tunedOf(of).map((contender) => ({ of, contender }))));

  const results = cases.map((of): CaseResults => {
    const jobs = firstJobs([of]).map(({ contender }) => contender);
    const named = (contender: Contender): Named[] =>
      contender.kind === 'baseline' ? [{ ...known.get(of, contender), name: contender.name }] : [];
    return {
      of,
      clairvoyant: known.get(of, { kind: 'clairvoyant' }),
      sluice: known.get(of, { kind: 'sluice' }),
      defaults: jobs.filter((one) => one.kind === 'baseline' && one.candidate === null).flatMap(named),
      tuned: tunedOf(of).flatMap(named),
      grids: jobs.filter((one) => one.kind === 'baseline' && one.candidate !== null).flatMap(named),
      fixed: jobs.filter((one) => one.kind === 'fixed').map((one) => known.get(of, one)),
    };
  });
  const choices = chosen.map(({ of, name, candidate }) => {
    const { parameters } = grid(name, scenarioOf(of, new Float64Array()))[candidate.candidate!]!;
    return { name, coldStartS: of.coldStartS, parameters };
  });
  return { results, choices };
}

type Candidate = ReturnType<typeof gridOf>[number];

/** The cheapest that keeps the limit, else the one with the fewest violations, as tune.ts has it. */
function bestOf(candidates: readonly Candidate[], resultOf: (one: Candidate) => Result): Candidate {
  return candidates.reduce((best, one) => {
    const [a, b] = [resultOf(one), resultOf(best)];
    const keeps = a.violationPercent <= limitPercent;
    if (keeps !== b.violationPercent <= limitPercent) return keeps ? one : best;
    const better = keeps ? a.podSeconds < b.podSeconds : a.violationPercent < b.violationPercent;
    return better ? one : best;
  });
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
