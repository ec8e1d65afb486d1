/**
 * Search for inputs that a model takes: how long its free axes may be, and how large its integers. Random rows are tried, the likeliest
 * lengths first; the run itself is an argument.
 */
import type { Random } from '../../runtime/seeded-random.ts';
import type { FileTensor } from '../repository/signature.ts';
import type { Signature, Tensors, TensorSignature } from '../tensor.ts';
import { drawRow, drawTensor } from './draw.ts';

/**
 * Lengths for the free axes, tried in this order until the model takes one: prime numbers first, each axis another, so that a
 * mix-up of axes shows; then equal ones, and sizes that images need. None is the number of rows.
 */
const lengthPlans: readonly ((axis: number) => number)[] = [
  (axis) => [7, 11, 13, 17][axis % 4]!,
  () => 16,
  () => 1,
  () => 32,
  () => 64,
  () => 224,
];
const integerBounds = [1_000, 10, 2] as const;
/** Elements of one row beyond which a length is not tried: 16 MiB of FP32. */
const mostElements = 4 * 1024 * 1024;

/** Inputs that the model takes: how long its free axes are, and how large its integers. */
export interface Taken {
  readonly lengthOf: (input: TensorSignature, axis: number) => number;
  readonly integersBelow: number;
  /** Inputs that all rows of a run share. */
  readonly shared: Tensors;
  readonly sample: Tensors;
}

interface InputSearchDeps {
  /** Inputs with their batch axes. */
  readonly signature: Pick<Signature, 'inputs'>;
  /** The same inputs, with the names of their axes. */
  readonly inputs: readonly FileTensor[];
  readonly random: Random;
  /** Runs one row. @returns null if the model took it, else why not */
  readonly refusalOf: (row: Tensors) => Promise<string | null>;
}

export class InputSearch {
  readonly #signature: Pick<Signature, 'inputs'>;
  readonly #inputs: readonly FileTensor[];
  readonly #random: Random;
  readonly #refusalOf: (row: Tensors) => Promise<string | null>;
  /** Reason for which the model has refused the last inputs that it refused; null while it has refused none. */
  refusal: string | null = null;

  constructor({ signature, inputs, random, refusalOf }: InputSearchDeps) {
    this.#signature = signature;
    this.#inputs = inputs;
    this.#random = random;
    this.#refusalOf = refusalOf;
  }

  /** Lengths and integers that the model takes, at most three kinds of them; the first is the sample. */
  async *taken(): AsyncGenerator<Taken> {
    let integersFrom = 0;
    let found = 0;
    const free = this.#signature.inputs.some(({ shape, batchAxis }) =>
      shape.some((length, axis) => length === -1 && axis !== batchAxis),
    );
    for (const lengths of free ? lengthPlans : lengthPlans.slice(0, 1)) {
      for (const [index, integersBelow] of integerBounds.entries()) {
        if (index < integersFrom) continue;
        const lengthOf = this.#lengthsBy(lengths);
        if (!this.#isSmall(lengthOf)) break;
        const draw = { regime: 'unit', row: 1, integersBelow, lengthOf, random: this.#random } as const;
        const shared = new Map(
          this.#signature.inputs
            .filter(({ batchAxis }) => batchAxis === null)
            .map((input) => [input.name, drawTensor(input, draw)]),
        );
        const sample = drawRow(this.#signature.inputs, shared, draw);
        const refusal = await this.#refusalOf(sample);
        if (refusal !== null) {
          this.refusal = refusal;
          if (!this.#hasIntegers) break;
          continue;
        }
        integersFrom = index;
        found += 1;
        yield { lengthOf, integersBelow, shared, sample };
        break;
      }
      if (found === 3) return;
    }
  }

  get #hasIntegers(): boolean {
    return this.#signature.inputs.some(({ datatype }) => /INT/.test(datatype));
  }

  /** Axes of one name have one length, and so has each nameless axis of its place. */
  #lengthsBy(plan: (axis: number) => number): Taken['lengthOf'] {
    const known = new Map<string, number>();
    return ({ name }, axis) => {
      const key = this.#inputs.find((input) => input.name === name)?.axisNames[axis] ?? `axis ${axis}`;
      const length = known.get(key) ?? plan(known.size);
      known.set(key, length);
      return length;
    };
  }

  #isSmall(lengthOf: Taken['lengthOf']): boolean {
    const elements = this.#signature.inputs.map((input) =>
      input.shape.reduce(
        (product, length, axis) =>
          product * (axis === input.batchAxis ? 1 : length === -1 ? lengthOf(input, axis) : length),
        1,
      ),
    );
    return elements.reduce((sum, count) => sum + count, 0) <= mostElements;
  }
}
