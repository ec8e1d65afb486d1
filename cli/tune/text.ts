/** Settings that `sluice tune` measured, as a chart for a terminal. Pure. */
import { renderTable } from '../table.ts';
import { coresOf, type RatedSetting, type TuneGrid, type TuneSetting } from './policy/next-setting.ts';

export interface TuneTrial extends RatedSetting {
  /** Latency of good answers in milliseconds, percentile 99, at the rate to keep or at the highest that was kept. */
  readonly p99Ms: number;
  /** Good answers within the objective, in percent of what was offered. */
  readonly inTimePercent: number;
}

const barWidth = 30;
/** Place of the objective on a bar of latency, so that there is room for what missed it. */
const objectiveAt = 20;

export function settingText({ threads, maxRows, pods }: TuneSetting): string {
  const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
  return `${count(pods, 'pod')} × ${count(threads, 'thread')}, maxRows ${maxRows}`;
}

export function trialText({ keptPerSecond, p99Ms, inTimePercent, ...setting }: TuneTrial): string {
  const kept = keptPerSecond === 0 ? 'misses' : `keeps ${rate(keptPerSecond)}`;
  return `${settingText(setting)}: ${kept}, p99 ${ms(p99Ms)}, in time ${percent(inTimePercent)}`;
}

/** One line for each setting, by cost: with a bar of the latency where there is a rate to keep, else of the rate that was kept. */
export function tuneChart(
  { perSecond }: Pick<TuneGrid, 'perSecond'>,
  latencyMs: number,
  given: { readonly trials: readonly TuneTrial[]; readonly chosen: TuneTrial | null },
): string {
  const most = Math.max(...given.trials.map(({ keptPerSecond }) => keptPerSecond));
  const rows = given.trials
    .toSorted((one, other) => coresOf(one) - coresOf(other) || one.pods - other.pods || other.maxRows - one.maxRows)
    .map((trial) => [
      trial === given.chosen ? '→' : '',
      String(coresOf(trial)),
      String(trial.pods),
      String(trial.threads),
      String(trial.maxRows),
      trial.keptPerSecond === 0 ? 'missed' : rate(trial.keptPerSecond),
      percent(trial.inTimePercent),
      ms(trial.p99Ms),
      perSecond === null ? rateBar(trial.keptPerSecond, most) : latencyBar(trial.p99Ms, latencyMs),
    ]);
  const bar = perSecond === null ? 'rate kept' : `${'p99'.padEnd(objectiveAt)}│ ${latencyMs} ms`;
  return renderTable(['', 'cores', 'pods', 'threads', 'maxRows', 'kept', 'in time', 'p99', bar], rows);
}

function rateBar(perSecond: number, most: number): string {
  return perSecond === 0 ? '' : '█'.repeat(Math.max(1, Math.round((barWidth * perSecond) / most)));
}

function latencyBar(p99Ms: number, latencyMs: number): string {
  const length = Math.min(barWidth, Math.round((objectiveAt * p99Ms) / latencyMs));
  const bar = '█'.repeat(length).padEnd(barWidth);
  return length > objectiveAt ? bar : `${bar.slice(0, objectiveAt)}│`;
}

function rate(perSecond: number): string {
  return `${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s`;
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function percent(value: number): string {
  // Rounded down, so that what missed 99% by a hair doesn't read as 99%.
  return `${(Math.floor(value * 10) / 10).toFixed(1)}%`;
}
