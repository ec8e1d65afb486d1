/**
 * Proves that the rows of a model are independent of one another, so that requests of different clients may share a run.
 *
 *   for each hypothesis of where rows lie (axes.ts):
 *     find inputs that the model takes (input-search.ts)
 *     → for each regime (draw.ts): run rows alone, together, in another order, in other company
 *     → every output of every row agrees (row-comparison.ts)?  independent, else the next hypothesis
 *
 * The runs themselves are an argument, and so is chance: with the same seed the same model is tried in the same way. A proof by
 * trial can't show what no trial met; the watch in service is the second guard.
 */
import { seededRandom, type Random } from '../../runtime/seeded-random.ts';
import { shapeKey, sliceRows, stack } from '../rows.ts';
import type { Signature, Tensors } from '../tensor.ts';
import type { InputAxes } from './axes.ts';
import type { FileTensor } from '../repository/signature.ts';
import type { StartBudget } from './budget.ts';
import { drawRow, regimes, spoiledRow, varied, type DrawOptions, type Regime } from './draw.ts';
import { InputSearch, type Taken } from './input-search.ts';
import { Dependent, RowComparison } from './row-comparison.ts';

export type RunResult =
  | { readonly kind: 'ran'; readonly outputs: Tensors; readonly runMs: number }
  | { readonly kind: 'failed'; readonly message: string; readonly runMs: number };

export interface ProofSubject {
  readonly inputs: readonly FileTensor[];
  readonly outputs: readonly FileTensor[];
  readonly hypotheses: readonly InputAxes[];
  /** Requests that people gave as samples: tried first. */
  readonly samples?: readonly Tensors[];
  readonly run: (inputs: Tensors, rows: number) => Promise<RunResult>;
}

export type Verdict = (
  | {
      readonly kind: 'independent';
      readonly signature: Signature;
      /** Largest difference that was seen, relative to the scale of its output. */
      readonly largestDifference: number;
      readonly trials: number;
    }
  | { readonly kind: 'dependent'; readonly reason: string }
  /** Trials found nothing against independence, and too few were made to show it. */
  | { readonly kind: 'unproven'; readonly reason: string }
) & {
  /** A row that the model takes, for a warm-up that computes with more than zeros; null where none was found. */
  readonly sample: Tensors | null;
};

/** How rows are put together in the trials of one regime, as indices of rows that ran alone. */
interface Arrangement {
  readonly rows: number;
  readonly orders: readonly (readonly number[])[];
  /** Indices of rows that meet new companions; null takes their place. */
  readonly company: readonly (number | null)[] | null;
}

const thorough: Arrangement = {
  rows: 5,
  orders: [
    [0, 1, 2, 3, 4],
    [3, 1, 4, 0, 2],
  ],
  company: [null, 3, null, 1, null],
};
/** For models whose rows take long: a third of the runs. */
const brief: Arrangement = { rows: 3, orders: [[2, 0, 1]], company: null };

/** Share of the start's budget that the proof may take; the warm-up gets what is left. */
const proofShare = 0.7;

/** Regimes that must have been tried where the budget ends before all have: the sharpest two. */
const leastRegimes = 2;

/** Rows of one sample that are tried. */
const mostSampleRows = 16;

/** Ends the trials of a hypothesis: what is left of the budget pays for no further run. */
class BudgetSpent extends Error {}

export async function prove(subject: ProofSubject, budget: StartBudget, seed: number): Promise<Verdict> {
  const random = seededRandom(seed);
  let likeliest: Verdict | null = null;
  for (const axes of subject.hypotheses) {
    const verdict = await new Trials(subject, axes, { budget, random }).verdict();
    if (verdict.kind === 'independent') return verdict;
    likeliest ??= verdict;
    if (budget.obstacle(brief.rows, proofShare) !== null) break;
  }
  return likeliest ?? { kind: 'dependent', reason: 'no input has an axis of varying length', sample: null };
}

/**
 * Makes one short trial of a verdict that was reached elsewhere, such as on another kind of processor.
 *
 * @returns whether it agrees; false where it could not be made
 */
export async function confirms(
  verdict: Verdict & { readonly kind: 'independent' },
  subject: ProofSubject,
  { budget, seed }: { readonly budget: StartBudget; readonly seed: number },
): Promise<boolean> {
  const axes = new Map(verdict.signature.inputs.map(({ name, batchAxis }) => [name, batchAxis]));
  const trials = new Trials(subject, axes, { budget, random: seededRandom(seed) });
  return verdict.sample !== null && (await trials.confirm(verdict.sample, verdict.signature.outputs));
}

