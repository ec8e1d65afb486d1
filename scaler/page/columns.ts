/**
 * Quantities of one pool over a fixed span, in steps of equal length: a ring of numbers for each, whose memory is reserved once.
 * Each step keeps the mean of rates, the worst of what waits or lasts, and the last count of replicas.
 */
import type { PoolHistory } from '../../contract/history-report.ts';

export type Quantity = Exclude<keyof PoolHistory, 'name'>;
export type Sample = Readonly<Record<Quantity, number | null>>;

/** How the values within one step become one. */
const folds = {
  arrivalsPerS: 'mean',
  forecastPerS: 'mean',
  shedPerS: 'mean',
  timeoutsPerS: 'mean',
  failedPerS: 'mean',
  clientErrorsPerS: 'mean',
  queued: 'most',
  p99Ms: 'most',
  readyReplicas: 'last',
  desiredReplicas: 'last',
} as const satisfies Readonly<Record<Quantity, 'mean' | 'most' | 'last'>>;
export const quantities = Object.keys(folds) as Quantity[];

export class Columns {
  /** NaN where nothing is known. */
  readonly #values: ReadonlyMap<Quantity, Float32Array>;
  /** Values that the newest step has of each quantity. */
  readonly #counts = new Map<Quantity, number>();

  constructor(slots: number) {
    this.#values = new Map(quantities.map((quantity) => [quantity, new Float32Array(slots).fill(NaN)]));
  }

  /** Forgets what a slot held, before it is used for a new step. */
  clear(slot: number): void {
    for (const values of this.#values.values()) values[slot] = NaN;
    this.#counts.clear();
  }

  add(slot: number, sample: Sample): void {
    for (const quantity of quantities) {
      const value = sample[quantity];
      if (value === null) continue;
      const values = this.#values.get(quantity)!;
      const before = values[slot]!;
      const count = this.#counts.get(quantity) ?? 0;
      this.#counts.set(quantity, count + 1);
      if (Number.isNaN(before) || folds[quantity] === 'last') values[slot] = value;
      else if (folds[quantity] === 'most') values[slot] = Math.max(before, value);
      else values[slot] = before + (value - before) / (count + 1);
    }
  }

  /** Four digits: a chart of some 100 pixels shows no more, and the answer is half as long. */
  at(quantity: Quantity, slot: number): number | null {
    const value = this.#values.get(quantity)![slot]!;
    return Number.isNaN(value) ? null : Number(value.toPrecision(4));
  }
}
