/** Report as text for a terminal: setup, figures, and notes about what makes them doubtful. Pure. */
import type { Figures, Quantiles, Report } from './report.ts';
import type { Tally } from './tally.ts';
import { verdictWords } from './verdict.ts';

export function renderReport(report: Report): string {
  const { target, server, model, body, bodyBytes, loop, load, warmUpSeconds, durationSeconds, repeats } = report;
  const times = repeats.length === 1 ? '' : `, ${repeats.length} times; the middle one:`;
  const warmUp = warmUpSeconds === 0 ? '' : ` after ${warmUpSeconds} s of warm-up`;
  const lines = [
    `${target}${server === null ? '' : ` (${server})`}, model ${model}, ${body}, ${bodyBytes} B`,
    `${loop} loop, ${load}, ${durationSeconds} s${warmUp}${times}`,
    ...(report.verdict === null ? [] : ['', `Objective ${verdictWords(report.verdict)}`]),
    '',
    ...figureLines(report),
    ...histogramLines(report),
  ];
  const notes = notesOf(report);
  if (notes.length > 0) lines.push('', ...notes);
  return lines.join('\n');
}

function figureLines(figures: Figures): string[] {
  const { offered, good, rejected, errors, endings, rejectedLatencyMs, sluice } = figures;
  const share = (count: number) => (offered === 0 ? '' : `${((100 * count) / offered).toFixed(2)}%`);
  const rows: (readonly string[])[] = [
    ['offered', rate(figures.offeredPerSecond), `${offered} requests`],
    ['good', rate(figures.completedPerSecond), `${good} requests, ${share(good)}`],
    ['rejected', '', rejected === 0 ? '0' : `${rejected}, ${share(rejected)}`],
    ['errors', '', errors === 0 ? '0' : `${errors}, ${share(errors)}: ${endingsOf(endings)}`],
  ];
  const table = rows.map(([name, value, rest]) => `  ${name!.padEnd(10)}${value!.padStart(12)}   ${rest!}`);
  const head = ['', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'p99.99', 'max'].map((cell) => cell.padStart(9)).join('');
  const latencies: [string, Quantiles | null][] = [
    ['latency ms', figures.latencyMs],
    ['rejected', rejectedLatencyMs],
    ['sent late', figures.lagMs],
    ['read late', figures.readLateMs],
  ];
  table.push('', `  ${'ms'.padEnd(11)}${head.slice(9)}`);
  for (const [name, quantiles] of latencies) {
    if (quantiles === null || quantiles.count === 0) continue;
    const { mean, p50, p90, p99, p999, p9999, max } = quantiles;
    const cells = [mean, p50, p90, p99, p999, p9999, max].map((value) => digits(value).padStart(9)).join('');
    table.push(`  ${name.padEnd(11)}${cells}`);
  }
  if (sluice !== null) {
    const pods = sluice.seconds.map((second) => second.pods);
    table.push(
      '',
      `  Sluice: mean batch ${sluice.meanBatch === null ? '—' : sluice.meanBatch.toFixed(1)} rows, ` +
        `pods ${podRange(pods)}, shed ${sluice.shed}`,
    );
  }
  return table;
}

const barWidth = 40;

/** Good answers by latency, a bar for each step; the slowest step is never left out. */
function histogramLines({ histogram, good }: Figures): string[] {
  if (good === 0) return [];
  const most = Math.max(...histogram.map(({ count }) => count));
  const lines = histogram.map(({ upToMs, count }) => {
    const bar = count === 0 ? '' : '█'.repeat(Math.max(1, Math.round((barWidth * count) / most)));
    return `  ${`≤ ${upToMs} ms`.padStart(11)} ${bar.padEnd(barWidth)} ${((100 * count) / good).toFixed(2).padStart(6)}%`;
  });
  return ['', ...lines];
}

function podRange(pods: readonly number[]): string {
  if (pods.length === 0) return '—';
  const [least, most] = [Math.min(...pods), Math.max(...pods)];
  return least === most ? String(least) : `${least}–${most}`;
}

function endingsOf(endings: Readonly<Record<string, number>>): string {
  return Object.entries(endings)
    .filter(([what]) => what !== '503' && what !== '429')
    .map(([what, count]) => `${what} ×${count}`)
    .join(', ');
}

const leastReadLateMs = 5;

function notesOf(report: Report): string[] {
  const { lagMs, readLateMs, held, generatorBehind, latencyMs, endedEarly, loop, offered, good } = report;
  const notes: string[] = [];
  if (generatorBehind) {
    notes.push(
      `The generator fell behind: of 100 requests one left ${digits(lagMs.p99)} ms late or more. Latencies leave that out; ` +
        'give it cores of its own, --threads, or less load.',
    );
  }
  if (readLateMs.p99 > Math.max(leastReadLateMs, 0.1 * latencyMs.p99)) {
    notes.push(
      `The generator had no time on its machine: of 100 answers one may have waited ${digits(readLateMs.p99)} ms or more to be read. ` +
        'Latencies include that, and the verdict does not hold it against the server.',
    );
  }
  if (held > 0) {
    notes.push(
      `The server did not keep up: ${held} requests waited for one of the connections (--max-in-flight). ` +
        'Their wait is in the latency, and not in what was sent late.',
    );
  }
  if (endedEarly) notes.push('Stopped before its time was over: rates are too low.');
  if (latencyMs.count > 0 && latencyMs.count < 1000) {
    notes.push(`With ${latencyMs.count} answers, percentiles from 99.9 on are the slowest few.`);
  }
  if (loop === 'closed' && offered > 0 && good > 0) {
    notes.push('A closed loop sends less when answers are slow: for latency at a given load use --rate.');
  }
  return notes;
}

const progressWidth = 12;

/** Progress line of the last whole second, written over while a run goes on. */
export function renderProgress(tally: Tally, warmUpMs: number, elapsedMs: number): string {
  const { lastSecond } = tally;
  if (lastSecond < 0) return elapsedMs < warmUpMs ? 'warming up' : 'waiting for the first answer';
  const atS = (elapsedMs - warmUpMs) / 1000;
  const last = tally.second(atS < 1 ? lastSecond : Math.min(lastSecond, Math.floor(atS) - 1));
  const ofS = tally.durationMs / 1000;
  const bad = last.rejected + last.failed === 0 ? '' : `  rejected ${last.rejected}/s  failed ${last.failed}/s`;
  const done = Math.round(progressWidth * Math.min(1, Math.max(0, atS / ofS)));
  return (
    `${'█'.repeat(done)}${'░'.repeat(progressWidth - done)} ${Math.min(ofS, Math.max(0, atS)).toFixed(0)} of ${ofS.toFixed(0)} s  offered ${last.offered}/s  good ${last.good}/s` +
    `${bad}  p50 ${digits(last.p50Ms)}  p99 ${digits(last.p99Ms)} ms  sent late p99 ${digits(tally.lag.percentileMs(99))} ms`
  );
}

function rate(perSecond: number): string {
  return `${perSecond.toFixed(perSecond < 100 ? 2 : 1)}/s`;
}

/** A number with three significant digits, or all digits before the point where it has more. */
export function digits(value: number): string {
  return value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value >= 1
        ? value.toFixed(2)
        : value.toFixed(3);
}
