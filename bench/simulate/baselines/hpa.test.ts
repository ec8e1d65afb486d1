import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asked } from '../testing/timeline.ts';
import { hpa, hpaDefaults, podsMetricReplicas } from './hpa.ts';

const policy = hpa({ ...hpaDefaults, targetRatePerPod: 10 });

/** Total arrivals by time, for rates given as [from second, requests per second]. */
function total(nowMs: number, ...rates: readonly (readonly [number, number])[]): number {
  let sum = 0;
  for (const [index, [from, rate]] of rates.entries()) {
    const until = Math.min(nowMs / 1000, rates[index + 1]?.[0] ?? Infinity);
    if (until > from) sum += (until - from) * rate;
  }
  return sum;
}

describe('HPA: wanted replicas', () => {
  const steady = { target: 10, ready: 4, pending: 0, current: 4, tolerance: 0.1 };

  test('⌈ratio · ready⌉ outside the tolerance of a tenth, the current number within', () => {
    assert.equal(podsMetricReplicas({ ...steady, total: 43 }), 4, '43 ÷ 40 = 1.075 is within');
    assert.equal(podsMetricReplicas({ ...steady, total: 45 }), 5, '1.125 · 4 = 4.5');
    assert.equal(podsMetricReplicas({ ...steady, total: 36 }), 4, '0.9 is within');
    assert.equal(podsMetricReplicas({ ...steady, total: 29 }), 3, '0.725 · 4 = 2.9');
    assert.equal(podsMetricReplicas({ ...steady, total: 0 }), 0);
  });

  test('scaling up, pods that are not ready count with 0; where that reverses the direction, nothing changes', () => {
    const starting = { ...steady, pending: 4, current: 8 };
    assert.equal(podsMetricReplicas({ ...starting, total: 100 }), 10, '100 ÷ (8 · 10) = 1.25, 1.25 · 8');
    assert.equal(podsMetricReplicas({ ...starting, total: 86 }), 8, '1.075 is within');
    assert.equal(podsMetricReplicas({ ...starting, total: 60 }), 8, '60 ÷ 40 is above 1, 60 ÷ 80 below');
    assert.equal(podsMetricReplicas({ ...starting, total: 20 }), 2, 'going down they do not count: 0.5 · 4');
  });

  test('no metric or no ready pod: unknown', () => {
    assert.equal(podsMetricReplicas({ ...steady, total: null }), null);
    assert.equal(podsMetricReplicas({ ...steady, total: 100, ready: 0, pending: 4 }), null);
  });
});

describe('HPA: timelines', () => {
  test('a step from 10/s to 400/s: doubles or adds 4 each sync, whichever is more, until ⌈400 ÷ 10⌉', () => {
    // Rates at the syncs: 10/s at 15 s, which wants 1 pod; 400/s from 30 s on. Pods: 1 + 4 = 5, 2 · 5, 2 · 10, 2 · 20.
    const changes = asked(policy, 1, 120_000, (nowMs) => ({ arrivals: total(nowMs, [0, 10], [15, 400]) }));
    assert.deepEqual(changes, { 0: 1, 30_000: 5, 45_000: 10, 60_000: 20, 75_000: 40 });
  });

  test('from 40 down to 10/s: held at the most wanted of the last 300 s, then at once', () => {
    // Forty pods are last wanted by the sync at 60 s, which is 300 s old at 360 s and no longer counts.
    const changes = asked(policy, 40, 600_000, (nowMs) => ({ arrivals: total(nowMs, [0, 400], [60, 10]) }));
    assert.deepEqual(changes, { 0: 40, 360_000: 1 });
  });

  test('a dip that is shorter than the window changes nothing', () => {
    const changes = asked(policy, 40, 600_000, (nowMs) => ({ arrivals: total(nowMs, [0, 400], [60, 10], [240, 400]) }));
    assert.deepEqual(changes, { 0: 40 });
  });

  test('bounds hold; an HPA never asks for zero, and is off at zero', () => {
    const up = asked(policy, 1, 60_000, (nowMs) => ({ arrivals: total(nowMs, [0, 400]), maxReplicas: 3 }));
    assert.deepEqual(up, { 0: 1, 15_000: 3 });
    assert.deepEqual(
      asked(policy, 2, 400_000, () => ({ minReplicas: 0 })),
      { 0: 2, 300_000: 1 },
    );
    assert.deepEqual(
      asked(policy, 0, 60_000, (nowMs) => ({ arrivals: nowMs })),
      { 0: 0 },
    );
  });
});
