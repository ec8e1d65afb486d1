/** Arrival rate, outcomes and latency of one pool over the last seconds, from the running totals of its gateways. */
import type { PoolLoad } from '../../contract/load-report.ts';
import type { AnswerRates } from '../../contract/scaler-api.ts';
import { durationsBetween, quantileMs, sumDurations, type Durations } from '../policy/latency.ts';
import type { FreshLoad } from '../policy/merge.ts';
import { ReadingsWindow } from './readings-window.ts';

const latencyWindowMs = 10_000;
const rateWindowMs = 3_000;

interface Totals {
  readonly arrivals: number;
  readonly durations: Durations;
  readonly outcomes: PoolLoad['outcomes'];
}

export class LatencyWindow {
  readonly #readings = new ReadingsWindow<Totals>(latencyWindowMs, ({ arrivals, durations, outcomes }) => ({
    arrivals,
    durations,
    outcomes,
  }));

  add(loads: readonly FreshLoad[], nowMs: number): void {
    this.#readings.add(loads, nowMs);
  }

  /** Requests/s; null until there are two readings to compare. */
  get arrivalsPerS(): number | null {
    const [last, first] = this.#readings.ends(rateWindowMs);
    if (last === undefined || first === undefined) return null;
    let arrivals = 0;
    for (const [id, { arrivals: now }] of last.gateways) {
      arrivals += Math.max(0, now - (first.gateways.get(id)?.arrivals ?? now));
    }
    return (1000 * arrivals) / (last.atMs - first.atMs);
  }

  /** Answers by outcome; null until there are two readings to compare, or if no gateway tells outcomes. */
  get answers(): AnswerRates | null {
    const [last, first] = this.#readings.ends();
    if (last === undefined || first === undefined) return null;
    const known = [...last.gateways].flatMap(([id, { outcomes }]) => {
      const before = first.gateways.get(id)?.outcomes;
      return outcomes === undefined || before === undefined ? [] : [{ outcomes, before }];
    });
    if (known.length === 0) return null;
    const perS = (outcome: keyof NonNullable<PoolLoad['outcomes']>): number =>
      (1000 * known.reduce((sum, { outcomes, before }) => sum + Math.max(0, outcomes[outcome] - before[outcome]), 0)) /
      (last.atMs - first.atMs);
    return {
      okPerS: perS('ok'),
      clientErrorsPerS: perS('clientErrors'),
      shedPerS: perS('shed'),
      timeoutsPerS: perS('timeouts'),
      failedPerS: perS('failed'),
    };
  }

  /** Milliseconds within which `share` of the recent answers came; null if there were none. */
  quantileMs(share: number): number | null {
    const [last, first] = this.#readings.ends();
    if (last === undefined || first === undefined) return null;
    const parts = [...last.gateways].map(([id, { durations }]) => {
      const before = first.gateways.get(id)?.durations;
      return before === undefined ? null : durationsBetween(before, durations);
    });
    const whole = sumDurations(parts.filter((part) => part !== null));
    return whole === null ? null : quantileMs(whole, share);
  }
}
