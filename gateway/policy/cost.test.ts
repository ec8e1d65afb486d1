import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { learnCost, predictMs, rowsWithin, unknownCost, type Cost } from './cost.ts';

const sizes = [1, 2, 4, 8, 16, 32, 64];

/** Samples of a + c·b at the given sizes, each off by up to the share `noise`. */
function learn(cost: Cost, count: number, a: number, c: number, noise: number, of = sizes, seed = 1): Cost {
  const random = seededRandom(seed);
  let learned = cost;
  for (let sample = 0; sample < count; sample += 1) {
    const rows = of[Math.floor(random() * of.length)]!;
    learned = learnCost(learned, rows, (a + c * rows) * (1 + noise * (2 * random() - 1)));
  }
  return learned;
}

function near(actual: number, expected: number, share: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${what}: ${actual} is not near ${expected}`);
}

const warm = learn(unknownCost, 200, 1, 0.05, 0.1);

test('seven warm-up runs are enough for the line', () => {
  const cost = sizes.reduce((learned, rows) => learnCost(learned, rows, 5 + 0.1 * rows), unknownCost);
  near(cost.a, 5, 0.01, 'a');
  near(cost.c, 0.1, 0.01, 'c');
  assert.deepEqual([cost.samples, cost.largestRows], [7, 64]);
});

for (const [a, c] of [
  [5, 0.1],
  [0.05, 0.5],
  [60, 0.5],
  [0.1, 0.0005],
] as const) {
  test(`a = ${a}, c = ${c} under 20 % of noise: predictions over the sizes seen within 8 %`, () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const cost = learn(unknownCost, 400, a, c, 0.2, sizes, seed);
      for (const rows of [16, 32, 64]) near(predictMs(cost, rows), a + c * rows, 0.08, `l(${rows}), seed ${seed}`);
    }
  });
}

test('a and c themselves are recovered', () => {
  const cost = learn(unknownCost, 400, 5, 0.1, 0.1);
  near(cost.a, 5, 0.05, 'a');
  near(cost.c, 0.1, 0.05, 'c');
});

test('samples of one size keep the line where they say nothing of it', () => {
  for (const only of [1, 8, 64]) {
    const cost = learn(warm, 5_000, 1, 0.05, 0.1, [only]);
    for (const rows of sizes) near(predictMs(cost, rows), 1 + 0.05 * rows, 0.15, `l(${rows}) after only ${only}`);
  }
});

test('samples of one size move the line where it is wrong there', () => {
  const cost = learn(warm, 300, 3, 0.15, 0.1, [8]);
  near(predictMs(cost, 8), 3 + 0.15 * 8, 0.05, 'l(8)');
});

test('a pause of the machine moves the line little, and so do three in a row', () => {
  const once = learnCost(warm, 32, 10_000);
  near(predictMs(once, 32), predictMs(warm, 32), 0.05, 'after one');
  let thrice = once;
  for (let pause = 0; pause < 2; pause += 1) thrice = learnCost(learn(thrice, 5, 1, 0.05, 0.1), 32, 10_000);
  near(predictMs(thrice, 32), predictMs(warm, 32), 0.1, 'after three');
});

test('a drift is followed: within 20 % after 100 samples, within 10 % after 200', () => {
  for (const factor of [2, 3, 1 / 2]) {
    for (const [samples, share] of [
      [100, 0.2],
      [200, 0.1],
    ] as const) {
      const cost = learn(warm, samples, factor, 0.05 * factor, 0.1);
      for (const rows of [1, 16, 64]) {
        near(predictMs(cost, rows), factor * (1 + 0.05 * rows), share, `× ${factor}: l(${rows}) after ${samples}`);
      }
    }
  }
});

test('invalid samples change nothing', () => {
  for (const bad of [0, -1, NaN, Infinity, -Infinity]) {
    assert.equal(learnCost(warm, bad, 5), warm);
    assert.equal(learnCost(warm, 5, bad), warm);
  }
});

test('the 99th percentile of measured ÷ predicted is followed, and is never below 1', () => {
  const steady = learn(warm, 20_000, 1, 0.05, 0).p99Ratio;
  assert.ok(steady >= 1 && steady < 1.01, `${steady}`);
  // One in twenty takes three times as long: the 99th percentile is among them.
  let cost = warm;
  const random = seededRandom(3);
  for (let sample = 0; sample < 5_000; sample += 1) cost = learnCost(cost, 16, random() < 0.05 ? 5.4 : 1.8);
  assert.ok(cost.p99Ratio > 2 && cost.p99Ratio < 3.5, `${cost.p99Ratio}`);
});

test('whatever the samples: neither part negative, nothing beyond what was measured, nothing but finite', () => {
  const sample = fc.record({
    rows: fc.integer({ min: 1, max: 64 }),
    ms: fc.double({ min: 0.01, max: 100, noNaN: true }),
  });
  const oneSize = fc
    .record({ rows: fc.integer({ min: 1, max: 64 }), ms: fc.array(fc.double({ min: 0.01, max: 100, noNaN: true })) })
    .map(({ rows, ms }) => ms.map((one) => ({ rows, ms: one })));
  const samples = fc.array(fc.oneof(fc.array(sample), oneSize), { maxLength: 10 });
  fc.assert(
    fc.property(samples, (groups) => {
      let cost = unknownCost;
      for (const { rows, ms } of groups.flat()) {
        cost = learnCost(cost, rows, ms);
        assert.ok(cost.a >= 0 && cost.c >= 0, `a = ${cost.a}, c = ${cost.c}`);
        assert.ok(Number.isFinite(cost.p99Ratio) && Number.isFinite(cost.deviationMs));
        assert.ok(cost.p.every(Number.isFinite));
      }
      assert.ok(cost.samples === 0 || predictMs(cost, 1) <= 101, `l(1) = ${predictMs(cost, 1)}`);
    }),
    { numRuns: 300 },
  );
});

test('sizes that hardly differ do not blow the line up', () => {
  for (const seed of [1, 2, 3]) {
    let cost = warm;
    const random = seededRandom(seed);
    for (let sample = 0; sample < 5_000; sample += 1) {
      const rows = 10 + Math.floor(random() * 3);
      cost = learnCost(cost, rows, (1 + 0.05 * rows) * (0.9 + 0.2 * random()));
      assert.ok(predictMs(cost, 64) < 20, `sample ${sample}: l(64) = ${predictMs(cost, 64)}`);
    }
  }
});

test('rowsWithin is the inverse of the line, behind as many runs of the same size', () => {
  const cost: Cost = { ...unknownCost, a: 5, c: 0.5, samples: 10 };
  assert.equal(rowsWithin(cost, 15, 0), 20);
  assert.equal(rowsWithin(cost, 30, 1), 20);
  assert.equal(rowsWithin(cost, 14.99, 0), 19);
  assert.equal(rowsWithin(cost, 5, 0), 1);
  assert.equal(rowsWithin(cost, -100, 0), 1);
  assert.equal(rowsWithin(unknownCost, 1, 0), Infinity);
  assert.equal(rowsWithin({ ...cost, c: 0 }, 5, 0), Infinity);
  assert.equal(rowsWithin({ ...cost, c: 0 }, 4, 0), 1);
});
