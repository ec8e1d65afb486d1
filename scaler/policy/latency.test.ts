import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { durationsBetween, quantileMs, sumDurations } from './latency.ts';

const of = (...counts: number[]) => ({ boundsMs: [10, 100], counts });

test('durations are counted between readings, summed over gateways, and linear within a bucket', () => {
  assert.deepEqual(durationsBetween(of(1, 1, 0), of(3, 1, 2)), of(2, 0, 2));
  assert.deepEqual(sumDurations([of(1, 0, 0), of(1, 2, 0)]), of(2, 2, 0));
  assert.equal(quantileMs(of(10, 0, 0), 0.5), 5);
  assert.equal(quantileMs(of(0, 10, 0), 0.5), 55);
  assert.equal(quantileMs(of(0, 0, 1), 0.99), 100, 'the open bucket gives its lower bound');
});

test('no counts, other buckets and a count that went back give null', () => {
  assert.equal(quantileMs(of(0, 0, 0), 0.5), null);
  assert.equal(sumDurations([]), null);
  assert.equal(durationsBetween(of(3, 0, 0), of(2, 0, 0)), null);
  assert.equal(durationsBetween(of(1, 0, 0), { boundsMs: [10, 200], counts: [1, 1, 1] }), null);
  assert.equal(durationsBetween(of(1, 0, 0), { boundsMs: [10], counts: [1, 1] }), null);
});

test('a quantile lies within the bounds and grows with its share', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { minLength: 3, maxLength: 3 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (counts, share) => {
        const [at, above] = [quantileMs(of(...counts), share), quantileMs(of(...counts), 1)];
        if (at !== null) assert.ok(at >= 0 && at <= 100 && at <= above! + 1e-9, `${at} of ${above}`);
      },
    ),
  );
});
