import assert from 'node:assert/strict';
import test from 'node:test';
import type { TensorSpec } from '../../contract/pod-status.ts';
import { batchability } from './signature.ts';

const tensor = (name: string, ...shape: number[]): TensorSpec => ({ name, datatype: 'FP32', shape });

test('rows are stacked on the first axis where it varies in every tensor', () => {
  const { signature, unbatchedReason } = batchability(
    { inputs: [tensor('x', -1, 4), tensor('y', -1)], outputs: [tensor('z', -1, 2)] },
    {},
  );
  assert.equal(unbatchedReason, null);
  assert.deepEqual(
    [...signature.inputs, ...signature.outputs].map(({ batchAxis }) => batchAxis),
    [0, 0, 0],
  );
});

test('a model that cannot be batched says which tensor is in the way, and has no axis to stack on', () => {
  const reasons = [
    [[tensor('x', 4, 3)], [tensor('y', 4, 3)], "input 'x' has a fixed first dimension of 4"],
    [[tensor('x', -1, 3), tensor('sr')], [tensor('y', -1)], "input 'sr' has no dimensions"],
    [[tensor('x', -1, 3)], [tensor('y', 1)], "output 'y' has a fixed first dimension of 1"],
    [[], [tensor('y', -1)], 'no input has a batch axis'],
  ] as const;
  for (const [inputs, outputs, reason] of reasons) {
    const { signature, unbatchedReason } = batchability({ inputs, outputs }, {});
    assert.equal(unbatchedReason, reason);
    assert.ok([...signature.inputs, ...signature.outputs].every(({ batchAxis }) => batchAxis === null));
  }
});

test('config names the axis of a tensor, or that all rows share it', () => {
  const file = {
    inputs: [tensor('input', -1, 512), tensor('state', 2, -1, 128), tensor('sr')],
    outputs: [tensor('output', -1, 1), tensor('stateN', -1, -1, 128)],
  };
  const { signature, unbatchedReason } = batchability(file, {
    inputs: { state: { batchAxis: 1 }, sr: { batchAxis: null } },
    outputs: { stateN: { batchAxis: 1 } },
  });
  assert.equal(unbatchedReason, null);
  assert.deepEqual(
    [...signature.inputs, ...signature.outputs].map(({ name, batchAxis }) => [name, batchAxis]),
    [
      ['input', 0],
      ['state', 1],
      ['sr', null],
      ['output', 0],
      ['stateN', 1],
    ],
  );
});

test('an output whose length the file fixes is batched where config says so', () => {
  const file = { inputs: [tensor('x', -1, 3)], outputs: [tensor('y', 1, 3)] };
  const { signature, unbatchedReason } = batchability(file, { outputs: { y: { batchAxis: 0 } } });
  assert.equal(unbatchedReason, null);
  assert.deepEqual(signature.outputs[0]?.shape, [-1, 3]);
});

test('a config that contradicts the file is refused with all contradictions', () => {
  const file = { inputs: [tensor('x', 4, 3)], outputs: [tensor('y', -1)] };
  assert.throws(
    () =>
      batchability(file, { inputs: { x: { batchAxis: 0 }, z: { batchAxis: 0 } }, outputs: { y: { batchAxis: 7 } } }),
    {
      message:
        'config.yaml: /inputs/x/batchAxis: axis 0 of shape [4,3] is fixed at 4; ' +
        '/inputs/z: the model has no such tensor, only x; /outputs/y/batchAxis: shape [-1] has no axis 7',
    },
  );
});

test('all inputs shared switches batching off', () => {
  const file = { inputs: [tensor('x', -1, 3)], outputs: [tensor('y', -1)] };
  const { unbatchedReason } = batchability(file, { inputs: { x: { batchAxis: null } } });
  assert.equal(unbatchedReason, 'no input has a batch axis');
});
