/** Parameters of a family, drawn at random from their ranges and kept, so that a test can hold them against the ranges. */
import type { Random } from '../../../runtime/seeded-random.ts';

/** Least and most of a parameter. */
export type Range = readonly [least: number, most: number];
export type Ranges = Readonly<Record<string, Range>>;

export class Draw<Of extends Ranges = Ranges> {
  /** Values drawn so far, in order, by parameter. */
  readonly drawn: Partial<Record<keyof Of, number[]>> = {};
  readonly random: Random;
  readonly #ranges: Of;

  constructor(ranges: Of, random: Random) {
    this.#ranges = ranges;
    this.random = random;
  }

  /** Draws from a range, evenly. */
  even(name: keyof Of): number {
    const [least, most] = this.#ranges[name]!;
    return this.#keep(name, least + (most - least) * this.random());
  }

  /** Draws from a range so that each factor is as likely as any other: for times and ratios. */
  log(name: keyof Of): number {
    const [least, most] = this.#ranges[name]!;
    return this.#keep(name, least * (most / least) ** this.random());
  }

  #keep(name: keyof Of, value: number): number {
    const values = (this.drawn[name] ??= []);
    values.push(value);
    return value;
  }
}
