/** Two reports of `sluice bench --json` side by side: ratios, with the range that their repeats allow. Pure. */
import { quote } from '../../contract/errors.ts';
import { spread, type Spread } from './spread.ts';
import type { Figures, Report } from './report.ts';
import { digits } from './text.ts';

const figures: readonly (readonly [string, (figures: Figures) => number])[] = [
  ['good requests/s', ({ completedPerSecond }) => completedPerSecond],
  ['mean ms', ({ latencyMs }) => latencyMs.mean],
  ['p50 ms', ({ latencyMs }) => latencyMs.p50],
  ['p90 ms', ({ latencyMs }) => latencyMs.p90],
  ['p99 ms', ({ latencyMs }) => latencyMs.p99],
  ['p99.9 ms', ({ latencyMs }) => latencyMs.p999],
  ['max ms', ({ latencyMs }) => latencyMs.max],
  [
    'rejected + errors %',
    ({ offered, rejected, errors }) => (offered === 0 ? 0 : (100 * (rejected + errors)) / offered),
  ],
];

export interface ComparedFigure {
  readonly name: string;
  readonly a: Spread;
  readonly b: Spread;
  /** Ratio of the medians, b ÷ a, with the range from lowest b ÷ highest a to highest b ÷ lowest a; null where a is 0. */
  readonly ratio: Spread | null;
}

export function compareFigures(a: Report, b: Report): ComparedFigure[] {
  return figures.map(([name, read]) => {
    const [ofA, ofB] = [spread(a.repeats.map(read)), spread(b.repeats.map(read))];
    const ratio =
      ofA.low > 0 ? { median: ofB.median / ofA.median, low: ofB.low / ofA.high, high: ofB.high / ofA.low } : null;
    return { name, a: ofA, b: ofB, ratio };
  });
}

export function renderComparison(a: Report, b: Report): string {
  const rows = compareFigures(a, b).map((one) => [
    one.name,
    range(one.a),
    range(one.b),
    one.ratio === null ? '—' : range(one.ratio),
  ]);
  const head = ['', 'a', 'b', 'b ÷ a'];
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('   ')}`;
  const repeats = Math.min(a.repeats.length, b.repeats.length);
  const notes = [
    repeats < 3
      ? 'With fewer than 3 repeats on a side the spread says little: --repeats 5.'
      : 'A ratio whose range has 1 in it may be chance.',
  ];
  const different = (['model', 'body', 'bodyBytes', 'loop', 'load', 'machine'] as const).filter(
    (key) => a[key] !== b[key],
  );
  for (const key of different) notes.push(`${key} differs: ${String(a[key])} and ${String(b[key])}`);
  return [describe('a', a), describe('b', b), '', line(head), ...rows.map(line), '', ...notes].join('\n');
}

/** Parses the output of `sluice bench --json`. @throws Error where the text is not a report */
export function parseBenchReport(text: string, file: string): Report {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${file}: is not JSON: ${quote(text)}`);
  }
  const { repeats } = (value ?? {}) as Partial<Report>;
  const isRun = (run: unknown): boolean => {
    const { latencyMs, completedPerSecond } = (run ?? {}) as Partial<Figures>;
    return typeof completedPerSecond === 'number' && typeof latencyMs === 'object' && (latencyMs as unknown) !== null;
  };
  if (!Array.isArray(repeats) || repeats.length === 0 || !repeats.every(isRun)) {
    throw new Error(`${file}: repeats: must be the runs of a report of sluice bench --json, was: ${quote(repeats)}`);
  }
  return value as Report;
}

function describe(name: string, { target, server, model, load, repeats }: Report): string {
  return `${name}: ${target}${server === null ? '' : ` (${server})`}, ${model}, ${load}, repeats: ${repeats.length}`;
}

function range({ median, low, high }: Spread): string {
  return low === high ? digits(median) : `${digits(median)} (${digits(low)}–${digits(high)})`;
}
