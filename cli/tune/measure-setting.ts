/** Measures one setting with the load test of `sluice bench`: at the rate to keep, or by the search for the highest one. */
import type { Objective } from '../../bench/load-test/find-max.ts';
import type { LoadRequest } from '../../bench/load-test/prepare.ts';
import { asUsageError } from '../bench/usage-error.ts';
import type { TuneTrial } from './text.ts';

export interface TuneLoad {
  readonly request: LoadRequest;
  readonly objective: Objective;
  /** Rate to keep; null searches the highest. */
  readonly perSecond: number | null;
  /** First rate of a search. */
  readonly startPerSecond: number;
}

export interface MeasureOptions {
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

export type SettingFigures = Pick<TuneTrial, 'keptPerSecond' | 'p99Ms' | 'inTimePercent'>;

/** @returns null when `signal` ended it */
export async function measureSetting(
  origin: string,
  { request, objective, perSecond, startPerSecond }: TuneLoad,
  { signal, progress }: MeasureOptions,
): Promise<SettingFigures | null> {
  const [{ prepareLoad }, { measureOnce }, { searchMaximum }, { renderProgress }] = await Promise.all([
    import('../../bench/load-test/prepare.ts'),
    import('../../bench/load-test/measurement.ts'),
    import('../../bench/load-test/search.ts'),
    import('../../bench/load-test/text.ts'),
  ]);
  const { plan } = await asUsageError(() => prepareLoad(new URL(origin), request));
  const isStopped = (): boolean => signal.aborted;
  if (perSecond !== null) {
    const beganAtMs = performance.now();
    const { figures } = await measureOnce(plan, null, {
      signal,
      objective,
      onProgress: (tally) => progress(renderProgress(tally, plan.warmUpMs, performance.now() - beganAtMs)),
    });
    if (isStopped() || figures.verdict === null) return null;
    const { outcome, inTimePercent } = figures.verdict;
    return { keptPerSecond: outcome === 'kept' ? perSecond : 0, p99Ms: figures.latencyMs.p99, inTimePercent };
  }
  const load = { plan, server: null, integersBelow: null, metricsUrl: null };
  const { outcome, trials } = await searchMaximum(load, objective, startPerSecond, {
    signal,
    onTrial: () => undefined,
    onProgress: (rate, tally, elapsedMs) =>
      progress(`${rate.toFixed(1)}/s: ${renderProgress(tally, plan.warmUpMs, elapsedMs)}`),
  });
  if (isStopped()) return null;
  const found = outcome.kind === 'found' ? outcome.perSecond : 0;
  // Where no rate was kept, the last trial was at the lowest.
  const shown = trials.findLast((trial) => trial.kept && trial.perSecond === found) ?? trials.at(-1);
  return {
    keptPerSecond: found,
    p99Ms: shown?.figures.latencyMs.p99 ?? 0,
    inTimePercent: shown?.inTimePercent ?? 0,
  };
}
