import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../runtime/seeded-random.ts';
import { followHpa, noHpa, podsMetricReplicas as followedReplicas } from '../../../scaler/policy/default-hpa.ts';
import { asked } from '../testing/timeline.ts';
import { hpa, hpaDefaults, podsMetricReplicas as baselineReplicas } from './hpa.ts';

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

// The baseline and the policy that is judged beside it share no code, and want the same.
for (const [whose, podsMetricReplicas] of [
  ['of the baseline', baselineReplicas],
  ['of the HPA that the scaler follows', followedReplicas],
] as const) {
  describe(`HPA: wanted replicas, ${whose}`, () => {
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
}

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

test('the HPA that the scaler holds itself against has as many pods as this one, on levels drawn at random', () => {
  const random = seededRandom(16);
  const levels = Array.from({ length: 60 }, () => Math.round(5 * 200 ** random()));
  const perSecond = Array.from({ length: 3600 }, (_, second) => levels[Math.floor(second / 60)]!);
  const podPerS = 10;
  let followed = noHpa;
  let arrivals = 0;
  const podsAt: number[] = [];
  for (let second = 0; second < 3600; second += 1) {
    const [replicas, nowMs] = [4, second * 1000];
    const pool = { replicas, started: replicas, podPerS, coldStartMs: 0, nowMs };
    const traffic = { complete: true, arrivals: second === 0 ? 0 : perSecond[second - 1]!, elapsedMs: 1000 };
    followed = followHpa(followed, traffic, pool, { minReplicas: 1, maxReplicas: 1000 });
    podsAt.push(followed.readyAtMs.length);
  }
  const totals = perSecond.map((rate) => (arrivals += rate));
  const changes = asked(hpa({ ...hpaDefaults, targetRatePerPod: 0.7 * podPerS }), 4, 3_585_000, (nowMs) => ({
    arrivals: nowMs === 0 ? 0 : totals[nowMs / 1000 - 1]!,
  }));
  let expected = 4;
  for (let second = 0; second <= 3585; second += 15) {
    expected = changes[second * 1000] ?? expected;
    assert.equal(podsAt[second], expected, `second ${second}`);
  }
  assert.ok(Object.keys(changes).length > 20, 'the levels change what is wanted');
});
