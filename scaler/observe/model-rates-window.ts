/**
 * Requests of each model of one pool over the last seconds, and how they ended, from the running totals of its gateways. Keeps
 * numbers only, at most two readings a second, however often the scaler wakes.
 */
import type { ModelOutcomes, PoolLoad } from '../../contract/load-report.ts';
import type { ModelReport } from '../../contract/model-report.ts';
import { durationsBetween, quantileMs, sumDurations, type Durations } from '../policy/latency.ts';
import type { FreshLoad } from '../policy/merge.ts';
import { ReadingsWindow } from './readings-window.ts';

const windowMs = 10_000;
const leastApartMs = 500;

interface Totals extends Omit<ModelOutcomes, 'durationCounts'> {
  readonly arrivals: number;
  readonly durations: Durations;
}

export type ModelRates = Pick<ModelReport, 'arrivalsPerS' | 'rowsPerS' | 'answers' | 'p99Ms'>;

export class ModelRatesWindow {
  /** Totals of each gateway process by model. */
  readonly #readings = new ReadingsWindow(windowMs, totalsOf);

  add(loads: readonly FreshLoad[], nowMs: number): void {
    const { newest } = this.#readings;
    if (newest !== undefined && nowMs >= newest.atMs && nowMs - newest.atMs < leastApartMs) return;
    this.#readings.add(loads, nowMs);
  }

  /** Null until there are two readings, of which the last knows the model. */
  of(model: string): ModelRates | null {
    const [last, first] = this.#readings.ends();
    if (last === undefined || first === undefined) return null;
    const pairs = [...last.gateways].flatMap(([id, models]) => {
      const after = models.get(model);
      const before = first.gateways.get(id);
      // A model appears in the reports with its first request.
      return after === undefined || before === undefined ? [] : [[before.get(model) ?? atRest(after), after] as const];
    });
    if (pairs.length === 0) return null;
    const perS = (of: (totals: Totals) => number) =>
      (1000 * pairs.reduce((sum, [before, after]) => sum + Math.max(0, of(after) - of(before)), 0)) /
      (last.atMs - first.atMs);
    const durations = pairs.flatMap(([before, after]) => durationsBetween(before.durations, after.durations) ?? []);
    const whole = sumDurations(durations);
    const clientErrorsPerS = perS(({ clientErrors }) => clientErrors);
    const completedPerS = perS(({ durations: { counts } }) => counts.reduce((sum, count) => sum + count, 0));
    return {
      arrivalsPerS: perS(({ arrivals }) => arrivals),
      rowsPerS: perS(({ arrivedRows }) => arrivedRows),
      answers: {
        okPerS: Math.max(0, completedPerS - clientErrorsPerS),
        clientErrorsPerS,
        shedPerS: perS(({ shed }) => shed),
        timeoutsPerS: perS(({ timeouts }) => timeouts),
        failedPerS: perS(({ failed }) => failed),
      },
      p99Ms: whole === null ? null : quantileMs(whole, 0.99),
    };
  }
}

function totalsOf({ models, durations: { boundsMs } }: PoolLoad): ReadonlyMap<string, Totals> {
  return new Map(
    models.flatMap(({ name, arrivals, outcomes }) => {
      if (outcomes === undefined) return [];
      const { durationCounts, ...counts } = outcomes;
      return [[name, { ...counts, arrivals, durations: { boundsMs, counts: durationCounts } }]];
    }),
  );
}

function atRest({ durations }: Totals): Totals {
  const none = { arrivals: 0, arrivedRows: 0, clientErrors: 0, shed: 0, timeouts: 0, failed: 0 };
  return { ...none, durations: { ...durations, counts: durations.counts.map(() => 0) } };
}
