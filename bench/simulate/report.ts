/** A comparison as people and programs read it: a table, and the JSON that `sluice simulate --json` promises. */
import type { Comparison } from './compare.ts';
import type { Outcome } from './engine.ts';

export interface ReportHead {
  readonly trace: string;
  readonly coldStartSeconds: number;
}

export function jsonReport({ trace, coldStartSeconds }: ReportHead, { clairvoyant, policies }: Comparison): object {
  return {
    trace,
    coldStartSeconds,
    clairvoyantPodSeconds: round(clairvoyant.podSeconds, 3),
    policies: policies.map(({ policy, tuned, outcome }) => ({
      policy,
      tuned: tuned !== null,
      ...(tuned !== null && { parameters: tuned }),
      offered: outcome.arrivals,
      late: outcome.late,
      shed: outcome.shed,
      failed: outcome.failed,
      violationPercent: round(outcome.violationPercent, 4),
      podSeconds: round(outcome.podSeconds, 3),
      podSecondsOverClairvoyant: round(outcome.podSeconds / clairvoyant.podSeconds, 4),
      scaleWrites: outcome.scaleWrites,
    })),
  };
}

const columns = ['policy', 'late', 'shed', 'failed', 'violations', 'pod-seconds', '÷ clairvoyant', 'writes'];

export function table({ clairvoyant, policies }: Comparison): string {
  const row = (name: string, outcome: Outcome): string[] => [
    name,
    ...[outcome.late, outcome.shed, outcome.failed].map(String),
    `${outcome.violationPercent.toFixed(2)}%`,
    outcome.podSeconds.toFixed(0),
    (outcome.podSeconds / clairvoyant.podSeconds).toFixed(3),
    String(outcome.scaleWrites),
  ];
  const rows = [
    columns,
    row('clairvoyant', clairvoyant),
    ...policies.map(({ policy, tuned, outcome }) => row(tuned === null ? policy : `${policy} (tuned)`, outcome)),
  ];
  const widths = columns.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  return rows
    .map((cells) =>
      cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[at]!))).join('  '),
    )
    .join('\n');
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
