import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { pickPod, type PickCandidate } from './pick.ts';

const pod = (ownRemainingMs: number, queuedRows = 0): PickCandidate => ({ ownRemainingMs, queuedRows });

test('nobody, and one', () => {
  assert.equal(pickPod([], 1, [0.5, 0.5]), -1);
  assert.equal(pickPod([pod(1000)], 1, [0.9, 0.9]), 0);
});

test('of two the one that is done first, whichever was drawn first', () => {
  for (const first of [0, 0.999]) {
    assert.equal(pickPod([pod(10), pod(5)], 1, [first, 0]), 1);
    assert.equal(pickPod([pod(5), pod(10)], 1, [first, 0]), 0);
  }
});

test('rows that others have waiting there count by what a row costs', () => {
  const candidates = [pod(10, 0), pod(0, 40)];
  assert.equal(pickPod(candidates, 0.2, [0, 0]), 1);
  assert.equal(pickPod(candidates, 0.5, [0, 0]), 0);
});

test('two different ones are drawn, all as often', () => {
  const random = seededRandom(1);
  const same = Array.from({ length: 5 }, () => pod(0));
  const counts = new Array<number>(5).fill(0);
  for (let draw = 0; draw < 5_000; draw += 1) counts[pickPod(same, 1, [random(), random()])]! += 1;
  for (const count of counts) assert.ok(count > 850 && count < 1150, counts.join(', '));
});

test('the worst is never taken, and the best not always: gateways do not all choose the same', () => {
  const random = seededRandom(2);
  const candidates = [pod(1), pod(2), pod(3), pod(4)];
  const counts = new Array<number>(4).fill(0);
  for (let draw = 0; draw < 6_000; draw += 1) counts[pickPod(candidates, 1, [random(), random()])]! += 1;
  assert.equal(counts[3], 0);
  // Of two drawn out of four the best is one with chance 1/2, then 1/3, then 1/6.
  [3_000, 2_000, 1_000].forEach((expected, index) => {
    assert.ok(Math.abs(counts[index]! - expected) < 150, counts.join(', '));
  });
});
