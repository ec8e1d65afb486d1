/**
 * Comparison of rows that ran alone with the same rows that ran together: where the rows of each output lie, which is found and not
 * assumed, and how far values are apart. Throws `Dependent` where rows depend on one another; runs nothing.
 */
import type { FileTensor } from '../repository/signature.ts';
import { takeRows } from '../rows.ts';
import type { Tensor, Tensors, TensorSignature } from '../tensor.ts';
import { describeDifference, difference, leastScale, sameShape, tolerances } from './agreement.ts';
import { outputAxis } from './axes.ts';
import { spoiledRow, type Regime } from './draw.ts';

/** Ends the trials of a hypothesis: its rows depend on one another. */
export class Dependent extends Error {}

export class RowComparison {
  readonly #outputs: readonly FileTensor[];
  /** By output, where its rows were seen to lie; null where it is the same for all rows of a run. */
  readonly #axes = new Map<string, number | null>();
  /** Largest difference that was seen, relative to the scale of its output. */
  largestDifference = 0;
  /** Whether any output was seen to differ from row to row: those that never do agree by luck. */
  varied = false;

  constructor(outputs: readonly FileTensor[]) {
    this.#outputs = outputs;
  }

  /** Axis of an output's rows; null where all rows share it, undefined before it was seen. */
  axisOf(output: string): number | null | undefined {
    return this.#axes.get(output);
  }

  /** Outputs with the axes of their rows, as requests are split by them. */
  signature(): readonly TensorSignature[] {
    return this.#outputs.map(({ name, datatype, shape }) => {
      const batchAxis = this.#axes.get(name) ?? null;
      return { name, datatype, shape: batchAxis === null ? shape : shape.with(batchAxis, -1), batchAxis };
    });
  }

  /** Takes note whether rows that ran alone differ from one another. */
  learnVariety(alone: readonly Tensors[]): void {
    this.varied ||= this.#outputs.some(({ name }) =>
      alone.some((outputs) => difference(alone[1]!.get(name)!, outputs.get(name)!, 0) > 1e-6),
    );
  }

  /** Finds each output's rows by its shape alone and together, in the first run of several rows. */
  findAxes(alone: Tensors, stacked: Tensors, rows: number): void {
    for (const { name } of this.#outputs) {
      if (this.#axes.has(name)) continue;
      const [one, all] = [alone.get(name)!, stacked.get(name)!];
      const axis = outputAxis(one, all, rows);
      if (axis === undefined && !sameShape(one.shape, all.shape)) {
        throw new Dependent(
          `output '${name}' has shape ${JSON.stringify(one.shape)} for one row and ${JSON.stringify(all.shape)} for ${rows}`,
        );
      }
      this.#axes.set(name, axis ?? null);
    }
  }

  /** The outputs of one row of a run. */
  rowOf(stacked: Tensors, place: number, rows: number): Tensors {
    const row = new Map<string, Tensor>();
    for (const { name } of this.#outputs) {
      const axis = this.#axes.get(name) ?? null;
      const tensor = stacked.get(name)!;
      if (axis !== null && tensor.shape[axis] !== rows) {
        throw new Dependent(`output '${name}' has shape ${JSON.stringify(tensor.shape)} for ${rows} rows`);
      }
      row.set(name, axis === null ? tensor : takeRows(tensor, axis, place, 1));
    }
    return row;
  }

  /** Least scale of each output over the rows of a trial that are compared. */
  leastScales(alone: readonly Tensors[], regime: Regime): ReadonlyMap<string, number> {
    const compared = regime === 'non-finite' ? alone.filter((_, row) => row !== spoiledRow) : alone;
    return new Map(this.#outputs.map(({ name }) => [name, leastScale(compared.map((outputs) => outputs.get(name)!))]));
  }

  compareAll(alone: Tensors, together: Tensors, least: ReadonlyMap<string, number>, regime: Regime): void {
    for (const { name, datatype } of this.#outputs) {
      const apart = difference(alone.get(name)!, together.get(name)!, least.get(name)!);
      if (apart > (tolerances[datatype] ?? 0)) {
        throw new Dependent(`outputs change with companions (${describeDifference(apart, name)}, inputs: ${regime})`);
      }
      this.largestDifference = Math.max(this.largestDifference, apart);
    }
  }

  compareAgain(first: Tensors, second: Tensors): void {
    for (const { name, datatype } of this.#outputs) {
      const apart = difference(first.get(name)!, second.get(name)!, 0);
      if (apart > (tolerances[datatype] ?? 0)) {
        throw new Dependent(`outputs differ from run to run on the same input (${describeDifference(apart, name)})`);
      }
    }
  }
}
