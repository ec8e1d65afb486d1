/** The scaling report as Markdown. Pure. */
import type { Case } from './cases.ts';
import type { Result } from './contenders.ts';
import { beats, isBeatenByTuned, type Goal } from './goals.ts';
import { isDrift, type CaseResults } from './run-cases.ts';
import { seasonSection, type SeasonResult } from './seasons.ts';
import { kindOf, type Tuned } from './tuning.ts';

export interface ReportHead {
  readonly command: string;
  /** Hash of the policy, or null where the cases were those of training. */
  readonly hash: string | null;
  readonly beforeCommit: string;
}

export function report(
  head: ReportHead,
  {
    all,
    goals,
    tuned,
    seasons = [],
  }: {
    readonly all: readonly CaseResults[];
    readonly goals: readonly Goal[];
    readonly tuned: readonly Tuned[];
    readonly seasons?: readonly SeasonResult[];
  },
): string {
  const [drift, steps] = [all.filter(isDrift), all.filter((one) => !isDrift(one))];
  return `# Scaling: Sluice beside HPA, KPA, KEDA and Ray Serve, on traffic that nobody saw

\`${head.command}\` makes this page, in virtual time: the same numbers on every machine.

${all.length} cases ${head.hash === null ? 'of training' : `drawn from the policy's own hash, \`${head.hash.slice(0, 16)}\``}: families of traces, models whose pods carry about 120, 30 or 9
requests/s, objectives of 0.3 to 2 s for 99.5% of requests, starts of 3, 10 or 30 s, means of 5, 20 or 50 pods, and two public traces at six
sizes and starts. A change of the policy changes the cases; each run is a line of [the log](scaling-log.md). How traces are
made and baselines tuned is told in [Simulating](../../docs/simulate.md#comparison-of-the-policies).

Misses are late + shed + failed requests, of all offered. All policies stand behind Sluice's gateway, which refuses what would
be late, and have the same least replicas. The *reactive oracle* learns each change of the rate when it happens, and how long it
will stay, but not that it comes: where it misses at most 0.2% load *drifts*, elsewhere it *steps*. The clairvoyant knows all arrivals and makes nothing
late; it is measured where load drifts. *Before* is the policy of commit \`${head.beforeCommit}\`.

## Goals

| goal | held | measured |
| --- | --- | --- |
${goals.map(({ what, held, measured }) => `| ${what} | ${verdict(held)} | ${measured} |`).join('\n')}

${gapOf(all)}

## By traffic

Means over cases: misses · pod-seconds ÷ the reactive oracle's. *Beaten*: in how many cases HPA at its defaults, or a tuned baseline, is
better than Sluice on both counts.

| traffic | cases | oracle | Sluice | before | HPA | beaten by HPA | by tuned |
| --- | --: | --: | --- | --- | --- | --: | --: |
${groups(all)
  .map(([name, cases]) => groupRow(name, cases))
  .join('\n')}
${groupRow('drift', drift)}
${groupRow('steps', steps)}

${seasons.length === 0 ? '' : `${seasonSection(seasons, head.hash)}\n`}## Tuned baselines

In how many of ${all.length} cases each is better than Sluice on both counts, at equal least replicas.

| baseline | tuned for | beats Sluice in |
| --- | --- | --: |
${tunedRows(all).join('\n')}

## Each case

Misses · pod-seconds · writes · most pods, and for the clairvoyant the proven least of pod-seconds. *Tuned*: the one with the fewest misses among those within 1% of Sluice's pod-seconds or
below, at Sluice's least replicas; \`!\` where HPA or a tuned baseline is better on both counts.

| traffic | pods | start | pod carries | objective | least | oracle | clairvoyant | Sluice | before | HPA | tuned |
| --- | --: | --: | --- | --: | --: | --- | --- | --- | --- | --- | --- |
${all.map(caseRow).join('\n')}

## Tuned parameters

| traffic | start | baseline | tuned for | parameters |
| --- | --: | --- | --- | --- |
${tuned.map(tunedRow).join('\n')}
`;
}

/** Gap between the clairvoyant and the proven bound, and what the clairvoyant itself makes late. */
function gapOf(all: readonly CaseResults[]): string {
  const found = all.flatMap(({ clairvoyant }) => (clairvoyant === null ? [] : [clairvoyant]));
  if (found.length === 0) return 'The clairvoyant was not measured: no load drifts.';
  const gaps = found.map((one) => one.podSeconds / one.leastPodSeconds!).sort((a, b) => a - b);
  const late = found.reduce((most, { latePercent }) => Math.max(most, latePercent), 0);
  return `The clairvoyant has ${gaps[gaps.length >> 1]!.toFixed(3)} times the pod-seconds that are proven to be the least, in the median of ${found.length} cases, and at most
${gaps.at(-1)!.toFixed(3)} times; at most ${late.toFixed(3)}% of its own requests are late.`;
}

function verdict(held: boolean | null): string {
  return held === null ? '—' : held ? 'yes' : '**no**';
}

function groups(all: readonly CaseResults[]): [string, CaseResults[]][] {
  const names = [...new Set(all.map(({ of }) => kindOf(of.source)))];
  return names.map((name) => [name, all.filter(({ of }) => kindOf(of.source) === name)]);
}

function groupRow(name: string, cases: readonly CaseResults[]): string {
  if (cases.length === 0) return `| ${name} | 0 | | | | | | |`;
  const mean = (of: (one: CaseResults) => number): number =>
    cases.reduce((sum, one) => sum + of(one), 0) / cases.length;
  const both = (of: (one: CaseResults) => Result | null): string => {
    if (cases.some((one) => of(one) === null)) return '—';
    const misses = mean((one) => of(one)!.violationPercent);
    return `${misses.toFixed(2)}% · ${mean((one) => of(one)!.podSeconds / one.oracle.podSeconds).toFixed(3)}`;
  };
  const byHpa = cases.filter(({ hpa, sluice }) => beats(hpa, sluice)).length;
  const cells = [
    name,
    cases.length,
    `${mean(({ oracle }) => oracle.violationPercent).toFixed(2)}%`,
    both(({ sluice }) => sluice),
    both(({ before }) => before),
    both(({ hpa }) => hpa),
    byHpa,
    cases.filter(isBeatenByTuned).length,
  ];
  return `| ${cells.join(' | ')} |`;
}

function tunedRows(all: readonly CaseResults[]): string[] {
  const found = new Map<string, number>();
  for (const { name, purpose, result, sluice } of all.flatMap(({ tuned }) => tuned)) {
    const key = `| ${name} | ${purpose} |`;
    found.set(key, (found.get(key) ?? 0) + (beats(result, sluice) ? 1 : 0));
  }
  return [...found].map(([key, count]) => `${key} ${count} |`);
}

function caseRow(one: CaseResults): string {
  const { of, oracle, clairvoyant, sluice, before, hpa, tuned } = one;
  const affordable = tuned.filter(({ result, sluice: own }) => result.podSeconds <= 1.01 * own.podSeconds);
  const best = affordable.sort((a, b) => a.result.violationPercent - b.result.violationPercent)[0];
  const cells = [
    trafficName(of),
    of.meanPods,
    `${of.coldStartS} s`,
    `${of.cost.a} + ${of.cost.c}·b ms`,
    `${of.objectiveMs} ms`,
    of.minReplicas,
    cell(oracle),
    clairvoyant === null ? '—' : `${cell(clairvoyant)} · ≥ ${clairvoyant.leastPodSeconds!.toFixed(0)}`,
    cell(sluice),
    before === null ? '—' : cell(before),
    `${cell(hpa)}${beats(hpa, sluice) ? ' !' : ''}`,
    best === undefined ? '—' : `${best.name} ${cell(best.result)}${isBeatenByTuned(one) ? ' !' : ''}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function trafficName({ source }: Case): string {
  return source.kind === 'family' ? `${source.family} ${source.seed.toString(16)}` : source.trace;
}

function cell({ violationPercent, podSeconds, scaleWrites, mostPods }: Result): string {
  return `${violationPercent.toFixed(2)}% · ${podSeconds.toFixed(0)} · ${scaleWrites} · ${mostPods}`;
}

function tunedRow({ kind, coldStartS, name, purpose, minShare, parameters }: Tuned): string {
  const values = Object.entries(parameters).map(([key, value]) => `${key} ${Number(value.toFixed(2))}`);
  if (minShare > 0) values.push(`least replicas ${minShare} of the mean`);
  return `| ${kind} | ${coldStartS} s | ${name} | ${purpose} | ${values.join(', ')} |`;
}
