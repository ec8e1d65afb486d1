import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podsAt } from './pod-count.ts';
import type { RealReplay } from './setup.ts';
import { coldStartOf, simulateAs } from './simulated.ts';

/** Replay of 20 s at a fifth of what two pods carry, after the scaler had watched for 3.5 s. */
const real: RealReplay = {
  trace: 'even',
  fromMs: 0,
  lengthMs: 20_000,
  seed: 1,
  peakPods: 1,
  machine: '',
  arrivalsMs: Array.from({ length: 80 }, (_, index) => 250 * index),
  initialReplicas: 2,
  leadMs: 3_500,
  firstStartsMs: [9_000, 9_500],
  startsMs: [],
  cost: { a: 81, c: 80 },
  lagP99Ms: 0,
  endings: {},
  writes: [],
  steps: [],
  missedAtMs: [],
  offered: 80,
  late: 0,
  shed: 0,
  failed: 0,
  podSeconds: 0,
  mostPods: 0,
  scaleWrites: 0,
  meanBatch: 0,
};

test('a simulation lasts from the start of the replay to the last possible answer', () => {
  const simulated = simulateAs(real);
  assert.ok(simulated.length > 20);
  for (const { offered, late, shed, failed, podSeconds, steps } of simulated) {
    assert.deepEqual({ offered, late, shed, failed }, { offered: 80, late: 0, shed: 0, failed: 0 });
    assert.ok(Math.abs(podSeconds - 2 * (79 * 0.25 + 0.9)) < 1e-9, `${podSeconds}`);
    assert.equal(podsAt(steps, -3_000), 2);
  }
});

test('start-up times are given by their median and the standard deviation of their logarithm', () => {
  assert.deepEqual(coldStartOf([9_000, 9_000, 9_000]), { coldStartMs: 9_000, coldStartSigma: 0 });
  const { coldStartMs, coldStartSigma } = coldStartOf([9_900, 9_000, 8_100]);
  assert.equal(coldStartMs, 9_000);
  assert.ok(Math.abs(coldStartSigma - 0.082) < 0.001, `${coldStartSigma}`);
});
