import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asked } from '../testing/timeline.ts';
import { ray, rayDefaults, rayReplicas } from './ray.ts';

const policy = ray({ ...rayDefaults, targetOngoing: 10 });
const bounds = { minReplicas: 1, maxReplicas: 1000 };

describe('Ray Serve on ongoing requests', () => {
  test('⌈running · (1 + factor · (ratio − 1))⌉, with a factor for each direction', () => {
    assert.equal(rayReplicas(rayDefaults, 9, 3, bounds), 5, '3 · 9/6 = 4.5');
    assert.equal(rayReplicas({ ...rayDefaults, upscalingFactor: 0.5 }, 9, 3, bounds), 4, '3 · (1 + 0.25) = 3.75');
    assert.equal(
      rayReplicas({ ...rayDefaults, downscalingFactor: 0.1 }, 9.9, 5, bounds),
      4,
      '4.995 → 5, which is 5: one less',
    );
    assert.equal(rayReplicas(rayDefaults, 0, 5, bounds), 1);
  });

  test('up after 30 s of wanting more, with a mean that is pushed every 10 s', () => {
    // Load: 40 ongoing from 60.5 s on. The push at 70 s has 61 samples (40.0 … 70.0): 20 of 40, 41 of 5: 16.5 → 2 > 1.
    // The first loop and 300 more must want more: 70 + 30 = 100 s. The push at 100 s has samples of 40 only → 4.
    const changes = asked(policy, 1, 120_000, (nowMs) => ({ inFlight: nowMs < 60_500 ? 5 : 40 }));
    assert.deepEqual(changes, { 0: 1, 100_000: 4 });
  });

  test('down after 600 s; one push that wants the current number starts the count again', () => {
    // Without load, 1 is wanted from the first push at 0 s on; 6,000 more loops take 600 s.
    assert.deepEqual(
      asked(policy, 4, 700_000, () => ({ inFlight: 0 })),
      { 0: 4, 600_000: 1 },
    );
    // Load: 40 ongoing from 270 to 300 s. The push at 300 s has 60 samples of 40 and one of 0: 39.3 → 4.
    // The push at 310 s has 40 of 40 (280 … 299.5) and 21 of 0: 26 → 3. Fewer are wanted from 310 s on, until 910 s.
    const busy = (nowMs: number) => ({ inFlight: nowMs >= 270_000 && nowMs < 300_000 ? 40 : 0 });
    assert.deepEqual(asked(policy, 4, 1_000_000, busy), { 0: 4, 910_000: 1 });
  });

  test('from zero without delay', () => {
    assert.deepEqual(
      asked(policy, 0, 1000, (nowMs) => ({ queued: nowMs === 500 ? 1 : 0 })),
      { 0: 0, 500: 1 },
    );
  });
});
