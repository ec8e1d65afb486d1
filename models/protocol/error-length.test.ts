/** Errors stay short, however long the names, shapes and values are that they quote. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorBody, quote, SluiceError } from '../../contract/errors.ts';
import type { Signature } from '../tensor.ts';
import { parseInferRequest } from './oip-request.ts';
import { parsePredictRequest } from './v1.ts';

const surfaces: readonly Signature[] = [
  {
    inputs: [
      { name: 'x', datatype: 'INT32', shape: [-1, 2], batchAxis: 0 },
      { name: 'text', datatype: 'BYTES', shape: [-1], batchAxis: 0 },
    ],
    outputs: [{ name: 'y', datatype: 'INT32', shape: [-1, 2], batchAxis: 0 }],
  },
];
const name = 'n'.repeat(1_000_000);
const ones = `[${'1,'.repeat(999_999)}1]`;
const members = `{${Array.from({ length: 50_000 }, (_, index) => `"k${index}":1`).join()}}`;
const x = (fields: string): string => `{"inputs":[{"name":"x","datatype":"INT32",${fields}}]}`;
const whole = '"shape":[1,2],"data":[1,2]';
const digits = '9'.repeat(1_000_000);

const requests: Readonly<Record<string, string>> = {
  'a million lengths': x(`"shape":${ones},"data":[1]`),
  'a million lengths without data': x(`"shape":${ones}`),
  'an unknown name': `{"inputs":[{"name":"${name}","datatype":"INT32",${whole}}]}`,
  'a name without datatype': `{"inputs":[{"name":"${name}"}]}`,
  'a name without shape': `{"inputs":[{"name":"${name}","datatype":"INT32"}]}`,
  'a name and a wrong shape': `{"inputs":[{"name":"${name}","shape":"${name}"}]}`,
  'a datatype': `{"inputs":[{"name":"x","datatype":"${name}",${whole}}]}`,
  'a name as datatype of many members': `{"inputs":[{"name":"x","datatype":${members},${whole}}]}`,
  'a shape of names': x(`"shape":["${name}"],"data":[1]`),
  'an element of text': x(`"shape":[1,2],"data":["${name}"]`),
  'an element of digits': x(`"shape":[1,2],"data":[${digits},1]`),
  'an element of members': x(`"shape":[1,2],"data":[${members}]`),
  'a list as id': `{"id":${ones}}`,
  'a name as parameters': `{"parameters":"${name}"}`,
  'outputs as text': `{"outputs":"${name}","inputs":[{"name":"x","datatype":"INT32",${whole}},{"name":"text","datatype":"BYTES","shape":[1],"data":["a"]}]}`,
  'an unknown output': `{"outputs":[{"name":"${name}"}],"inputs":[{"name":"x","datatype":"INT32",${whole}},{"name":"text","datatype":"BYTES","shape":[1],"data":["a"]}]}`,
  'a binary size of text': x(`"shape":[1,2],"parameters":{"binary_data_size":"${name}"}`),
  'a body that is text': `"${name}"`,
  'a body that is a list': ones,
  'words that are no JSON': name,
};

const predicts: Readonly<Record<string, string>> = {
  'an unknown input': `{"instances":[{"${name}":1}]}`,
  'an unknown column': `{"inputs":{"${name}":1}}`,
  'instances as text': `{"instances":"${name}"}`,
  'an instance of text': `{"instances":[{"x":[1,2],"text":"a"},"${name}"]}`,
  'an element': `{"instances":[{"x":["${name}",1]}]}`,
  'an element of digits': `{"instances":[{"x":[${digits},1]}]}`,
  'base64 of members': `{"instances":[{"x":[1,2],"text":${members}}]}`,
  'a list': ones,
};

for (const [protocol, parse, bodies] of [
  ['Open Inference Protocol', parseInferRequest, requests],
  ['V1', parsePredictRequest, predicts],
] as const) {
  for (const [what, text] of Object.entries(bodies)) {
    test(`${protocol}: ${what}`, () => {
      const request = {
        body: Buffer.from(text),
        contentType: 'application/json',
        inferenceHeaderLength: undefined,
      };
      assert.throws(
        () => parse(request, surfaces),
        (error) => {
          assert.ok(error instanceof SluiceError && error.status === 400, String(error).slice(0, 500));
          const { length } = errorBody(error.message);
          assert.ok(length > 20 && length < 1_000, `${length} bytes: ${error.message.slice(0, 300)}`);
          return true;
        },
      );
    });
  }
}

test('a quoted value is written only as far as it is shown', () => {
  assert.equal(quote([1, 2, 3]), '[1,2,3]');
  assert.match(quote(Array.from({ length: 1_000_000 }, () => 1)), /^\[1,1,1.{71}\.\.\.$/);
});
