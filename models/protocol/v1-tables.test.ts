/** Tables over V1, as people send them: objects with a number for each column, and batches of a fixed size. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Datatype } from '../../contract/datatypes.ts';
import { SluiceError } from '../../contract/errors.ts';
import type { Signature, Tensor, TensorSignature } from '../tensor.ts';
import type { InferCall } from './call.ts';
import { parsePredictRequest, renderPredictResponse } from './v1.ts';

const spec = (name: string, datatype: Datatype, shape: number[], batchAxis: number | null = 0): TensorSignature => ({
  name,
  datatype,
  shape,
  batchAxis,
});

function parse(text: string, signature: Signature): InferCall {
  const body = Buffer.from(text);
  return parsePredictRequest({ body, contentType: undefined, inferenceHeaderLength: undefined }, [signature]);
}

const shapesOf = (call: InferCall) => Object.fromEntries([...call.inputs].map(([name, { shape }]) => [name, shape]));

const titanic: Signature = {
  inputs: [spec('age', 'FP32', [-1, 1]), spec('class', 'INT64', [-1, 1]), spec('sex', 'BYTES', [-1, 1])],
  outputs: [spec('probabilities', 'FP32', [-1, 2])],
};

test('objects with scalar columns are rows of one, missing values included', () => {
  const table =
    '{"age":22,"class":3,"sex":"male"},{"age":null,"class":1,"sex":"female"},{"age":NaN,"class":2,"sex":""}';
  const call = parse(`{"instances":[${table}]}`, titanic);
  assert.deepEqual(shapesOf(call), { age: [3, 1], class: [3, 1], sex: [3, 1] });
  assert.deepEqual(call.inputs.get('age')!.data, Float32Array.of(22, Number.NaN, Number.NaN));
  assert.equal(call.rows, 3);
});

test('columns of scalars are rows of one too, and rows of one are scalars where the model takes those', () => {
  const columns = parse('{"inputs":{"age":[1,2],"class":[[1],[2]],"sex":["a","b"]}}', titanic);
  assert.deepEqual(shapesOf(columns), { age: [2, 1], class: [2, 1], sex: [2, 1] });
  const texts: Signature = { inputs: [spec('text', 'BYTES', [-1])], outputs: [spec('y', 'FP32', [-1, 2])] };
  assert.deepEqual(shapesOf(parse('{"instances":[["a"],["b"]]}', texts)), { text: [2] });
});

test('what fits neither way is refused with the shape that was sent', () => {
  const refused = (text: string, signature: Signature, message: RegExp) =>
    assert.throws(
      () => parse(text, signature),
      (error) => error instanceof SluiceError && message.test(error.message),
    );
  const wide: Signature = { inputs: [spec('x', 'FP32', [-1, 3])], outputs: [] };
  refused('{"instances":[1,2]}', wide, /shape \[2\] does not fit the model's \[-1,3\]/);
  const tokens: Signature = { inputs: [spec('x', 'INT64', [-1, -1])], outputs: [] };
  refused('{"instances":[101,7]}', tokens, /shape \[2\] does not fit the model's \[-1,-1\]/);
  refused('{"instances":[[[1],[2]]]}', wide, /shape \[1,2,1\] does not fit/);
});

const fixed = (rows: number, columns: number): Signature => ({
  inputs: [spec('x', 'FP32', [rows, columns], null)],
  outputs: [spec('label', 'INT64', [rows], null), spec('scores', 'FP32', [rows, 2], null)],
});

test('[[1.0]] for a fixed [1,1] is one instance, and its prediction has no axis too many', () => {
  for (const instance of ['[1.0]', '1.0', '{"x":[1.0]}', '{"x":1.0}']) {
    const call = parse(`{"instances":[${instance}]}`, fixed(1, 1));
    assert.deepEqual(shapesOf(call), { x: [1, 1] }, instance);
    const outputs = new Map<string, Tensor>([
      ['label', { datatype: 'INT64', shape: [1], data: BigInt64Array.of(1n) }],
      ['scores', { datatype: 'FP32', shape: [1, 2], data: Float32Array.of(0.25, 0.75) }],
    ]);
    const { body } = renderPredictResponse(call, outputs);
    assert.equal(Buffer.concat(body).toString(), '{"predictions":[{"label":1,"scores":[0.25,0.75]}]}');
  }
});

test('a whole tensor as one instance stays one, and a fixed batch is as many predictions', () => {
  const whole = parse('{"instances":[[[1,2],[3,4]]]}', fixed(2, 2));
  assert.deepEqual(shapesOf(whole), { x: [2, 2] });
  assert.equal(whole.predict?.instances, undefined);
  const batch = parse('{"instances":[[1,2],[3,4]]}', fixed(2, 2));
  assert.deepEqual(shapesOf(batch), { x: [2, 2] });
  assert.equal(batch.predict?.instances, 2);
});

test('a table for a model that is not batched goes in whole, and comes back by rows', () => {
  const alone: Signature = {
    inputs: [spec('age', 'FP32', [-1, 1], null), spec('sex', 'BYTES', [-1, 1], null)],
    outputs: [spec('label', 'INT64', [-1], null)],
  };
  const call = parse('{"instances":[{"age":1,"sex":"a"},{"age":2,"sex":"b"}]}', alone);
  assert.deepEqual(shapesOf(call), { age: [2, 1], sex: [2, 1] });
  const label: Tensor = { datatype: 'INT64', shape: [2], data: BigInt64Array.of(7n, 8n) };
  assert.equal(
    Buffer.concat(renderPredictResponse(call, new Map([['label', label]])).body).toString(),
    '{"predictions":[7,8]}',
  );
  const other: Tensor = { datatype: 'INT64', shape: [3], data: BigInt64Array.of(7n, 8n, 9n) };
  assert.throws(() => renderPredictResponse(call, new Map([['label', other]])), /has shape \[3\] for 2 instances/);
  const found = { ...alone, outputs: [spec('where', 'INT64', [2, -1], null)] };
  assert.throws(() => parse('{"instances":[{"age":1,"sex":"a"}]}', found), SluiceError);
});

test('no instances are no rows of any input, and no predictions', () => {
  const call = parse('{"instances":[ ]}', titanic);
  assert.deepEqual(shapesOf(call), { age: [0, 1], class: [0, 1], sex: [0, 1] });
  assert.equal(call.rows, 0);
  const none: Tensor = { datatype: 'FP32', shape: [0, 2], data: new Float32Array(0) };
  const { body } = renderPredictResponse(call, new Map([['probabilities', none]]));
  assert.equal(Buffer.concat(body).toString(), '{"predictions":[]}');
  assert.throws(() => parse('{"instances":[]}', fixed(1, 1)), /there must be one at least/);
});

test('any nesting is taken with the values in their order, or refused with 400', () => {
  const nested = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof({ maxDepth: 3 }, fc.integer({ min: 0, max: 9 }), fc.array(tie('tree'), { maxLength: 3 })),
  })).tree;
  const signature = fc.constantFrom(fixed(1, 1), fixed(2, 2), fixed(3, 1), fixed(1, 3));
  fc.assert(
    fc.property(fc.array(nested, { maxLength: 3 }), signature, (instances, model) => {
      try {
        const call = parse(JSON.stringify({ instances }), model);
        const { shape, data } = call.inputs.get('x')!;
        assert.deepEqual(shape, model.inputs[0]!.shape);
        assert.deepEqual([...(data as Float32Array)], (instances as number[][]).flat(9));
      } catch (error) {
        assert.ok(error instanceof SluiceError && error.status === 400, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
