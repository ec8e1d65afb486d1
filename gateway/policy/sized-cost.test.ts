import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { learnSizedCost, lineOf, unknownSizedCost, type SizedCost } from './sized-cost.ts';

const lengths = [8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512];
const batches = [1, 2, 4, 8, 16, 32];

/** Encoder of a small transformer, milliseconds: fixed part, tokens, and pairs of tokens. */
const encoderMs = (rows: number, tokens: number): number => 0.12 + rows * (0.0016 * tokens + 0.0000038 * tokens ** 2);

type Truth = (rows: number, rowElements: number) => number;

function predict(cost: SizedCost, rows: number, rowElements: number): number {
  const { a, c } = lineOf(cost, rowElements);
  return a + c * rows;
}

interface Course {
  readonly truth?: Truth;
  readonly noise?: number;
  readonly seed?: number;
  readonly rows?: readonly number[];
  readonly sizes?: readonly number[];
}

function learn(cost: SizedCost, runs: number, course: Course = {}): SizedCost {
  const { truth = encoderMs, noise = 0, seed = 1, rows = batches, sizes = lengths } = course;
  const random = seededRandom(seed);
  const draw = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  let learned = cost;
  for (let run = 0; run < runs; run += 1) {
    const [b, e] = [draw(rows), draw(sizes)];
    learned = learnSizedCost(learned, b, e, truth(b, e) * (1 + noise * (2 * random() - 1)));
  }
  return learned;
}

const errorOf = (cost: SizedCost, rows: number, size: number, truth: Truth = encoderMs): number =>
  Math.abs(predict(cost, rows, size) / truth(rows, size) - 1);

const warm = [1, 2, 4, 8, 16, 32, 64].reduce(
  (cost, rows) => learnSizedCost(cost, rows, 32, encoderMs(rows, 32)),
  unknownSizedCost,
);

test('nothing is predicted before a run was seen', () => {
  assert.deepEqual(lineOf(unknownSizedCost, 128), { a: 0, c: 0 });
  assert.equal(unknownSizedCost.samples, 0);
});

test('a warm-up at one length predicts others in proportion', () => {
  for (const rows of batches) assert.ok(errorOf(warm, rows, 32) < 0.01);
  const { a, c } = lineOf(warm, 32);
  const double = lineOf(warm, 64);
  assert.ok(Math.abs(double.a - a) < 1e-9 && Math.abs(double.c - 2 * c) < 1e-9);
  const half = lineOf(warm, 16);
  assert.ok(Math.abs(half.a - a) < 1e-9 && Math.abs(half.c - c / 2) < 1e-9);
});

test('one run of a new length is enough to predict its like, whichever part was wrong', () => {
  for (const rows of [1, 16]) {
    const cost = learnSizedCost(warm, rows, 512, encoderMs(rows, 512));
    assert.ok(errorOf(cost, rows, 512) < 0.01, `${errorOf(cost, rows, 512)}`);
    assert.ok(errorOf(cost, 4, 512) < 0.25, `${rows} rows: ${errorOf(cost, 4, 512)}`);
    assert.ok(errorOf(cost, 4, 32) < 0.01, 'others keep their line');
  }
});

for (const seed of [1, 2, 3]) {
  test(`lengths of 8 to 512, mixed at random with 20% of noise: predicted within 15%, seed ${seed}`, () => {
    const cost = learn(warm, 600, { noise: 0.2, seed });
    for (const size of lengths) {
      for (const rows of [4, 16, 32]) {
        assert.ok(errorOf(cost, rows, size) < 0.15, `l(${rows}, ${size}): ${errorOf(cost, rows, size)}`);
      }
    }
  });
}

test('lengths between those that were seen are interpolated along the curve', () => {
  const cost = learn(unknownSizedCost, 400, { sizes: [8, 64, 512] });
  for (const size of [16, 32, 128, 256]) {
    assert.ok(errorOf(cost, 16, size) < 0.3, `${size}: ${errorOf(cost, 16, size)}`);
  }
  // Truly linear costs are met almost exactly, however far apart the lengths are.
  const linear: Truth = (rows, size) => 0.1 + 0.01 * rows * size;
  const line = learn(unknownSizedCost, 400, { truth: linear, sizes: [8, 512] });
  for (const size of [8, 20, 100, 512]) assert.ok(errorOf(line, 8, size, linear) < 0.05);
});

test('sizes off the middle of their class are not taken for it', () => {
  const edge = [9.5, 13.4];
  const cost = learn(unknownSizedCost, 400, { truth: (rows, size) => rows * size, sizes: edge });
  const truth: Truth = (rows, size) => rows * size;
  for (const size of edge) assert.ok(errorOf(cost, 4, size, truth) < 0.05, `${size}: ${errorOf(cost, 4, size, truth)}`);
});

test('a pause of the machine moves one length little, and the others not at all', () => {
  const cost = learn(warm, 600, { noise: 0.05 });
  const paused = learnSizedCost(cost, 8, 128, 10_000);
  assert.ok(errorOf(paused, 8, 128) < 0.3, `${errorOf(paused, 8, 128)}`);
  assert.deepEqual(lineOf(paused, 512), lineOf(cost, 512));
  assert.ok(paused.p99Ratio > cost.p99Ratio);
});

test('a faster machine is followed within a hundred runs of a length', () => {
  const half: Truth = (rows, size) => encoderMs(rows, size) / 2;
  const cost = learn(learn(warm, 600), 1_300, { truth: half });
  for (const size of lengths) assert.ok(errorOf(cost, 8, size, half) < 0.2, `${size}: ${errorOf(cost, 8, size, half)}`);
});

test('invalid samples change nothing', () => {
  for (const bad of [0, -1, NaN, Infinity]) {
    assert.equal(learnSizedCost(warm, bad, 8, 5), warm);
    assert.equal(learnSizedCost(warm, 5, 8, bad), warm);
    assert.equal(learnSizedCost(warm, 5, bad, 5), warm);
  }
});

test('whatever it is taught, predictions are finite, not negative, and never fall with the rows', () => {
  const sample = fc.tuple(
    fc.integer({ min: 1, max: 512 }),
    fc.double({ min: 1, max: 2 ** 50, noNaN: true }),
    fc.double({ min: 1e-3, max: 1e5, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 60 }), (samples) => {
      let cost = unknownSizedCost;
      for (const [rows, size, ms] of samples) cost = learnSizedCost(cost, rows, size, ms);
      assert.equal(cost.samples, samples.length);
      for (const size of [1, 7, 100, 4_000, 2 ** 30, 2 ** 60]) {
        const { a, c } = lineOf(cost, size);
        assert.ok(Number.isFinite(a) && a >= 0 && Number.isFinite(c) && c >= 0, `l(b, ${size}) = ${a} + ${c}·b`);
      }
      assert.ok(cost.p99Ratio >= 1 && Number.isFinite(cost.p99Ratio));
    }),
    { numRuns: 200 },
  );
});

test('of costs that grow with the size, predictions grow with it too', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.3, max: 2.2, noNaN: true }), fc.integer(), (power, seed) => {
      const truth: Truth = (rows, size) => 0.1 + 0.01 * rows * size ** power;
      const cost = learn(unknownSizedCost, 500, { truth, seed });
      let before = 0;
      for (let size = 8; size <= 512; size *= 1.1) {
        const ms = predict(cost, 16, size);
        assert.ok(ms >= before * 0.98, `l(16, ${size}) = ${ms} after ${before}, power ${power}`);
        before = ms;
      }
    }),
    { numRuns: 30 },
  );
});
