/** Results of a validation as a table for a terminal and as a page. Pure. */
import { podsAt } from './pod-count.ts';
import { delay, pool, startDelayMs, type RealReplay, type Replay } from './setup.ts';
import { binMs } from './stretch.ts';
import { isWithin, median, type ComparedRow } from './verdict.ts';

export interface Validated {
  readonly real: RealReplay;
  readonly simulated: readonly Replay[];
  readonly rows: readonly ComparedRow[];
}

const heads = ['', 'real', 'simulated (range)', 'difference', 'limit', 'within'] as const;

export function textTable(rows: readonly ComparedRow[]): string {
  const lines = [heads, ...rows.map(cellsOf)];
  const widths = heads.map((_, column) => Math.max(...lines.map((cells) => cells[column]!.length)));
  return lines
    .map((cells) =>
      cells
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function titleOf({ trace, fromMs, lengthMs, peakPods, seed }: RealReplay): string {
  return `${trace}, ${lengthMs / 60_000} minutes from minute ${fromMs / 60_000} on, at most ${peakPods} pods busy, seed ${seed}`;
}

export function page(validated: readonly Validated[], command: string): string {
  const good = validated.filter(({ rows }) => isWithin(rows)).length;
  const verdict =
    good === validated.length
      ? `The simulator agrees with what ran on all ${good} stretches.`
      : `The simulator agrees with what ran on ${good} of ${validated.length} stretches.`;
  const { objectiveMs, maxRows, minReplicas, maxReplicas } = pool;
  return `${[
    '# The simulator beside the local cluster',
    `\`${command} -- --trace NAME --write\` replays a stretch of a trace at its own speed on \`sluice up\`, with the real scaler, ` +
      'gateway and pods, simulates the same arrivals, and writes this page of all replays that are kept.',
    `**${verdict}** ${together(validated)}`,
    `One pool of ${minReplicas} to ${maxReplicas} pods. The model sleeps: a run of b requests takes ${delay.runMs} + ${delay.rowMs}·b ms and a little, ` +
      `with at most ${maxRows} of them; pods wait ${startDelayMs / 1000} s before they load it. The objective is ${objectiveMs} ms. Traces are scaled by ` +
      `how many pods are busy in their fullest half minute; the forecast keeps about as many free. The simulator is given what a person would have: arrivals, the pool's ` +
      'limits, the cost of a run as the gateway learned it, the median and the spread of the times to ready, and for how ' +
      'long the scaler had watched before. It runs 25 times, with other seeds and other phases of its clock; medians are compared, and ' +
      'ranges tell what is chance: one pod more, kept for minutes because of a second, is a tenth of such a small pool. Late is what was answered later than the objective after it was due; pods count from the start of ' +
      'their process to its end.',
    ...validated.map(section),
  ].join('\n\n')}\n`;
}

/** Sentence on all replays together, in whose sum chance evens out. */
function together(validated: readonly Validated[]): string {
  const sum = (value: (one: Replay) => number): { real: number; simulated: number } => ({
    real: validated.reduce((total, { real }) => total + value(real), 0),
    simulated: validated.reduce((total, { simulated }) => total + median(simulated.map(value)), 0),
  });
  const offered = sum((one) => one.offered);
  const missed = sum(({ late, shed, failed }) => late + shed + failed);
  const paid = sum((one) => one.podSeconds);
  const percent = (part: number, whole: number): string => ((100 * part) / whole).toFixed(2);
  return (
    `Of all requests together ${percent(missed.real, offered.real)}% were late, shed or failed, and ` +
    `${percent(missed.simulated, offered.simulated)}% in the simulations; ${paid.real.toFixed(0)} pod-seconds ran, and ` +
    `${paid.simulated.toFixed(0)} were simulated.`
  );
}

function section({ real, simulated, rows }: Validated): string {
  return [
    `## ${titleOf(real)}`,
    markdown([heads, ...rows.map(cellsOf)]),
    markdown([
      ['seconds', 'requests/s', 'pods, real', 'pods, simulated', 'missed, real', 'missed, simulated'],
      ...timeline(real, simulated),
    ]),
    real.machine,
  ].join('\n\n');
}

/** Rows for each half minute: arrivals, pods at its end, and how many of its arrivals were late, shed or failed. */
function timeline(real: RealReplay, simulated: readonly Replay[]): string[][] {
  return Array.from({ length: Math.ceil(real.lengthMs / binMs) }, (_, bin) => {
    const [fromMs, toMs] = [bin * binMs, Math.min(real.lengthMs, (bin + 1) * binMs)];
    const within = (times: readonly number[]): number => times.filter((atMs) => atMs >= fromMs && atMs < toMs).length;
    return [
      `${fromMs / 1000}–${toMs / 1000}`,
      ((1000 * within(real.arrivalsMs)) / (toMs - fromMs)).toFixed(0),
      String(podsAt(real.steps, toMs - 1)),
      String(median(simulated.map(({ steps }) => podsAt(steps, toMs - 1)))),
      String(within(real.missedAtMs)),
      String(median(simulated.map(({ missedAtMs }) => within(missedAtMs)))),
    ];
  });
}

function cellsOf({ what, real, simulated, difference, limit, within }: ComparedRow): string[] {
  return [what, real, simulated, difference, limit ?? '', within === null ? '' : within ? 'yes' : 'no'];
}

function markdown(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  return [head!, head!.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
