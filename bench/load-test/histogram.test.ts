import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { LatencyHistogram } from './histogram.ts';

test('percentiles are the nearest rank, within 1/128, over seven orders of magnitude', () => {
  const random = seededRandom(7);
  const values = Array.from({ length: 20_000 }, () => 10 ** (random() * 7) / 1000);
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.recordMs(value);
  const sorted = values.toSorted((one, other) => one - other);
  for (const percentile of [0, 1, 50, 90, 99, 99.9, 99.99, 100]) {
    const exact = sorted[Math.max(0, Math.ceil((percentile / 100) * sorted.length) - 1)]!;
    const found = histogram.percentileMs(percentile);
    assert.ok(
      found >= exact - 0.001 && found <= exact * (1 + 1 / 128) + 0.001,
      `p${percentile}: ${found}, is ${exact}`,
    );
  }
  assert.equal(histogram.maxMs, Math.round(sorted.at(-1)! * 1000) / 1000);
  assert.ok(Math.abs(histogram.meanMs / (values.reduce((sum, value) => sum + value, 0) / values.length) - 1) < 1e-3);
});

test('the 999th of 1,000 is the 99.9th percentile, and the last the 100th', () => {
  const histogram = new LatencyHistogram();
  for (let us = 1; us <= 250; us += 1) for (let copy = 0; copy < 4; copy += 1) histogram.recordMs(us / 1000);
  assert.equal(histogram.percentileMs(50), 0.125);
  assert.equal(histogram.percentileMs(99.6), 0.249);
  assert.equal(histogram.percentileMs(99.9), 0.25);
  assert.equal(histogram.countUpTo(0.125), 500);
});

test('parts add up to the whole, and taking a snapshot empties', () => {
  const whole = new LatencyHistogram();
  const [one, other] = [new LatencyHistogram(), new LatencyHistogram()];
  for (let index = 0; index < 1000; index += 1) {
    whole.recordMs(index * 1.7);
    (index % 3 === 0 ? one : other).recordMs(index * 1.7);
  }
  const sum = new LatencyHistogram();
  sum.add(one.take());
  sum.add(other.snapshot());
  assert.deepEqual(sum.snapshot(), whole.snapshot());
  assert.deepEqual([one.count, one.percentileMs(50), one.maxMs], [0, 0, 0]);
});

test('durations out of range count in the first or the last bucket', () => {
  const histogram = new LatencyHistogram();
  histogram.recordMs(-3);
  histogram.recordMs(1e12);
  assert.equal(histogram.percentileMs(50), 0);
  assert.equal(histogram.percentileMs(100), (2 ** 31 - 1) / 1000);
});
