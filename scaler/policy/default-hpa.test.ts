import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { followHpa, isDearer, noHpa, type DefaultHpa, type PoolNow } from './default-hpa.ts';

const bounds = { minReplicas: 1, maxReplicas: 100 };
const podPerS = 10;

/** Follows the HPA each second to `untilS`; the pool itself has as many pods as `poolAt` says, all started. */
function followed(
  untilS: number,
  rateAt: (second: number) => number,
  poolAt: (second: number) => number,
  within = bounds,
): DefaultHpa {
  let hpa = noHpa;
  for (let second = 0; second <= untilS; second += 1) {
    const replicas = poolAt(second);
    const pool: PoolNow = { replicas, started: replicas, podPerS, coldStartMs: 10_000, nowMs: second * 1000 };
    hpa = followHpa(hpa, { complete: true, arrivals: rateAt(second), elapsedMs: 1000 }, pool, within);
  }
  return hpa;
}

describe('default HPA beside a pool', () => {
  const step = (second: number): number => (second < 60 ? 14 : 140);

  test('its pods follow the rate at 0.7 of their capacity, and are ready a start later', () => {
    const hpa = followed(150, step, () => 2);
    assert.equal(hpa.readyAtMs.length, 20, '140 ÷ (0.7 · 10)');
    assert.ok(hpa.readyAtMs.at(-1)! > 85_000, 'ordered after 75 s');
  });

  test('a pool that ordered sooner and gives back sooner is not dearer', () => {
    const rate = (second: number): number => (second >= 60 && second < 120 ? 140 : 14);
    const hpa = followed(600, rate, (second) => (second >= 62 && second < 130 ? 14 : 2));
    assert.ok(hpa.own.missed < hpa.its.missed && hpa.own.podSeconds < hpa.its.podSeconds, JSON.stringify(hpa));
    assert.equal(isDearer(hpa), false);
  });

  test('one that came too late and stays is dearer, until it has cost clearly less for long', () => {
    const rate = (second: number): number => (second >= 60 && second < 160 ? 140 : 14);
    const pods = (second: number): number => (second >= 150 && second < 900 ? 30 : 2);
    const hpa = followed(900, rate, pods);
    assert.ok(hpa.own.missed > hpa.its.missed && hpa.own.podSeconds > hpa.its.podSeconds, JSON.stringify(hpa));
    assert.equal(isDearer(hpa), true);
    const bound = { ...bounds, minReplicas: 4 };
    assert.equal(isDearer(followed(9000, rate, pods, bound)), false, 'two pods where the HPA has four');
  });

  test('one that misses more at clearly fewer pod-seconds is not dearer: it is another choice, and not a worse one', () => {
    const hpa = followed(900, step, () => 13);
    assert.ok(hpa.own.missed > hpa.its.missed && hpa.own.podSeconds < 0.9 * hpa.its.podSeconds, JSON.stringify(hpa));
    assert.equal(isDearer(hpa), false);
  });

  test('incomplete reports count for neither; a clock that went back begins it anew, with the pods of the pool', () => {
    const hpa = followed(100, step, () => 2);
    const pool: PoolNow = { replicas: 3, started: 3, podPerS, coldStartMs: 10_000, nowMs: 101_000 };
    const traffic = { complete: true, arrivals: 999, elapsedMs: 1000 };
    assert.equal(followHpa(hpa, { ...traffic, complete: false }, pool, bounds), hpa);
    const back = followHpa(hpa, traffic, { ...pool, nowMs: 50_000 }, bounds);
    assert.deepEqual([back.readyAtMs.length, back.own, back.its], [3, noHpa.own, noHpa.its]);
  });

  test('bounds hold for it too', () => {
    const most = followed(
      600,
      () => 5_000,
      () => 2,
    );
    assert.equal(most.readyAtMs.length, bounds.maxReplicas);
    assert.equal(
      followed(
        900,
        () => 0,
        () => 2,
      ).readyAtMs.length,
      1,
      'an HPA never asks for zero',
    );
  });
});
