import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonRows, rowInputs } from '../rig/bodies.ts';
import { peers } from './peers.ts';
import { largestDifference, instances, openInference, rawFloats, workloadOf } from './protocol.ts';

const path = (model: string) => `/${model}`;

test('every peer gets the same numbers as Sluice, digit by digit', () => {
  for (const input of [rowInputs.mlp, rowInputs.wide]) {
    const ours = jsonRows(input).bodies.map((body) => numbersIn(body));
    assert.equal(ours[0]!.split(',').length, input.width);
    for (const { name, protocols } of peers) {
      for (const protocol of protocols) {
        const { bodies, model } = workloadOf(protocol, input);
        const theirs = bodies.map((body) =>
          protocol.name === 'JSON'
            ? numbersIn(body)
            : Array.from(new Float32Array(new Uint8Array(body).buffer)).join(','),
        );
        assert.deepEqual(theirs, ours, `${name}, ${protocol.name}`);
        assert.equal(model, input.model);
      }
    }
  }
});

/** The longest list in a JSON body, as text. */
function numbersIn(body: Buffer): string {
  const lists = [...body.toString().matchAll(/\[([-0-9.e,]+)\]/g)].map((match) => match[1]!);
  return lists.toSorted((one, other) => other.length - one.length)[0]!;
}

test('the Open Inference Protocol is sent to peers as to Sluice', () => {
  assert.deepEqual(workloadOf(openInference, rowInputs.mlp), jsonRows(rowInputs.mlp));
});

test('answers are read; an answer of another form is an error', () => {
  const read = (protocol: { decode(answer: Buffer): readonly number[] }, answer: unknown) =>
    protocol.decode(Buffer.from(JSON.stringify(answer)));
  assert.deepEqual(read(openInference, { outputs: [{ data: [1, 2.5] }] }), [1, 2.5]);
  assert.deepEqual(read(instances(path), { predictions: [[1, 2.5]] }), [1, 2.5]);
  assert.deepEqual(rawFloats(path).decode(Buffer.from(new Float32Array([1, 2.5]).buffer)), [1, 2.5]);
  assert.throws(() => read(openInference, { error: 'no such model' }), /no row of numbers/);
  assert.throws(() => read(instances(path), { predictions: [['a']] }), /no row of numbers in the answer: \["a"\]/);
  assert.throws(() => rawFloats(path).decode(Buffer.from('odd')), /3 bytes/);
});

test('answers are compared number by number', () => {
  assert.equal(largestDifference([1, 2], [1, 2.5]), 0.5);
  assert.equal(largestDifference([1, 2], [1]), Infinity);
});
