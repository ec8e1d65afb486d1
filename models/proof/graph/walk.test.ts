/** The walk over graphs, alone; walk-beside-runtime.test.ts judges it by ONNX Runtime. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { writeOnnx, type Node, type OnnxModel, type Weights } from '../../author/onnx-writer.ts';
import type { TensorSignature } from '../../tensor.ts';
import { bytesOf } from './bytes.ts';
import { readOnnx } from './onnx-file.ts';
import { walk, type Walk } from './walk.ts';

const ints = (name: string, ...values: number[]): Weights => ({
  name,
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const scalar = (name: string, value: number): Weights => ({ name, shape: [], data: Float32Array.of(value) });
const weights = [
  ints('axis0', 0),
  ints('axis1', 1),
  ints('one', 1),
  ints('zero', 0),
  ints('keep', 0, -1),
  ints('six', -1, 6),
  ints('fold', -1, 3),
  { name: 'square', shape: [6, 6], data: new Float32Array(36).fill(0.5) },
  { name: 'threes', shape: [3, 3], data: new Float32Array(9).fill(0.5) },
  scalar('high', 1e6),
  scalar('nothing', 0),
];

/** The walk over `x` with rows on an axis, to the output `y` of the last node. */
function walked(
  nodes: readonly Node[],
  shape: readonly number[],
  { batchAxis = 0, more = [] }: { batchAxis?: number; more?: readonly TensorSignature[] } = {},
): Walk {
  const model: OnnxModel = {
    name: 'g',
    inputs: [{ name: 'x', datatype: 'FP32', shape: shape.map((length) => (length === -1 ? 'n' : length)) }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [] }],
    nodes,
    weights,
  };
  const inputs = [{ name: 'x', datatype: 'FP32', shape, batchAxis } as const, ...more];
  return walk(readOnnx(bytesOf(writeOnnx(model))), inputs);
}

const node = (operator: string, inputs: string, outputs: string, attributes: Node['attributes'] = {}): Node => ({
  name: operator,
  operator,
  inputs: inputs.split(' '),
  outputs: outputs.split(' '),
  attributes,
});