/** The trials of one hypothesis of where rows lie. */
class Trials {
  readonly #subject: ProofSubject;
  readonly #budget: StartBudget;
  readonly #random: Random;
  /** Inputs with their batch axes; outputs are found, not assumed. */
  readonly #signature: Signature;
  readonly #comparison: RowComparison;
  #sample: Tensors | null = null;
  #refusal = 'it has no inputs';
  #trials = 0;
  readonly #regimesTried = new Set<Regime>();

  constructor(subject: ProofSubject, axes: InputAxes, { budget, random }: { budget: StartBudget; random: Random }) {
    this.#subject = subject;
    this.#budget = budget;
    this.#random = random;
    this.#comparison = new RowComparison(subject.outputs);
    const rowsAt = (name: string) => axes.get(name) ?? null;
    this.#signature = {
      inputs: subject.inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape, batchAxis: rowsAt(name) })),
      outputs: [],
    };
  }

  async verdict(): Promise<Verdict> {
    const search = new InputSearch({
      signature: this.#signature,
      inputs: this.#subject.inputs,
      random: this.#random,
      refusalOf: (row) => this.#refusalOf(row),
    });
    try {
      await this.#trySamples();
      let every = true;
      for await (const taken of search.taken()) {
        this.#sample ??= taken.sample;
        // Every regime at the first lengths; at others the sharpest one.
        for (const regime of every ? regimes : regimes.slice(0, 1)) await this.#trial(taken, regime);
        every = false;
      }
    } catch (error) {
      if (error instanceof Dependent) return { kind: 'dependent', reason: error.message, sample: this.#sample };
      if (!(error instanceof BudgetSpent)) throw error;
      if (this.#regimesTried.size < leastRegimes) return this.#unproven(error.message);
    }
    const sample = this.#sample;
    if (sample === null) {
      const how = 'put requests that it takes into samples/ beside its versions';
      return this.#unproven(`no random input was taken; ${how}: ${search.refusal ?? this.#refusal}`);
    }
    if (!this.#comparison.varied) return this.#unproven('its outputs were the same for all inputs that were tried');
    return {
      kind: 'independent',
      signature: { inputs: this.#signature.inputs, outputs: this.#comparison.signature() },
      largestDifference: this.#comparison.largestDifference,
      sample,
      trials: this.#trials,
    };
  }

  async confirm(sample: Tensors, outputs: Signature['outputs']): Promise<boolean> {
    let integersBelow = 1;
    for (const { data } of sample.values()) {
      if (data instanceof BigInt64Array || data instanceof Int32Array)
        for (const value of data) integersBelow = Math.max(integersBelow, Number(value) + 1);
    }
    const shared = new Map([...sample].filter(([name]) => this.#isShared(name)));
    const lengthOf: Taken['lengthOf'] = ({ name }, axis) => sample.get(name)!.shape[axis]!;
    try {
      await this.#trial({ lengthOf, integersBelow, shared, sample }, 'mixed', { arrangement: brief });
    } catch (error) {
      if (error instanceof Dependent || error instanceof BudgetSpent) return false;
      throw error;
    }
    return this.#trials === 1 && outputs.every(({ name, batchAxis }) => this.#comparison.axisOf(name) === batchAxis);
  }

  #isShared(name: string): boolean {
    return this.#signature.inputs.some((input) => input.name === name && input.batchAxis === null);
  }

  /** Trials with the rows of people's samples, and with rows that are made of them where those are too few. */
  async #trySamples(): Promise<void> {
    const groups = new Map<string, Tensors[]>();
    for (const request of this.#subject.samples ?? []) {
      for (const row of this.#rowsOf(request)) {
        const key = shapeKey(this.#signature, row);
        groups.set(key, [...(groups.get(key) ?? []), row]);
      }
    }
    for (const rows of groups.values()) {
      const [sample] = rows as [Tensors];
      const refusal = await this.#refusalOf(sample);
      if (refusal !== null) {
        this.#refusal = `a sample is refused: ${refusal}`;
        continue;
      }
      this.#sample ??= sample;
      const taken = { lengthOf: () => 1, integersBelow: 1, shared: new Map(), sample };
      await this.#trial(taken, 'samples', { draw: (row) => rows[row % rows.length]! });
      const made = (row: number) => varied(this.#signature, rows[row % rows.length]!, row);
      await this.#trial(taken, 'samples', { draw: made });
    }
  }

  /** @returns null if the model takes the row, else why not */
  async #refusalOf(row: Tensors): Promise<string | null> {
    const result = await this.#run([row]);
    return result.kind === 'failed' ? result.message : null;
  }

  /** Rows of a request by this hypothesis; none where its inputs have different numbers of them. */
  #rowsOf(request: Tensors): Tensors[] {
    const batched = this.#signature.inputs.filter(({ batchAxis }) => batchAxis !== null);
    const counts = new Set(batched.map(({ name, batchAxis }) => request.get(name)!.shape[batchAxis!]!));
    const [count] = counts;
    if (counts.size !== 1 || count === undefined) return [];
    return Array.from({ length: Math.min(count, mostSampleRows) }, (_, row) =>
      sliceRows(this.#signature, request, row, 1),
    );
  }

  #unproven(reason: string): Verdict {
    return { kind: 'unproven', reason, sample: this.#sample };
  }

  async #trial(
    { lengthOf, integersBelow, shared }: Taken,
    regime: Regime,
    {
      arrangement = this.#arrangement(),
      draw: given,
    }: { arrangement?: Arrangement; draw?: (row: number) => Tensors } = {},
  ): Promise<void> {
    const { rows: count, orders, company } = arrangement;
    const draw =
      given ??
      ((row: number) => {
        const options: DrawOptions = { regime, row, integersBelow, lengthOf, random: this.#random };
        return drawRow(this.#signature.inputs, shared, options);
      });
    const rows = Array.from({ length: count }, (_, row) => draw(row));
    const alone: Tensors[] = [];
    for (const row of rows) {
      const result = await this.#run([row]);
      // The model refuses such inputs from anyone: there is nothing to compare.
      if (result.kind === 'failed') return;
      alone.push(result.outputs);
    }
    const least = this.#comparison.leastScales(alone, regime);
    // Row 2 has a scale of 1 in every regime, so that a random part of an output shows.
    this.#comparison.compareAgain(alone[2]!, await this.#together([rows[2]!], regime));
    for (const order of orders) {
      const stacked = await this.#together(
        order.map((index) => rows[index]!),
        regime,
      );
      this.#comparison.findAxes(alone[0]!, stacked, count);
      for (const [place, index] of order.entries()) {
        if (regime === 'non-finite' && index === spoiledRow) continue;
        this.#comparison.compareAll(alone[index]!, this.#comparison.rowOf(stacked, place, count), least, regime);
      }
    }
    if (company !== null) {
      const stacked = await this.#together(
        company.map((index, place) => (index === null ? draw(place) : rows[index]!)),
        regime,
      );
      for (const [place, index] of company.entries()) {
        if (index !== null)
          this.#comparison.compareAll(alone[index]!, this.#comparison.rowOf(stacked, place, count), least, regime);
      }
    }
    this.#comparison.learnVariety(alone);
    this.#trials += 1;
    this.#regimesTried.add(regime);
  }

  /** The thorough one where the budget pays for the least number of regimes with it. */
  #arrangement(): Arrangement {
    const { rows, orders } = thorough;
    const needed = leastRegimes * rows * (orders.length + 2);
    return this.#budget.obstacle(this.#trials === 0 ? needed : needed / leastRegimes, proofShare) === null
      ? thorough
      : brief;
  }

  /** A run of rows that the model took one by one: to fail together means to depend on one another. */
  async #together(rows: readonly Tensors[], regime: Regime): Promise<Tensors> {
    const result = await this.#run(rows);
    if (result.kind === 'ran') return result.outputs;
    throw new Dependent(`a run of ${rows.length} rows fails where each alone does not (${regime}): ${result.message}`);
  }

  async #run(rows: readonly Tensors[]): Promise<RunResult> {
    const obstacle = this.#budget.obstacle(rows.length, proofShare);
    if (obstacle !== null) throw new BudgetSpent(`not proven within ${obstacle}`);
    const result = await this.#subject.run(stack(this.#signature, rows), rows.length);
    if (result.kind === 'ran') this.#budget.spend(rows.length, result.runMs);
    else this.#budget.spendFailed(result.runMs);
    return result;
  }
}
