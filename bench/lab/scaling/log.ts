/** Log of all runs on test cases, good or bad: a line for each, which nothing removes. */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import type { Goal } from './goals.ts';
import type { CaseResults } from './run-cases.ts';

const head = `# Runs of the scaling benchmark

Each run of \`npm run bench:scaling\` on test cases adds a line, good or bad: a policy is judged once on traffic that nobody saw, and
not until it pleases. Means over its cases of misses, and of pod-seconds ÷ the reactive oracle's; how many goals held.

| time | policy | cases | misses | pod-seconds | HPA's misses | pod-seconds | goals held | not held |
| --- | --- | --: | --: | --: | --: | --: | --: | --- |
`;

export function appendToLog(
  file: string,
  run: {
    readonly at: Date;
    readonly hash: string;
    readonly all: readonly CaseResults[];
    readonly goals: readonly Goal[];
  },
): void {
  if (!existsSync(file)) writeFileSync(file, head);
  appendFileSync(file, `${logLine(run)}\n`);
}

/** @returns the line of a run */
export function logLine({ at, hash, all, goals }: Parameters<typeof appendToLog>[1]): string {
  const mean = (of: (one: CaseResults) => number): number => all.reduce((sum, one) => sum + of(one), 0) / all.length;
  const measured = goals.filter(({ held }) => held !== null);
  const failed = goals.flatMap(({ held }, index) => (held === false ? [index + 1] : []));
  const cells = [
    `${at.toISOString().slice(0, 16)}Z`,
    `\`${hash.slice(0, 16)}\``,
    all.length,
    `${mean(({ sluice }) => sluice.violationPercent).toFixed(3)}%`,
    mean(({ sluice, oracle }) => sluice.podSeconds / oracle.podSeconds).toFixed(3),
    `${mean(({ hpa }) => hpa.violationPercent).toFixed(3)}%`,
    mean(({ hpa, oracle }) => hpa.podSeconds / oracle.podSeconds).toFixed(3),
    `${measured.length - failed.length} of ${measured.length}`,
    failed.length === 0 ? '' : `rows ${failed.join(', ')}`,
  ];
  return `| ${cells.join(' | ')} |`;
}
