import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alternate, spreadOfRatios } from './alternate.ts';

test('sides take turns, and each keeps its own samples', async () => {
  const order: string[] = [];
  const side = (name: string) => () => Promise.resolve(order.push(name));
  const samples = await alternate({ a: side('a'), b: side('b') }, 3);
  assert.deepEqual(order, ['a', 'b', 'a', 'b', 'a', 'b']);
  assert.deepEqual(samples, { a: [1, 3, 5], b: [2, 4, 6] });
});

test('a failing side ends the measurement', async () => {
  await assert.rejects(alternate({ a: () => Promise.reject(new Error('no answer')) }, 2), /no answer/);
});

test('ratios are taken within a round: drift over rounds cancels', () => {
  assert.deepEqual(spreadOfRatios([20, 40, 400], [10, 20, 200]), { median: 2, low: 2, high: 2 });
  assert.throws(() => spreadOfRatios([1], [1, 2]), RangeError);
});
