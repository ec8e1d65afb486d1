import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Tensor, Tensors } from '../tensor.ts';
import type { FileTensor } from '../repository/signature.ts';
import { hypotheses } from './axes.ts';
import { StartBudget } from './budget.ts';
import { prove, type Verdict } from './prove.ts';

const fp32 = (name: string, ...axes: readonly (number | string)[]): FileTensor => ({
  name,
  datatype: 'FP32',
  shape: axes.map((axis) => (typeof axis === 'string' ? -1 : axis)),
  axisNames: axes.map((axis) => (typeof axis === 'string' ? axis : null)),
});
const int64 = (name: string, ...axes: readonly (number | string)[]): FileTensor => ({
  ...fp32(name, ...axes),
  datatype: 'INT64',
});

/** A model written in JavaScript: from the inputs of a run to its outputs. Throwing is a run that fails. */
type Compute = (inputs: Tensors) => Record<string, { shape: readonly number[]; data: ArrayLike<number> }>;

interface Model {
  readonly inputs: readonly FileTensor[];
  readonly outputs: readonly FileTensor[];
  readonly compute: Compute;
}

async function verdictOf(
  { inputs, outputs, compute }: Model,
  { runMs = 0, cpuMs = 1_000 }: { runMs?: number; cpuMs?: number } = {},
): Promise<Verdict> {
  const run = (stacked: Tensors, rows: number) => {
    try {
      const computed = compute(stacked);
      const tensors = new Map<string, Tensor>(
        outputs.map(({ name, datatype }) => {
          const { shape, data } = computed[name]!;
          const array = datatype === 'INT64' ? BigInt64Array.from(Array.from(data, BigInt)) : Float32Array.from(data);
          return [name, { datatype, shape, data: array }];
        }),
      );
      return Promise.resolve({ kind: 'ran', outputs: tensors, runMs: runMs * rows } as const);
    } catch (error) {
      return Promise.resolve({ kind: 'failed', message: String(error), runMs: runMs * rows } as const);
    }
  };
  const budget = new StartBudget({ cpuMs, bytes: 1e9 }, () => 0);
  return prove({ inputs, outputs, hypotheses: hypotheses(inputs), run }, budget, 1);
}

const numbers = (inputs: Tensors, name: string) => Array.from(inputs.get(name)!.data as Float32Array);
const shapeOf = (inputs: Tensors, name: string) => inputs.get(name)!.shape;