describe('operators that mix rows for certain', () => {
  for (const [title, nodes, shape, finding, options] of [
    [
      'a mean over the batch that matters above a threshold only',
      [
        node('ReduceMean', 'x', 'mean', { axes: { ints: [0] } }),
        node('Sub', 'mean high', 'above'),
        node('Relu', 'above', 'extra'),
        node('Add', 'x extra', 'y'),
      ],
      [-1, 3],
      "node 'ReduceMean' reduces over the batch axis",
    ],
    [
      'a choice by the largest value of the run',
      [
        node('ReduceMax', 'x', 'max', { keepdims: { int: 0 } }),
        node('Greater', 'max high', 'c'),
        node('Neg', 'x', 'other'),
        node('Where', 'c other x', 'y'),
      ],
      [-1, 3],
      "node 'ReduceMax' reduces over all axes, the batch axis too",
    ],
    [
      'a sum over axis 0 behind a matrix',
      [node('ReduceSum', 'x axis0', 's'), node('MatMul', 's threes', 'y')],
      [-1, 3],
      /ReduceSum/,
    ],
    ['softmax', [node('Softmax', 'x', 'y', { axis: { int: -2 } })], [-1, 3], /normalises across the batch axis/],
    ['a running sum', [node('CumSum', 'x zero', 'y')], [-1, 3], /sums along the batch axis/],
    ['a sort', [node('TopK', 'x one', 'y i', { axis: { int: 0 } })], [-1, 3], /sorts along the batch axis/],
    ['a choice of the best row', [node('ArgMax', 'x', 'y')], [-1, 3], /chooses along the batch axis/],
    ['recurrence from row to row', [node('GRU', 'x threes threes', 'y')], [-1, 1, 3], /runs along the batch axis/],
    [
      'recurrence with the batch first, where rows lie second',
      [node('LSTM', 'x threes threes', 'y', { layout: { int: 1 } })],
      [2, -1, 3],
      /runs along the batch axis/,
      { batchAxis: 1 },
    ],
    [
      'normalisation as in training',
      [node('BatchNormalization', 'x a b c d', 'y', { training_mode: { int: 1 } })],
      [-1, 3],
      /as in training/,
    ],
    ['mean and variance', [node('MeanVarianceNormalization', 'x', 'y')], [-1, 3, 2, 2], /normalises across/],
    [
      'layer normalisation over all axes',
      [node('LayerNormalization', 'x threes', 'y', { axis: { int: 0 } })],
      [-1, 3],
      /normalises/,
    ],
    [
      'rows that are multiplied with one another',
      [node('Transpose', 'x', 't'), node('MatMul', 'x t', 'y')],
      [-1, 3],
      /with one another/,
    ],
    ['a product over the rows', [node('MatMul', 'threes x', 'y')], [-1, 3], /sums over the batch axis/],
    [
      'the batch axis summed by Einsum',
      [node('Einsum', 'x threes', 'y', { equation: { text: 'bi,ij->j' } })],
      [-1, 3],
      /sums over/,
    ],
    [
      'quantisation over the batch',
      [node('DynamicQuantizeLinear', 'x', 'q s z'), node('DequantizeLinear', 'q s z', 'y')],
      [-1, 3],
      /quantises over the whole batch/,
    ],
    ['random numbers', [node('RandomNormalLike', 'x', 'r'), node('Add', 'x r', 'y')], [-1, 3], /draws random numbers/],
    ['dropout as in training', [node('Dropout', 'x high one', 'y')], [-1, 3], /draws random numbers/],
    [
      'a convolution along the rows',
      [node('Conv', 'x threes', 'y', { kernel_shape: { ints: [3] } })],
      [1, 1, -1],
      /convolves along/,
      { batchAxis: 2 },
    ],
    [
      'a mean behind a reshape that keeps the rows',
      [node('Reshape', 'x keep', 'flat'), node('ReduceMean', 'flat', 'y', { axes: { ints: [0] } })],
      [-1, 2, 3],
      /ReduceMean/,
    ],
    [
      'a mean behind a reshape by sizes that are computed',
      [
        node('Shape', 'x', 'shape'),
        node('Gather', 'shape zero', 'n'),
        node('Concat', 'n one six', 'target', { axis: { int: 0 } }),
        node('Reshape', 'x target', 'r'),
        node('ReduceMean', 'r', 'y', { axes: { ints: [0] } }),
      ],
      [-1, 2, 3],
      /ReduceMean/,
    ],
  ] as const) {
    test(title, () => {
      const { decisive } = walked(nodes, shape, options);
      if (typeof finding === 'string') assert.equal(decisive, finding);
      else assert.match(String(decisive), finding);
    });
  }

  test('a node without a name is told by what it gives', () => {
    const { decisive } = walked(
      [{ operator: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: { int: 0 } } }],
      [-1, 3],
    );
    assert.equal(decisive, "the Softmax that gives 'y' normalises across the batch axis");
  });

  test('a branch that is chosen for the whole run', () => {
    const branch = (operator: string): OnnxModel => ({
      name: operator,
      inputs: [],
      outputs: [{ name: operator, datatype: 'FP32', shape: ['n', 3] }],
      nodes: [{ operator, inputs: ['x'], outputs: [operator] }],
    });
    const { decisive } = walked(
      [
        node('ReduceMax', 'x', 'max', { keepdims: { int: 0 } }),
        node('Greater', 'max high', 'c'),
        node('If', 'c', 'y', { then_branch: { graph: branch('Neg') }, else_branch: { graph: branch('Identity') } }),
      ],
      [-1, 3],
    );
    assert.match(String(decisive), /ReduceMax/);
  });

  test('mixing inside both branches', () => {
    const graph: OnnxModel = {
      name: 'b',
      inputs: [],
      outputs: [{ name: 'm', datatype: 'FP32', shape: ['n', 3] }],
      nodes: [node('Softmax', 'x', 'm', { axis: { int: 0 } })],
    };
    const { decisive } = walked(
      [node('If', 'flag', 'y', { then_branch: { graph }, else_branch: { graph } })],
      [-1, 3],
      {
        more: [{ name: 'flag', datatype: 'BOOL', shape: [], batchAxis: null }],
      },
    );
    assert.match(String(decisive), /Softmax/);
  });
});

