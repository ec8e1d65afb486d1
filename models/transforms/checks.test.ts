import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor, TensorSignature } from '../tensor.ts';
import { checkDeclaration, checkReturned, misfit } from './checks.ts';

const text = { name: 'text', datatype: 'BYTES', shape: [-1] };
const label = { name: 'label', datatype: 'BYTES', shape: [-1], batchAxis: 0 };
const good = { inputs: [text], outputs: [label], before: () => null, after: () => null };

test('a declaration is taken with batchAxis 0 filled in, and with beforeAll in place of before', () => {
  const surface = { inputs: [{ ...text, batchAxis: 0 }], outputs: [label] };
  assert.deepEqual(checkDeclaration(good), surface);
  const { before, ...rest } = good;
  assert.deepEqual(checkDeclaration({ ...rest, beforeAll: before }), surface);
});

test('a wrong declaration is told with its field and value', () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /must export 'transform', an object, was: undefined/],
    [{ ...good, before: 3 }, /transform\.before must be a function, was: 3/],
    [{ ...good, after: undefined }, /transform\.after is missing, there is 'before', 'after'/],
    [{ ...good, inputs: [] }, /transform\.inputs must be a list of tensors, was: \[\]/],
    [{ ...good, inputs: text }, /transform\.inputs must be a list of tensors, was: an object of Object/],
    [{ ...good, inputs: [null] }, /transform\.inputs\[0\]\.name must be a text, was: undefined/],
    [{ ...good, inputs: [text, text] }, /transform\.inputs\[1\]\.name: 'text' is there twice/],
    [{ ...good, outputs: [{ ...label, datatype: 'STRING' }] }, /outputs\[0\]\.datatype must be one of .*was: "STRING"/],
    [{ ...good, outputs: [{ ...label, shape: [1] }] }, /outputs\[0\]\.shape must be lengths that begin with -1/],
    [{ ...good, outputs: [{ ...label, shape: [-1, 0.5] }] }, /shape must be lengths .*, was: \[-1,0.5\]/],
    [{ ...good, outputs: [{ ...label, batchAxis: 1 }] }, /outputs\[0\]\.batchAxis must be 0, was: 1/],
  ];
  for (const [declaration, message] of cases) assert.throws(() => checkDeclaration(declaration), { message });
});

test('what a function returns must be a Map of whole tensors', () => {
  const floats = { datatype: 'FP32', shape: [2, 2], data: new Float32Array(4) };
  const of = (tensor: unknown) => new Map([['x', tensor]]);
  assert.equal(checkReturned(of(floats)).size, 1);
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /must return a Map of tensors by name, was: undefined/],
    [{ x: floats }, /must return a Map of tensors by name, was: an object of Object/],
    [new Map([[1, floats]]), /tensor 1: its name must be a text/],
    [of(null), /tensor "x": datatype undefined is not known/],
    [of({ ...floats, shape: [-1, 2] }), /shape must be lengths from 0, was: \[-1,2\]/],
    [of({ ...floats, shape: [3, 2] }), /data has 4 elements, shape \[3,2\] has 6/],
    [
      of({ ...floats, data: new Float64Array(4) }),
      /data of FP32 must be a Float32Array, was: an object of Float64Array/,
    ],
    [of({ ...floats, data: null }), /data of FP32 must be a Float32Array, was: null/],
    [of({ datatype: 'BYTES', shape: [1], data: ['a'] }), /element 0 of BYTES must be a Uint8Array, was: "a"/],
    [of({ datatype: 'BYTES', shape: [1], data: 'a' }), /data of BYTES must be an array, was: "a"/],
    [of({ datatype: 'BOOL', shape: [2], data: Uint8Array.of(1, 2) }), /element 1 of BOOL must be 0 or 1, was: 2/],
  ];
  for (const [value, message] of cases) assert.throws(() => checkReturned(value), { message });
});

test('tensors that do not fit are told by name, and those that do are not', () => {
  const specs: TensorSignature[] = [
    { name: 'a', datatype: 'FP32', shape: [-1, 2], batchAxis: 0 },
    { name: 'b', datatype: 'FP32', shape: [2, -1], batchAxis: 1 },
    { name: 'c', datatype: 'FP32', shape: [1], batchAxis: null },
  ];
  const floats = (...shape: number[]): Tensor => ({ datatype: 'FP32', shape, data: new Float32Array(6) });
  const fit = { a: floats(3, 2), b: floats(2, 3), c: floats(1) };
  const wrong = (tensors: Record<string, Tensor>) => misfit('before', specs, new Map(Object.entries(tensors)), 3);
  assert.equal(wrong(fit), null);
  assert.match(wrong({ ...fit, d: fit.a })!, /^before gave a tensor "d", expected: 'a', 'b', 'c'$/);
  assert.match(wrong({ a: fit.a, b: fit.b })!, /^before gave no tensor 'c'$/);
  assert.match(wrong({ ...fit, a: { ...fit.a, datatype: 'FP64' } })!, /gave 'a' as FP64, expected: FP32/);
  assert.match(wrong({ ...fit, a: floats(3) })!, /gave 'a' with shape \[3\], expected: \[-1,2\]/);
  assert.match(wrong({ ...fit, a: floats(3, 3) })!, /gave 'a' with shape \[3,3\], expected: \[-1,2\]/);
  assert.match(wrong({ ...fit, b: floats(2, 2) })!, /gave 'b' with shape \[2,2\]: 2 rows, the request has 3/);
});