/** `y[n, width]`, from `x[n, width]` row by row. */
const byRow = (width: number, f: (row: readonly number[], all: readonly number[]) => readonly number[]): Model => ({
  inputs: [fp32('x', 'n', width)],
  outputs: [fp32('y', 'n', width)],
  compute: (inputs) => {
    const all = numbers(inputs, 'x');
    const rows = Array.from({ length: all.length / width }, (_, row) => all.slice(row * width, (row + 1) * width));
    return { y: { shape: [rows.length, width], data: rows.flatMap((row) => f(row, all)) } };
  },
});

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('rows that are independent', () => {
  test('each row by itself', async () => {
    const verdict = await verdictOf(byRow(4, (row) => row.map((value) => 2 * value)));
    assert.equal(verdict.kind, 'independent');
    assert.deepEqual(
      verdict.signature.inputs.map(({ batchAxis }) => batchAxis),
      [0],
    );
  });

  test('rounding that differs with the size of the batch', async () => {
    const model = byRow(4, (row, all) => row.map((value) => value * (1 + 1e-6 * all.length)));
    const verdict = await verdictOf(model);
    assert.equal(verdict.kind, 'independent');
    assert.ok(verdict.largestDifference > 1e-6);
  });

  test('a normalisation within each row', async () => {
    const verdict = await verdictOf(byRow(4, (row) => row.map((value) => value / (1e-3 + sum(row.map(Math.abs))))));
    assert.equal(verdict.kind, 'independent');
  });

  test('ids of a small vocabulary: larger ones are refused', async () => {
    const verdict = await verdictOf({
      inputs: [int64('ids', 'n', 3)],
      outputs: [fp32('y', 'n')],
      compute: (inputs) => {
        const ids = Array.from(inputs.get('ids')!.data as BigInt64Array, Number);
        if (ids.some((id) => id >= 4)) throw new RangeError('index out of bounds');
        return { y: { shape: [ids.length / 3], data: ids.filter((_, index) => index % 3 === 0).map((id) => id * id) } };
      },
    });
    assert.equal(verdict.kind, 'independent');
  });

  test('an output that the file declares as [1] and that follows the rows', async () => {
    const model = byRow(4, (row) => row);
    const verdict = await verdictOf({
      ...model,
      outputs: [fp32('label', 1)],
      compute: (inputs) => {
        const all = numbers(inputs, 'x');
        const heads = all.filter((_, index) => index % 4 === 0);
        return { label: { shape: [heads.length], data: heads } };
      },
    });
    assert.equal(verdict.kind, 'independent');
    assert.deepEqual(verdict.signature.outputs, [{ name: 'label', datatype: 'FP32', shape: [-1], batchAxis: 0 }]);
  });

  test('a state with the batch on its second axis', async () => {
    const verdict = await verdictOf({
      inputs: [fp32('x', 'batch', 2), fp32('state', 2, 'batch', 1)],
      outputs: [fp32('next', 2, 'batch', 1)],
      compute: (inputs) => {
        const state = numbers(inputs, 'state');
        const x = numbers(inputs, 'x');
        const rows = shapeOf(inputs, 'x')[0]!;
        if (state.length !== 2 * rows) throw new Error('rows differ');
        return {
          next: { shape: [2, rows, 1], data: state.map((value, index) => value + x[2 * (index % rows)]!) },
        };
      },
    });
    assert.equal(verdict.kind, 'independent');
    assert.deepEqual(
      verdict.signature.inputs.map(({ batchAxis }) => batchAxis),
      [0, 1],
    );
    assert.equal(verdict.signature.outputs[0]!.batchAxis, 1);
  });

  test('a sequence first, and the batch behind it', async () => {
    // A running sum along the sequence: y[t, b] = x[0, b] + … + x[t, b].
    const verdict = await verdictOf({
      inputs: [fp32('x', 'time', 'batch')],
      outputs: [fp32('y', 'time', 'batch')],
      compute: (inputs) => {
        const [time, batch] = shapeOf(inputs, 'x') as [number, number];
        const y = numbers(inputs, 'x');
        for (let index = batch; index < time * batch; index += 1) y[index]! += y[index - batch]!;
        return { y: { shape: [time, batch], data: y } };
      },
    });
    assert.equal(verdict.kind, 'independent');
    assert.deepEqual(
      verdict.signature.inputs.map(({ batchAxis }) => batchAxis),
      [1],
    );
  });

  test('a 0-d input that all rows of a run share', async () => {
    const verdict = await verdictOf({
      inputs: [fp32('x', 'n', 2), fp32('rate')],
      outputs: [fp32('y', 'n', 2)],
      compute: (inputs) => ({
        y: { shape: shapeOf(inputs, 'x'), data: numbers(inputs, 'x').map((x) => x * numbers(inputs, 'rate')[0]!) },
      }),
    });
    assert.equal(verdict.kind, 'independent');
    assert.deepEqual(
      verdict.signature.inputs.map(({ batchAxis }) => batchAxis),
      [0, null],
    );
  });
});

