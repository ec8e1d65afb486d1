/** The two tables of `npm run bench:gateway` as data and as text. Pure. */
import { spread, spreadOfRatios, type Spread } from './alternate.ts';
import { connections, pods, reached, type Case, type Goal } from './gateway-cases.ts';
import type { Sample } from './measure.ts';

export interface Row {
  readonly name: string;
  readonly bodyBytes: number;
  readonly goal: Goal;
  readonly ratio: Spread;
  readonly reached: boolean;
  /** Measurements during which a pod of the system was out of rotation: the ratio then says less. */
  readonly withFewerPods: number;
  readonly sides: Readonly<Record<string, Side>>;
}

/** Medians over the rounds; throughput with its range. */
export interface Side {
  readonly perSecond: Spread;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuUs: number;
  readonly podsCpuUs: number;
  readonly meanBatch: number | null;
}

export interface BatchingRow extends Row {
  /** CPU of gateway and pods per request with batching off ÷ with it: what others do on the machine touches it less. */
  readonly cpuRatio: Spread;
}

export interface CpuRow extends Row {
  /** CPU of gateway and pods together ÷ the echo's. */
  readonly wholeRatio: Spread;
  /** Gateway's ÷ that of an echo that parses JSON and does not make it again, where it was measured. */
  readonly parseRatio: Spread | null;
}

export function batchingRow(one: Case, samples: Readonly<Record<'on' | 'off', readonly Sample[]>>): BatchingRow {
  const { on, off } = samples;
  const ratio = spreadOfRatios(on.map(perSecond), off.map(perSecond));
  return {
    ...rowOf(one, ratio, [...on, ...off]),
    cpuRatio: spreadOfRatios(off.map(wholeCpu), on.map(wholeCpu)),
    sides: { batching: sideOf(on), 'batching off': sideOf(off) },
  };
}

export function cpuRow(
  one: Case,
  samples: Readonly<Record<'sluice' | 'echo', readonly Sample[]>> & { readonly parse?: readonly Sample[] },
): CpuRow {
  const { sluice, echo, parse } = samples;
  const own = (sample: Sample) => sample.serverCpuUs;
  const ratio = spreadOfRatios(sluice.map(own), echo.map(own));
  return {
    ...rowOf(one, ratio, sluice),
    wholeRatio: spreadOfRatios(sluice.map(wholeCpu), echo.map(own)),
    parseRatio: parse === undefined ? null : spreadOfRatios(sluice.map(own), parse.map(own)),
    sides: {
      sluice: sideOf(sluice),
      echo: sideOf(echo),
      ...(parse === undefined ? {} : { 'echo, parse only': sideOf(parse) }),
    },
  };
}

function rowOf(one: Case, ratio: Spread, ofSystem: readonly Sample[]): Omit<Row, 'sides'> {
  const { name, workload, goal } = one;
  return {
    name,
    bodyBytes: workload.bodies[0]!.length,
    goal,
    ratio,
    reached: reached(goal, ratio.median),
    withFewerPods: ofSystem.filter(({ servingPods }) => servingPods < pods).length,
  };
}

function sideOf(samples: readonly Sample[]): Side {
  const median = (read: (sample: Sample) => number) => spread(samples.map(read)).median;
  return {
    perSecond: spread(samples.map(perSecond)),
    p50Ms: median(({ p50Ms }) => p50Ms),
    p99Ms: median(({ p99Ms }) => p99Ms),
    serverCpuUs: median(({ serverCpuUs }) => serverCpuUs),
    podsCpuUs: median(({ podsCpuUs }) => podsCpuUs),
    meanBatch: samples.some(({ meanBatch }) => meanBatch === null) ? null : median(({ meanBatch }) => meanBatch!),
  };
}

const perSecond = (sample: Sample): number => sample.perSecond;
const wholeCpu = (sample: Sample): number => sample.serverCpuUs + sample.podsCpuUs;

/** Both tables in Markdown, which a terminal shows well enough. */
export function renderTables(batching: readonly BatchingRow[], cpu: readonly CpuRow[]): string {
  const parts: string[] = [];
  if (batching.length > 0) {
    parts.push(
      `## Throughput ÷ batching off\n\nSingle-row requests, ${connections} connections, ${pods} pods. Off: the same code and pods, plain requests, unlimited concurrency.`,
      table(
        ['body', 'ratio (range)', 'goal', 'reached', 'side', 'requests/s (range)', 'mean batch', ...costColumns],
        batching.flatMap(sideLines),
      ),
      table(
        ['body', 'CPU of gateway + pods per request, batching off ÷ batching'],
        batching.map(({ name, cpuRatio }) => [name, range(cpuRatio)]),
      ),
    );
  }
  if (cpu.length > 0) {
    parts.push(
      `## CPU per request of the gateway ÷ a bare Fastify echo\n\nThe same bodies, ${connections} connections, ${pods} pods. The echo parses JSON and makes JSON of it again.`,
      table(
        ['body', 'ratio (range)', 'goal', 'reached', 'side', 'requests/s (range)', 'mean batch', ...costColumns],
        cpu.flatMap(sideLines),
      ),
      table(
        ['body', 'gateway + pods ÷ echo', 'gateway ÷ an echo that parses and sends the bytes back as they came'],
        cpu.map(({ name, wholeRatio, parseRatio }) => [name, range(wholeRatio), parseRatio ? range(parseRatio) : '—']),
      ),
    );
  }
  const short = [...batching, ...cpu].filter(({ withFewerPods }) => withFewerPods > 0);
  for (const { name, withFewerPods } of short) {
    parts.push(`${name}: at the end of ${withFewerPods} measurements fewer than ${pods} pods were in rotation.`);
  }
  return `${parts.join('\n\n')}\n`;
}

const costColumns = ['own CPU µs', 'pods CPU µs', 'p50 ms', 'p99 ms'] as const;

function sideLines(row: Row): string[][] {
  return Object.entries(row.sides).map(([name, side], index) => [
    ...(index === 0
      ? [`${row.name}, ${row.bodyBytes} B`, `**${range(row.ratio)}**`, goalText(row.goal), row.reached ? 'yes' : 'NO']
      : ['', '', '', '']),
    name,
    range(side.perSecond, 0),
    side.meanBatch === null ? '—' : side.meanBatch.toFixed(1),
    side.serverCpuUs.toFixed(0),
    side.podsCpuUs === 0 ? '—' : side.podsCpuUs.toFixed(0),
    side.p50Ms.toFixed(0),
    side.p99Ms.toFixed(0),
  ]);
}

function goalText({ kind, ratio }: Goal): string {
  return `${kind === 'at least' ? '≥' : '≤'} ${ratio}`;
}

function range({ median, low, high }: Spread, digits = 2): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}
