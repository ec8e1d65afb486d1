/** Comparison as a table for people, and as the JSON of `sluice simulate --json`. */
import type { PolicyComparison } from './compare.ts';
import { missedRequests, type SimulationResult } from './engine.ts';

export interface ReportHead {
  readonly trace: string;
  readonly coldStartSeconds: number;
}

export function jsonReport(
  { trace, coldStartSeconds }: ReportHead,
  { clairvoyant, lowerBound, reactiveOracle, policies }: PolicyComparison,
): object {
  const fields = (result: SimulationResult): object => ({
    offered: result.arrivals,
    late: result.late,
    shed: result.shed,
    failed: result.failed,
    violationPercent: round(result.violationPercent, 4),
    podSeconds: round(result.podSeconds, 3),
    podSecondsOverClairvoyant: round(result.podSeconds / clairvoyant.podSeconds, 4),
    scaleWrites: result.scaleWrites,
  });
  return {
    trace,
    coldStartSeconds,
    clairvoyantPodSeconds: round(clairvoyant.podSeconds, 3),
    clairvoyantLate: missedRequests(clairvoyant),
    lowerBoundPodSeconds: round(lowerBound, 3),
    clairvoyantOverLowerBound: round(clairvoyant.podSeconds / lowerBound, 4),
    reactiveOracle: fields(reactiveOracle),
    policies: policies.map(({ policy, tuned, result }) => ({
      policy,
      tuned: tuned !== null,
      ...(tuned !== null && { parameters: tuned }),
      ...fields(result),
    })),
  };
}

const columns = ['policy', 'late', 'shed', 'failed', 'violations', 'pod-seconds', '÷ clairvoyant', 'writes'];

export function comparisonTable({ clairvoyant, lowerBound, reactiveOracle, policies }: PolicyComparison): string {
  const row = (name: string, result: SimulationResult): string[] => [
    name,
    ...[result.late, result.shed, result.failed].map(String),
    `${result.violationPercent.toFixed(2)}%`,
    result.podSeconds.toFixed(0),
    (result.podSeconds / clairvoyant.podSeconds).toFixed(3),
    String(result.scaleWrites),
  ];
  const rows = [
    columns,
    ['lower bound', '', '', '', '', lowerBound.toFixed(0), (lowerBound / clairvoyant.podSeconds).toFixed(3), ''],
    row('clairvoyant', clairvoyant),
    row('reactive oracle', reactiveOracle),
    ...policies.map(({ policy, tuned, result }) => row(tuned === null ? policy : `${policy} (tuned)`, result)),
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