describe('rows that depend on one another', () => {
  for (const [title, model, reason] of [
    [
      'a share of the sum over the first axis',
      byRow(1, (row, all) => row.map((value) => value / (1e-3 + sum(all.map(Math.abs))))),
      /^outputs change with companions \([01]\.\d+ of the scale of 'y'/,
    ],
    [
      'a scale that is chosen by the largest value of the run, which shows only where scales are mixed',
      byRow(4, (row, all) => (Math.max(...all) > 1 ? row.map((value) => value / 255) : row)),
      /^outputs change with companions .*inputs: mixed\)$/,
    ],
    [
      'a NaN that spoils its neighbours, and nothing else does',
      byRow(4, (row, all) => (all.some(Number.isNaN) ? row.map(() => NaN) : row)),
      /^outputs change with companions \('y' is another value or shape, inputs: non-finite\)$/,
    ],
    ['neighbours that are added', byRow(2, (row, all) => row.map((value) => value + all[0]!)), /^outputs change with/],
    [
      'an order that matters',
      byRow(1, (row, all) => row.map((value) => value * (1 + all.indexOf(value)))),
      /^outputs change with/,
    ],
  ] as const) {
    test(title, async () => {
      const verdict = await verdictOf(model);
      assert.equal(verdict.kind, 'dependent');
      assert.match(verdict.reason, reason);
    });
  }

  test('one output for the whole run', async () => {
    const verdict = await verdictOf({
      inputs: [fp32('samples', 'n')],
      outputs: [fp32('loudness', 1)],
      compute: (inputs) => ({ loudness: { shape: [1], data: [sum(numbers(inputs, 'samples').map(Math.abs))] } }),
    });
    assert.equal(verdict.kind, 'dependent');
    assert.match(verdict.reason, /outputs change with companions .*'loudness'/);
  });

  test('an output whose length follows the values', async () => {
    const verdict = await verdictOf({
      inputs: [fp32('x', 'n')],
      outputs: [fp32('kept', 'm')],
      compute: (inputs) => {
        const kept = numbers(inputs, 'x').filter((value) => value > 0.2);
        return { kept: { shape: [kept.length], data: kept } };
      },
    });
    assert.equal(verdict.kind, 'dependent');
    assert.match(verdict.reason, /shape/);
  });

  test('a model that differs from itself', async () => {
    let calls = 0;
    const verdict = await verdictOf(byRow(2, (row) => row.map((value) => value + (calls += 1))));
    assert.equal(verdict.kind, 'dependent');
    assert.match(verdict.reason, /^outputs differ from run to run on the same input/);
  });

  test('a run of several rows that fails where each alone does not', async () => {
    const verdict = await verdictOf({
      ...byRow(2, (row) => row),
      compute: (inputs) => {
        if (shapeOf(inputs, 'x')[0]! > 1) throw new Error('Reshape: 10 elements into [1, 2]');
        return { y: { shape: [1, 2], data: numbers(inputs, 'x') } };
      },
    });
    assert.equal(verdict.kind, 'dependent');
    assert.match(verdict.reason, /a run of 5 rows fails where each alone does not .*Reshape/);
  });
});

describe('what is not proven', () => {
  test('a model that takes no random input', async () => {
    const verdict = await verdictOf({
      ...byRow(2, (row) => row),
      compute: () => {
        throw new Error('not a picture');
      },
    });
    assert.deepEqual(verdict, {
      kind: 'unproven',
      reason:
        'no random input was taken; put requests that it takes into samples/ beside its versions: Error: not a picture',
      sample: null,
    });
  });

  test('a model that takes long to refuse its inputs: failed runs are spent too', async () => {
    let runs = 0;
    const model: Model = {
      inputs: [int64('ids', 'n', 'length')],
      outputs: [fp32('y', 'n')],
      compute: () => {
        runs += 1;
        throw new Error('beyond the vocabulary');
      },
    };
    const verdict = await verdictOf(model, { runMs: 400 });
    assert.deepEqual([verdict.kind, runs], ['unproven', 2]);
  });

  test('outputs that are the same for all inputs: they would agree by luck', async () => {
    const verdict = await verdictOf(byRow(2, (row) => row.map(() => 1)));
    assert.equal(verdict.kind, 'unproven');
  });

  test('a model too slow for the budget', async () => {
    const verdict = await verdictOf(
      byRow(2, (row) => row),
      { runMs: 1_200 },
    );
    assert.equal(verdict.kind, 'unproven');
    assert.equal(verdict.reason, 'not proven within 6720 ms of processor time');
  });

  test('a slow model with a larger budget', async () => {
    const model = byRow(2, (row) => row.map((value) => value + 1));
    assert.equal((await verdictOf(model, { runMs: 1_200, cpuMs: 120_000 })).kind, 'independent');
  });
});

test('the same seed gives the same verdict', async () => {
  const model = byRow(4, (row) => row.map((value) => 3 * value));
  assert.deepEqual(await verdictOf(model), await verdictOf(model));
});
