/** Results as Markdown, for bench/results. Pure. */
import { spread, type Spread } from '../../load-test/spread.ts';
import { reached } from '../rig/goal.ts';
import { digits } from '../../load-test/text.ts';
import type { ResultLine, ScenarioResult, BenchScenario } from './scenario.ts';

export interface ScenarioRun {
  readonly scenario: Pick<BenchScenario, 'name' | 'title' | 'how'>;
  readonly result: ScenarioResult;
  readonly command: string;
  readonly machine: string;
  readonly tookS: number;
}

export function renderRun({ scenario, result, command, machine, tookS }: ScenarioRun): string {
  const { title, how } = scenario;
  const { lines, repeats, remarks = [] } = result;
  const parts = [
    `# ${title}`,
    `\`${command}\``,
    `${machine} ${tookS} s in all.`,
    how,
    `${repeats} Medians, and the range over the rounds.`,
    renderLines(lines),
    ...remarks,
  ];
  return `${parts.join('\n\n')}\n`;
}

export function renderLines(lines: readonly ResultLine[]): string {
  const rows = lines.map(({ what, value, unit, goal, beside }) => [
    what,
    `**${rangeText(value)}**${unit === '' ? '' : ` ${unit}`}`,
    goal === null ? '—' : `${goal.kind === 'at least' ? '≥' : '≤'} ${goal.value}${unit === '' ? '' : ` ${unit}`}`,
    goal === null ? '—' : reached(goal, value.median) ? 'yes' : `no, ${shortfall(goal.value, value.median)}`,
    beside,
  ]);
  return markdownTable(['measure', 'value (range)', 'goal', 'reached', 'beside it'], rows);
}

/** Lines that miss their goal. */
export function missed(lines: readonly ResultLine[]): readonly ResultLine[] {
  return lines.filter(({ goal, value }) => goal !== null && !reached(goal, value.median));
}

function shortfall(goal: number, value: number): string {
  if (goal === 0) return `by ${digits(value)}`;
  const percent = (100 * (value - goal)) / goal;
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(0)}%`;
}

export function rangeText({ median, low, high }: Spread): string {
  return low === high ? shown(median) : `${shown(median)} (${shown(low)}–${shown(high)})`;
}

function shown(value: number): string {
  return value === 0 ? '0' : digits(value);
}

export function medianText(values: readonly number[]): string {
  return digits(spread(values).median);
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}
