import assert from 'node:assert/strict';
import test from 'node:test';
import type { Protocol } from '../../contract/envelope.ts';
import type { Datatype } from '../../contract/datatypes.ts';
import type { Signature, Tensors } from '../tensor.ts';
import { isHeavyAnswer, isHeavyBody, lightBodyBytes } from './heavy.ts';

const model = (datatype: Datatype): Signature[] => {
  const tensor = { name: 'x', datatype, shape: [-1], batchAxis: 0 };
  return [{ inputs: [tensor], outputs: [tensor] }];
};
const large = Buffer.alloc(lightBodyBytes + 1);

for (const { title, heavy, body = large, header, protocol = 'oip', datatype = 'FP32' } of [
  { title: 'JSON at the limit', heavy: false, body: Buffer.alloc(lightBodyBytes) },
  { title: 'JSON over the limit', heavy: true },
  { title: 'a small head and binary numbers', heavy: false, header: '100' },
  { title: 'a raw body of numbers', heavy: false, header: '0' },
  { title: 'a head over the limit', heavy: true, header: String(lightBodyBytes + 1) },
  { title: 'binary BYTES, of which each element is checked', heavy: true, header: '100', datatype: 'BYTES' },
  { title: 'binary BOOL, likewise', heavy: true, header: '100', datatype: 'BOOL' },
  { title: 'a header that is no number', heavy: true, header: 'x' },
  { title: 'a header below zero', heavy: true, header: '-1' },
  { title: 'the header in a protocol that ignores it', heavy: true, header: '100', protocol: 'v1' },
] as readonly {
  title: string;
  heavy: boolean;
  body?: Buffer;
  header?: string;
  protocol?: Protocol;
  datatype?: Datatype;
}[]) {
  test(`${title}: ${heavy ? 'heavy' : 'light'}`, () => {
    const request = { body, contentType: undefined, inferenceHeaderLength: header };
    assert.equal(isHeavyBody(request, protocol, model(datatype)), heavy);
  });
}

test('an answer is heavy by the numbers and the text that are written', () => {
  const outputs: Tensors = new Map([
    ['many', { datatype: 'FP32', shape: [100_000], data: new Float32Array(100_000) }],
    ['few', { datatype: 'FP32', shape: [10], data: new Float32Array(10) }],
    ['long', { datatype: 'BYTES', shape: [1], data: [Buffer.alloc(300_000)] }],
  ] as const);
  const asks = (name: string, binary: boolean): boolean =>
    isHeavyAnswer({ id: undefined, surface: 0, rows: 1, outputs: [{ name, binary }] }, outputs);
  assert.deepEqual(
    [asks('many', false), asks('many', true), asks('few', false), asks('long', false), asks('long', true)],
    [true, false, false, true, true],
  );
});
