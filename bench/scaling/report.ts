/** The scaling report as Markdown. Pure: results in, text out. */
import { podRequestsPerSecond } from '../simulate/capacity.ts';
import type { BaselineName } from '../simulate/contenders.ts';
import { coldStartsS, model, trainingTrace, type Case } from './cases.ts';
import { goalsOf, percent, violationsAt, type CaseResults } from './compare.ts';
import type { Result } from './contenders.ts';

/** What tuning chose, by cold start. */
export interface Choice {
  readonly name: BaselineName;
  readonly coldStartS: number;
  readonly parameters: Readonly<Record<string, number>>;
}

/** @param command that makes the page */
export function report(
  all: readonly CaseResults[],
  choices: readonly Choice[],
  { command, picture }: { readonly command: string; readonly picture: string },
): string {
  const means = [...new Set(all.map(({ of }) => of.meanPods))].join(', ');
  const goals = all.flatMap(goalsOf);
  const reached = goals.filter((goal) => goal.reached).length;
  return `# Scaling: Sluice beside HPA, KPA, KEDA and Ray Serve, and beside a clairvoyant

\`${command}\` makes this page, in virtual time: the same numbers on every machine.

Each trace of \`bench/traces\` is scaled to a mean of ${means} pods' worth of requests. One model: a run of b requests takes
${model.cost.a} + ${model.cost.c}·b ms, objective ${model.objectiveMs} ms, so that a pod carries ${podRequestsPerSecond(model).toFixed(1)} requests/s. All policies stand behind Sluice's
gateway, which refuses what would be late, and begin with the pods that the first minute's mean needs, knowing nothing. Violations are
late + shed + failed, of all offered. The clairvoyant knows the trace and makes nothing late; who allows some lateness can cost
less. Baselines are tuned, at a mean of 20 pods, on \`${trainingTrace}\`, and so were the constants of Sluice's policy; the other traces judge.

## Goals: ${reached} of ${goals.length} reached

| trace | mean pods | cold start | goal | reached | measured |
| --- | --: | --: | --- | --- | --- |
${goals.map(({ of, what, reached: yes, measured }) => `| ${of.trace} | ${of.meanPods} | ${of.coldStartS} s | ${what} | ${yes ? 'yes' : '**no**'} | ${measured} |`).join('\n')}

![Violations over pod-seconds, at a mean of 20 pods](${picture})
${coldStartsS.map((coldStartS) => tables(all, coldStartS)).join('')}
## Tuned parameters

The cheapest of the grid in \`bench/simulate/tune.ts\` that keeps violations within 0.5% on \`${trainingTrace}\`; else the one with the fewest.

| cold start | baseline | parameters |
| --: | --- | --- |
${choices
  .map(
    ({ name, coldStartS, parameters }) =>
      `| ${coldStartS} s | ${name} | ${Object.entries(parameters)
        .map(([key, value]) => `${key} ${Number(value.toFixed(2))}`)
        .join(', ')} |`,
  )
  .join('\n')}
${fixedSizes(all)}`;
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
  return `${percent(result)} · ${(result.podSeconds / clairvoyant.podSeconds).toFixed(3)} · ${result.scaleWrites}`;
}

/** Honest about the trace on which a size that never changes is hard to beat. */
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
