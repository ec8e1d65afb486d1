import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Datatype } from '../../contract/datatypes.ts';
import type { SluiceError } from '../../contract/errors.ts';
import type { Signature } from '../tensor.ts';
import type { RequestBody } from './call.ts';
import { maxValues } from './json/cursor.ts';
import { maxStrings } from './limits.ts';
import { parseInferRequest } from './oip-request.ts';
import { parsePredictRequest } from './v1.ts';

const limits = { model: 'm', maxRows: 4 };

function surface(datatype: Datatype, shape: readonly number[]): Signature {
  return { inputs: [{ name: 'x', datatype, shape, batchAxis: 0 }], outputs: [] };
}

const json = (text: string): RequestBody => ({
  body: Buffer.from(text),
  contentType: 'application/json',
  inferenceHeaderLength: undefined,
});

type Parse = typeof parseInferRequest;

/** Error of a request whose tail is not JSON, so that one which is read to its end fails for that instead. */
function refused(parse: Parse, text: string, datatype: Datatype, shape: readonly number[]): SluiceError {
  try {
    parse(json(`${text} what is no JSON`), [surface(datatype, shape)], limits);
  } catch (error) {
    return error as SluiceError;
  }
  return assert.fail('it was taken');
}

const many = (element: string, count: number): string => Array<string>(count).fill(element).join(',');

for (const [what, text, datatype, shape] of [
  ['of the shape', '{"inputs":[{"name":"x","datatype":"FP32","shape":[5,2],"data":[1', 'FP32', [-1, 2]],
  ['of strings', '{"inputs":[{"name":"x","datatype":"BYTES","shape":[50],"data":["","",', 'BYTES', [-1]],
] as const) {
  test(`Open Inference Protocol: too many rows are refused before their data are read: ${what}`, () => {
    const { code, message } = refused(parseInferRequest, text, datatype, shape);
    assert.equal(code, 'too-many-rows', message);
    assert.match(message, /the request has \d+ rows, model 'm' takes at most 4/);
  });
}

for (const [what, text, datatype, shape] of [
  ['instances of one number', `{"instances":[${many('1', 200)}`, 'FP32', [-1]],
  ['instances of one string', `{"instances":[${many('""', 5)}`, 'BYTES', [-1]],
  ['instances of arrays', `{"instances":[${many('[1,2]', 200)}`, 'FP32', [-1, 2]],
  ['instances of objects', `{"instances":[${many('{"x":[1,2]}', 5)}`, 'FP32', [-1, 2]],
  ['instances of objects, of any length', `{"instances":[${many('{"x":[1,2]}', 5)}`, 'FP32', [-1, -1]],
  ['inputs', `{"inputs":{"x":[${many('[1,2]', 200)}`, 'FP32', [-1, 2]],
] as const) {
  test(`V1: too many rows are refused while they are read: ${what}`, () => {
    const { code, message } = refused(parsePredictRequest, text, datatype, shape);
    assert.equal(code, 'too-many-rows', message);
    assert.match(message, /the request has (more than 4|5) rows, model 'm' takes at most 4/);
  });
}

test('as many rows as are allowed are taken, and no limit holds for a model that is not batched', () => {
  const four = `{"instances":[${many('[1,2]', 4)}]}`;
  assert.equal(parsePredictRequest(json(four), [surface('FP32', [-1, 2])], limits).rows, 4);
  const five = '{"inputs":[{"name":"x","datatype":"FP32","shape":[5],"data":[1,2,3,4,5]}]}';
  const alone = { model: 'm', maxRows: Infinity };
  assert.equal(parseInferRequest(json(five), [surface('FP32', [-1])], alone).rows, 5);
});

test('elements of BYTES are bounded, whatever the rows, since each takes memory of its own', () => {
  const shape = [1, maxStrings + 1];
  const head = `{"inputs":[{"name":"x","datatype":"BYTES","shape":${JSON.stringify(shape)},"data":[`;
  const nested = `{"instances":[[${many('""', maxStrings + 1)}]`;
  for (const { code, message } of [
    refused(parseInferRequest, head + many('""', maxStrings + 1), 'BYTES', [-1, -1]),
    refused(parsePredictRequest, nested, 'BYTES', [-1, -1]),
  ]) {
    assert.equal(code, 'invalid-tensor', message);
    assert.match(message, /input 'x': has (262145|more than 262144) elements of BYTES, at most 262144 are taken/);
  }
});

test('values outside of tensors are built up to a number of parts; ignored ones are checked and not built', () => {
  const keys = Array.from({ length: maxValues }, (_, index) => `"k${index}":0`).join(',');
  const input = '"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]';
  const infer = (text: string) => parseInferRequest(json(text), [surface('FP32', [-1])], limits);
  assert.throws(() => infer(`{"parameters":{${keys}},${input}}`), /has more than 10000 parts/);
  assert.equal(infer(`{"ignored":{${keys}},${input}}`).rows, 1);
  assert.throws(() => infer(`{"ignored":[{"a":1,}],${input}}`), /not JSON/);
  assert.throws(() => infer(`{"ignored":"\\x",${input}}`), /not JSON/);
});