describe('rows that are followed, or of which nothing is certain: silence', () => {
  for (const [title, nodes, shape, options] of [
    ['softmax within a row', [node('Softmax', 'x', 'y')], [-1, 3]],
    ['a running sum within a row', [node('CumSum', 'x one', 'y')], [-1, 3]],
    ['recurrence within a row', [node('LSTM', 'x threes threes', 'y')], [4, -1, 3], { batchAxis: 1 }],
    ['normalisation by what was learned', [node('BatchNormalization', 'x a b c d', 'y')], [-1, 3]],
    [
      'rows that are folded into one axis with others',
      [node('Reshape', 'x fold', 'f'), node('Softmax', 'f', 'y', { axis: { int: 0 } })],
      [-1, 2, 3],
    ],
    [
      'the largest value, subtracted and put back by softmax',
      [node('ReduceMax', 'x', 'max'), node('Sub', 'x max', 'd'), node('Softmax', 'd', 'y')],
      [-1, 3],
    ],
    [
      'a scale of the whole run that is divided out again',
      [
        node('ReduceMax', 'x', 'max'),
        node('Div', 'x max', 'd'),
        node('MatMul', 'd threes', 'm'),
        node('Mul', 'm max', 'y'),
      ],
      [-1, 3],
    ],
    [
      'a mean that is multiplied by nothing',
      [node('ReduceMean', 'x', 'm'), node('Mul', 'm nothing', 'z'), node('Add', 'x z', 'y')],
      [-1, 3],
    ],
    ['a mean that no output needs', [node('ReduceMean', 'x', 'm'), node('Neg', 'x', 'y')], [-1, 3]],
    [
      'the length of the longest row, used to cut',
      [node('ReduceMax', 'x', 'm'), node('Slice', 'x zero m one', 'y')],
      [-1, 3],
    ],
    [
      'protection from infinities',
      [node('IsInf', 'x', 'i'), node('ReduceMax', 'i', 'm'), node('Where', 'm high x', 'y')],
      [-1, 3],
    ],
    [
      'a count of what the values make',
      [
        node('NonZero', 'x', 'w'),
        node('Shape', 'w', 's'),
        node('Cast', 's', 'c'),
        node('ReduceMax', 'c', 'm'),
        node('Add', 'x m', 'y'),
      ],
      [-1, 3],
    ],
    [
      'operators that nobody knows',
      [node('Mystery', 'x', 'm'), node('Softmax', 'm', 'y', { axis: { int: 0 } })],
      [-1, 3],
    ],
    [
      'a scan over rows',
      [node('Scan', 'x', 'y', { body: { graph: { name: 'b', inputs: [], outputs: [], nodes: [] } } })],
      [-1, 3],
    ],
    ['dropout as it is served', [node('Dropout', 'x high zero', 'y')], [-1, 3]],
  ] as const) {
    test(title, () => assert.equal(walked(nodes, shape, options).decisive, null));
  }

  test('what is found is told although it reaches no output for certain', () => {
    const nodes = [node('ReduceMax', 'x', 'max'), node('Sub', 'x max', 'd'), node('Softmax', 'd', 'y')];
    assert.deepEqual(walked(nodes, [-1, 3]).findings, ["node 'ReduceMax' reduces over all axes, the batch axis too"]);
  });
});
