/**
 * History of every pool for the charts of the page: 5 minutes by the second, an hour by 10 s, 6 hours by the minute.
 *
 * Bounded: some 1,000 steps of 10 numbers, 41 KB a pool, and a pool that has been away for a minute is forgotten. It lives in
 * this process; a page that stays open keeps what it has over a restart, and a standby keeps a history of its own.
 */
import {
  historyWindows,
  type HistoryReport,
  type HistoryWindow,
  type PoolHistory,
} from '../../contract/history-report.ts';
import type { PoolReport, PoolsReport } from '../../contract/scaler-api.ts';
import { Columns, quantities, type Quantity, type Sample } from './columns.ts';

/** A clock that goes back by more starts the history anew; by less, reports are ignored until it has caught up. */
const clockStepMs = 60_000;
const forgetAfterMs = 60_000;

export class ReportHistory {
  readonly #rings = new Map(
    Object.entries(historyWindows).map(([name, span]) => [name as HistoryWindow, new Ring(span)]),
  );
  #lastMs = -Infinity;
  #pools: readonly string[] = [];
  /** Time of the last report that had the pool. */
  readonly #seenMs = new Map<string, number>();

  /** Adds a report; one that is not later than the last is ignored. */
  add({ atMs, pools }: PoolsReport): void {
    if (atMs < this.#lastMs - clockStepMs) {
      for (const ring of this.#rings.values()) ring.clear();
    } else if (atMs <= this.#lastMs) return;
    this.#lastMs = atMs;
    this.#pools = pools.map(({ name }) => name);
    for (const name of this.#pools) this.#seenMs.set(name, atMs);
    const gone = [...this.#seenMs].flatMap(([name, seenMs]) => (atMs - seenMs > forgetAfterMs ? [name] : []));
    for (const name of gone) this.#seenMs.delete(name);
    const samples = pools.map((pool) => [pool.name, sampleOf(pool)] as const);
    for (const ring of this.#rings.values()) {
      for (const name of gone) ring.forget(name);
      ring.add(atMs, samples);
    }
  }

  /**
   * @param pool the only one; all that the last report has, without it
   * @returns the history of pools that the last report has
   */
  report(window: HistoryWindow = '5m', pool: string | null = null): HistoryReport {
    const names = pool === null ? this.#pools : this.#pools.filter((name) => name === pool);
    return this.#rings.get(window)!.report(names, this.#lastMs);
  }
}

/** Steps of one resolution; a slot is used again once its step is older than the span. */
class Ring {
  readonly #stepMs: number;
  readonly #spanMs: number;
  /** Time of the last report in each slot; NaN in those that hold nothing. */
  readonly #atMs: Float64Array;
  readonly #columns = new Map<string, Columns>();
  #step = -1;

  constructor({ stepMs, spanMs }: { readonly stepMs: number; readonly spanMs: number }) {
    this.#stepMs = stepMs;
    this.#spanMs = spanMs;
    this.#atMs = new Float64Array(spanMs / stepMs + 1).fill(NaN);
  }

  add(atMs: number, samples: readonly (readonly [string, Sample])[]): void {
    const step = Math.floor(atMs / this.#stepMs);
    const slot = step % this.#atMs.length;
    if (step !== this.#step) for (const columns of this.#columns.values()) columns.clear(slot);
    this.#step = step;
    this.#atMs[slot] = atMs;
    for (const [name, sample] of samples) {
      let columns = this.#columns.get(name);
      if (columns === undefined) this.#columns.set(name, (columns = new Columns(this.#atMs.length)));
      columns.add(slot, sample);
    }
  }

  forget(pool: string): void {
    this.#columns.delete(pool);
  }

  clear(): void {
    this.#columns.clear();
    this.#atMs.fill(NaN);
    this.#step = -1;
  }

  report(names: readonly string[], nowMs: number): HistoryReport {
    const newest = this.#step % this.#atMs.length;
    const slots = Array.from(this.#atMs, (_, index) => (newest + 1 + index) % this.#atMs.length).filter(
      (slot) => this.#atMs[slot]! >= nowMs - this.#spanMs,
    );
    return {
      stepMs: this.#stepMs,
      atMs: slots.map((slot) => this.#atMs[slot]!),
      pools: names.map((name): PoolHistory => {
        const columns = this.#columns.get(name);
        const column = (quantity: Quantity) => slots.map((slot) => columns?.at(quantity, slot) ?? null);
        const filled = Object.fromEntries(quantities.map((quantity) => [quantity, column(quantity)]));
        return { name, ...(filled as Record<Quantity, (number | null)[]>) };
      }),
    };
  }
}

function sampleOf({ answers, ...pool }: PoolReport): Sample {
  return {
    arrivalsPerS: pool.arrivalsPerS,
    forecastPerS: pool.forecastPerS,
    shedPerS: answers?.shedPerS ?? null,
    timeoutsPerS: answers?.timeoutsPerS ?? null,
    failedPerS: answers?.failedPerS ?? null,
    clientErrorsPerS: answers?.clientErrorsPerS ?? null,
    queued: pool.queued,
    p99Ms: pool.p99Ms,
    readyReplicas: pool.readyReplicas,
    desiredReplicas: pool.desiredReplicas,
  };
}
