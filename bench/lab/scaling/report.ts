/** The scaling report as Markdown. Pure. */
import { podRequestsPerSecond } from '../../simulate/capacity.ts';
import type { BaselineName } from '../../simulate/contenders.ts';
import { coldStartsS, gridMeanPods, model, trainingTrace, type Case } from './cases.ts';
import { percent, times, type CaseResults } from './compare.ts';
import { percentiles, type Result } from './contenders.ts';
import { violationsAt } from './front.ts';
import { goalsOf, type CaseGoal } from './goals.ts';

/** Purpose of tuning: the lowest cost within a limit on violations, or the fewest violations, at Sluice's cost or at any. */
export type TuningPurpose = 'tuned' | 'tunedForCost' | 'tunedForViolations';

/** Parameters that tuning chose for one baseline, purpose and cold start. */
export interface Choice {
  readonly name: BaselineName;
  readonly purpose: TuningPurpose;
  readonly coldStartS: number;
  readonly parameters: Readonly<Record<string, number>>;
}

/** @param command command that makes the page, to show on it */
export function report(
  all: readonly CaseResults[],
  choices: readonly Choice[],
  { command, picture }: { readonly command: string; readonly picture: string },
): string {
  const means = [...new Set(all.map(({ of }) => of.meanPods))].join(', ');
  const goals = all.flatMap(goalsOf);
  return `# Scaling: Sluice beside HPA, KPA, KEDA and Ray Serve, and beside a clairvoyant

\`${command}\` makes this page, in virtual time: the same numbers on every machine.

Each trace of \`bench/traces\` is scaled to a mean of ${means} pods' worth of requests. One model: a run of b requests takes
${model.cost.a} + ${model.cost.c}·b ms, objective ${model.objectiveMs} ms for ${percentiles[0]}% of requests, so that a pod carries ${podRequestsPerSecond(model).toFixed(1)} requests/s. All policies
stand behind Sluice's gateway, which refuses what would be late, and begin with the pods that the first minute's mean needs, knowing
nothing. Violations are late + shed + failed, of all offered. The clairvoyant knows the trace and makes nothing late; who allows some
lateness can cost less. Baselines are tuned, at a mean of 20 pods, on \`${trainingTrace}\`, and so were the constants of Sluice's policy;
the other traces judge.

## Goals

${summary(goals)}

${inDetail(goals)}

![Violations over pod-seconds, at a mean of 20 pods](${picture})
${coldStartsS.map((coldStartS) => tables(all, coldStartS)).join('')}
${percentileTable(all)}
## Tuned parameters

Of the grid in \`bench/simulate/tune.ts\`, on \`${trainingTrace}\`: the cheapest that keeps violations within 0.5%, else the one with the
fewest (in the tables above); the fewest violations at no more pod-seconds than Sluice has there; the fewest violations.

| cold start | baseline | tuned for | parameters |
| --: | --- | --- | --- |
${choices.map(choiceRow).join('\n')}
${fixedSizes(all)}`;
}

const purposes: Readonly<Record<TuningPurpose, string>> = {
  tuned: 'cost within 0.5%',
  tunedForCost: "violations at Sluice's cost",
  tunedForViolations: 'violations',
};

function choiceRow({ name, purpose, coldStartS, parameters }: Choice): string {
  const values = Object.entries(parameters).map(([key, value]) => `${key} ${Number(value.toFixed(2))}`);
  return `| ${coldStartS} s | ${name} | ${purposes[purpose]} | ${values.join(', ')} |`;
}

function summary(goals: readonly CaseGoal[]): string {
  const whats = [...new Set(goals.map(({ what }) => what))];
  const row = (what: string): string => {
    const of = goals.filter((goal) => goal.what === what);
    return `| ${what} | ${of.filter(({ reached }) => reached).length} of ${of.length} |`;
  };
  return ['| goal | reached in |', '| --- | --: |', ...whats.map(row)].join('\n');
}

function inDetail(goals: readonly CaseGoal[]): string {
  const row = ({ of, what, reached, measured }: CaseGoal): string =>
    `| ${of.trace} | ${of.meanPods} | ${of.coldStartS} s | ${what} | ${reached ? 'yes' : '**no**'} | ${measured} |`;
  const head = [
    '| trace | mean pods | cold start | goal | reached | measured |',
    '| --- | --: | --: | --- | --- | --- |',
  ];
  return [...head, ...goals.map(row)].join('\n');
}

/** Table of Sluice's own front: the results of asking for a higher or a lower percentile. */
function percentileTable(all: readonly CaseResults[]): string {
  const rows = all.filter(({ of, percentiles }) => of.meanPods === gridMeanPods && percentiles.length > 1);
  if (rows.length === 0) return '';
  const asked = rows[0]!.percentiles.map(({ percentile }) => percentile).sort((a, b) => a - b);
  const line = ({ of, clairvoyant, percentiles }: CaseResults): string => {
    const cells = asked.map((percentile) =>
      cell(
        percentiles.find((one) => one.percentile === percentile)!,
        clairvoyant,
      ),
    );
    return `| ${caseName(of)} | ${cells.join(' | ')} |`;
  };
  return `
## Sluice asked for more, or for less

Violations · pod-seconds ÷ the clairvoyant's · writes, by the pool's \`objective.percentile\`:

| case | ${asked.map((percentile) => `${percentile}%`).join(' | ')} |
| --- | ${asked.map(() => '---').join(' | ')} |
${rows.map(line).join('\n')}
`;
}

function tables(all: readonly CaseResults[], coldStartS: number): string {
  const rows = all.filter(({ of }) => of.coldStartS === coldStartS);
  const names = rows[0]?.defaults.map(({ name }) => name) ?? [];
  if (rows.length === 0) return '';
  const table = (of: 'defaults' | 'tuned'): string => `
| trace | mean pods | Sluice | ${names.join(' | ')} |
| --- | --: | --- | ${names.map(() => '---').join(' | ')} |
${rows.map((row) => `| ${row.of.trace} | ${row.of.meanPods} | ${[row.sluice, ...row[of]].map((result) => cell(result, row.clairvoyant)).join(' | ')} |`).join('\n')}
`;
  return `
## Cold start ${coldStartS} s

Violations · pod-seconds ÷ the clairvoyant's · writes. Baselines at their defaults (HPA: a target of 70% of a pod's capacity):
${table('defaults')}
Baselines tuned:
${table('tuned')}`;
}

function cell(result: Result, clairvoyant: Result): string {
  return `${percent(result)} · ${times(result, clairvoyant)} · ${result.scaleWrites}`;
}

/** Table for the trace on which a fixed size is hard to beat. */
function fixedSizes(all: readonly CaseResults[]): string {
  const rows = all.filter(({ fixed }) => fixed.length > 0);
  if (rows.length === 0) return '';
  const line = ({ of, sluice, fixed }: CaseResults): string => {
    const at = violationsAt(fixed, sluice.podSeconds);
    return `| ${caseName(of)} | ${percent(sluice)} | ${at === null ? '—' : `${at.toFixed(2)}%`} |`;
  };
  return `
## Sizes that never change

Violations of the fixed size that costs as much as Sluice does, chosen knowing the trace:

| case | Sluice | fixed size |
| --- | --: | --: |
${rows.map(line).join('\n')}
`;
}

function caseName({ trace, meanPods, coldStartS }: Case): string {
  return `${trace}, mean ${meanPods}, cold start ${coldStartS} s`;
}
