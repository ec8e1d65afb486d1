/**
 * The walk judged by ONNX Runtime: random chains of operators are run on the same row among other companions. Where the walk
 * says that an output has its rows along an axis, that row must stay; where it says that rows are mixed, that row must change.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { longForm } from '../../../test/support/long-form.ts';
import { writeOnnx, type Node, type Weights } from '../../author/onnx-writer.ts';
import { bytesOf } from './bytes.ts';
import { readOnnx } from './onnx-file.ts';
import type { Place } from './places.ts';
import { walk } from './walk.ts';

const ints = (name: string, ...values: number[]): Weights => ({
  name,
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const weights: Weights[] = [
  ...[0, 1, 2].map((axis) => ints(`axis${axis}`, axis)),
  ...[3, 6].map((length) => ints(`to${length}`, 0, -1, length)),
  ints('fold3', -1, 3),
  ints('fold6', -1, 6),
  ...[2, 3, 4].map((size) => ({
    name: `square${size}`,
    shape: [size, size],
    data: Float32Array.from({ length: size * size }, (_, index) => Math.sin(1 + index)),
  })),
];

type Step = (input: string, output: string) => Node[];
const axis = fc.integer({ min: -2, max: 2 });
const one =
  (operator: string, attributes: Node['attributes'] = {}, ...more: string[]): Step =>
  (input, output) => [{ operator, inputs: [input, ...more], outputs: [output], attributes }];

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom('Tanh', 'Sigmoid', 'Identity', 'Softplus').map((operator) => one(operator)),
  axis.chain((at) =>
    fc.constantFrom(
      one('Softmax', { axis: { int: at } }),
      one('LogSoftmax', { axis: { int: at } }),
      one('LpNormalization', { axis: { int: at } }),
      one('ReduceMean', { axes: { ints: [at] } }),
      one('ReduceMax', { axes: { ints: [at] }, keepdims: { int: 0 } }),
      one('Concat', { axis: { int: at } }, 'x'),
    ),
  ),
  fc.nat(2).map((at) => one('CumSum', {}, `axis${at}`)),
  fc.nat(2).map((at) => one('Unsqueeze', {}, `axis${at}`)),
  fc.nat(2).map((at) => one('Squeeze', {}, `axis${at}`)),
  fc
    .shuffledSubarray([0, 1, 2], { minLength: 2, maxLength: 3 })
    .map((perm) => one('Transpose', { perm: { ints: perm } })),
  fc.constantFrom('to3', 'to6', 'fold3', 'fold6').map((to) => one('Reshape', {}, to)),
  fc.constantFrom(2, 3, 4).map((size) => one('MatMul', {}, `square${size}`)),
  fc.constantFrom('Add', 'Mul').map((operator) => one(operator, {}, 'x')),
  fc.constant(one('Flatten')),
  fc.constant(one('Einsum', { equation: { text: 'bij->bji' } })),
  fc.constant(one('Einsum', { equation: { text: 'bij->ij' } })),
  fc.constant<Step>((input, output) => [
    { operator: 'DynamicQuantizeLinear', inputs: [input], outputs: [`${output}q`, `${output}s`, `${output}z`] },
    { operator: 'DequantizeLinear', inputs: [`${output}q`, `${output}s`, `${output}z`], outputs: [output] },
  ]),
);

const rows = 4;
const rowShape = [2, 3];

/** The chain in words, for a failure. */
const described = (steps: readonly Step[]): string =>
  steps
    .flatMap((each, index) => each(`t${index}`, `t${index + 1}`))
    .map((node) => JSON.stringify(node))
    .join(' ');

function graphOf(steps: readonly Step[], batchAxis: number): Uint8Array {
  const nodes = steps.flatMap((each, index) =>
    each(index === 0 ? 'x' : `t${index}`, index === steps.length - 1 ? 'y' : `t${index + 1}`),
  );
  return writeOnnx({
    name: 'chain',
    inputs: [
      { name: 'x', datatype: 'FP32', shape: rowShape.toSpliced(batchAxis, 0, -1).map((l) => (l === -1 ? 'n' : l)) },
    ],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [] }],
    nodes,
    weights,
  });
}

/** Inputs whose first row is the same for all `turn`s but 0, and whose others are not. */
function inputsOf(turn: number, batchAxis: number): Tensor {
  const shape = rowShape.toSpliced(batchAxis, 0, rows);
  const inner = shape.slice(batchAxis + 1).reduce((product, length) => product * length, 1);
  const data = Float32Array.from({ length: rows * 6 }, (_, index) => {
    const row = Math.floor(index / inner) % rows;
    return (
      0.4 * Math.sin(1 + 3.7 * index + (row === 0 && turn > 0 ? 0 : 5 + 11.3 * turn)) * (row === 0 ? 1 : 1 + turn / 3)
    );
  });
  return new Tensor('float32', data, shape);
}

/** Largest change of the first row along an axis, or of anything where `axis` is null. */
function change(a: Tensor, b: Tensor, along: number | null): number {
  const [one, other] = [a.data as Float32Array, b.data as Float32Array];
  const inner = along === null ? 1 : a.dims.slice(along + 1).reduce((product, length) => product * length, 1);
  let largest = 0;
  for (let index = 0; index < one.length; index += 1) {
    if (along !== null && Math.floor(index / inner) % a.dims[along]! !== 0) continue;
    largest = Math.max(largest, Math.abs(one[index]! - other[index]!));
  }
  return largest;
}

test('what the walk is certain of is what ONNX Runtime computes', async () => {
  const seen = { rows: 0, mixed: 0, unknown: 0, shared: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), fc.nat(2), async (steps, batchAxis) => {
      const bytes = graphOf(steps, batchAxis);
      const inputs = [{ name: 'x', datatype: 'FP32', shape: rowShape.toSpliced(batchAxis, 0, -1), batchAxis } as const];
      const [place] = walk(readOnnx(bytesOf(bytes)), inputs).outputs as [Place];
      let outputs: Tensor[];
      try {
        const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
        const { dims } = inputsOf(1, batchAxis);
        assert.equal(dims.length, 3);
        outputs = [];
        for (const turn of [0, 1, 2, 5])
          outputs.push((await session.run({ x: inputsOf(turn, batchAxis) }))['y'] as Tensor);
        await session.release();
      } catch {
        seen.refused += 1;
        return;
      }
      seen[place.kind] += 1;
      const [changed, first, ...others] = outputs;
      // Some chains give the same whatever they get: a softmax over one element, say.
      if (change(changed!, first!, null) === 0) return;
      if (place.kind === 'rows') {
        assert.equal(first!.dims[place.axis], rows, described(steps));
        assert.equal(first!.dims.length, place.shape.length, described(steps));
        for (const other of others) assert.ok(change(first!, other, place.axis) < 1e-5, described(steps));
      }
      if (place.kind === 'mixed')
        assert.ok(
          others.some((other) => change(first!, other, null) > 0),
          `${place.by.text}, yet nothing changes: ${described(steps)}`,
        );
      if (place.kind === 'shared') assert.deepEqual(first!.data, others[0]!.data);
    }),
    { numRuns: longForm ? 5_000 : 250, seed: longForm ? Date.now() : 1 },
  );
  // Enough of each kind was seen for the comparison to mean something.
  assert.ok(seen.rows > 25 && seen.mixed > 25, JSON.stringify(seen));
});
