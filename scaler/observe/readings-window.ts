/**
 * Readings of the running totals of a pool's gateways over the last seconds. Totals restart with a process, so that they are kept by
 * process, and only those of one that is in both readings are compared. What totals mean is not known here.
 */
import type { PoolLoad } from '../../contract/load-report.ts';
import type { FreshLoad } from '../policy/merge.ts';

export interface Reading<Totals> {
  readonly atMs: number;
  /** Keyed by gateway process. */
  readonly gateways: ReadonlyMap<string, Totals>;
}

export class ReadingsWindow<Totals> {
  readonly #spanMs: number;
  readonly #totalsOf: (load: PoolLoad) => Totals;
  #readings: Reading<Totals>[] = [];

  constructor(spanMs: number, totalsOf: (load: PoolLoad) => Totals) {
    this.#spanMs = spanMs;
    this.#totalsOf = totalsOf;
  }

  get newest(): Reading<Totals> | undefined {
    return this.#readings.at(-1);
  }

  add(loads: readonly FreshLoad[], nowMs: number): void {
    const gateways = new Map(
      loads.map(({ gateway, load }) => [gateway.lastReport?.report?.instance ?? gateway.uid, this.#totalsOf(load)]),
    );
    const kept = this.#readings.filter(({ atMs }) => atMs <= nowMs && nowMs - atMs <= this.#spanMs);
    this.#readings = [...kept, { atMs: nowMs, gateways }];
  }

  /** Latest reading and the oldest one within a span; neither unless they differ in time. */
  ends(spanMs = this.#spanMs): [last?: Reading<Totals>, first?: Reading<Totals>] {
    const last = this.newest;
    const first = this.#readings.find(({ atMs }) => last !== undefined && last.atMs - atMs <= spanMs);
    return last === undefined || first === undefined || first.atMs >= last.atMs ? [] : [last, first];
  }
}
