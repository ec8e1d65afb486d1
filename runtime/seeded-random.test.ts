import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from './seeded-random.ts';

const take = (count: number, seed: number) => Array.from({ length: count }, seededRandom(seed));

test('the sequences of mulberry32 are those that committed simulations were drawn from', () => {
  assert.deepEqual(
    take(3, 1).map((value) => value * 2 ** 32),
    [2693262067, 11749833, 2265367787],
  );
  assert.equal(take(1, 0)[0], 1144304738 / 2 ** 32);
});

test('a seed gives its sequence again, and another seed another one', () => {
  assert.deepEqual(take(1_000, 7), take(1_000, 7));
  assert.notDeepEqual(take(10, 7), take(10, 8));
  // A seed counts modulo 2^32, so a negative one is as good as any.
  assert.deepEqual(take(10, -1), take(10, 2 ** 32 - 1));
});

test('the numbers are uniform in [0, 1)', () => {
  const tenths = new Array<number>(10).fill(0);
  for (const value of take(100_000, 3)) {
    assert.ok(value >= 0 && value < 1);
    tenths[Math.floor(value * 10)]! += 1;
  }
  // 10,000 are expected in each; four standard deviations are 380.
  for (const count of tenths) assert.ok(Math.abs(count - 10_000) < 380, `${count}`);
});
