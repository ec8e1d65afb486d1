import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asked } from '../testing/timeline.ts';
import { kpa, kpaDefaults } from './kpa.ts';

/** Configuration with a target of 10 concurrent requests: 20 · 0.5. */
const policy = kpa({ ...kpaDefaults, concurrency: 20, utilization: 0.5 });

describe('KPA on concurrency', () => {
  test('a step from 5 to 100 at once: panic at twice the pods, and the panic window of 6 s decides', () => {
    // Buckets end at whole seconds; from 60.0 s on 100 at once. Panic means at 62, 64, 66 s:
    // (4·5 + 2·100)/6 = 36.7 → 4, 4 ÷ 1 ≥ 2: panic; (2·5 + 4·100)/6 = 68.3 → 7; 100 → 10.
    // The sample at 60.0 s falls into the bucket that ends there: 9 samples of 5, one of 100, mean 14.5, which makes
    // the means (3·5 + 14.5 + 200)/6 = 38.25, (5 + 14.5 + 400)/6 = 69.9, 100. At 60 s (5·5 + 14.5)/6 = 6.6 → 1.
    const changes = asked(policy, 1, 90_000, (nowMs) => ({ inFlight: nowMs < 60_000 ? 5 : 100 }));
    assert.deepEqual(changes, { 0: 1, 62_000: 4, 64_000: 7, 66_000: 10 });
  });

  test('a burst of 10 s: panic never scales down, ends 60 s after its threshold, then pods at most halve each tick', () => {
    // During the burst (60 to 70 s) pods grow to 10 as above. Panic ÷ ready ≥ 2 last at 62 s (4 ÷ 1); at 64 s 7 ÷ 4.
    // Panic ends at the first tick after 62 + 60 s: 124 s. Stable mean of 60 s then: the last burst bucket (70 s) is in
    // (64, 124]: 6 buckets, 65 to 69 at 100, and bucket 70 with 9 samples of 100 and one of 5, mean 90.5.
    // (5·100 + 90.5 + 54·5)/60 = 14.3 → 2, but at least ⌊10 ÷ 2⌋ = 5 now, ⌊5 ÷ 2⌋ = 2 at 126 s;
    // at 130 s all of the burst has left the window: 5 → 1.
    const changes = asked(policy, 1, 200_000, (nowMs) => ({ inFlight: nowMs >= 60_000 && nowMs < 70_000 ? 100 : 5 }));
    assert.deepEqual(changes, { 0: 1, 62_000: 4, 64_000: 7, 66_000: 10, 124_000: 5, 126_000: 2, 128_000: 1 });
  });

  test('starts in panic with more than one ready pod: no scale-down in the first minute', () => {
    // Panic from the first tick, 2 s, ends at the first tick after 62 s; then pods halve at each tick.
    assert.deepEqual(
      asked(policy, 8, 80_000, () => ({ inFlight: 5 })),
      { 0: 8, 64_000: 4, 66_000: 2, 68_000: 1 },
    );
  });

  test('to zero after an idle stable window and the grace, from zero at once', () => {
    // Idle from 10 s on. The last bucket with work (10 s) leaves the window at 70 s; the grace period ends at 100 s.
    const seen = (nowMs: number) => ({ inFlight: nowMs < 10_000 || nowMs === 150_100 ? 5 : 0, minReplicas: 0 });
    assert.deepEqual(asked(policy, 1, 150_100, seen), { 0: 1, 100_000: 0, 150_100: 1 });
  });

  test('scale-down-delay: the highest wanted within it counts', () => {
    const delayed = kpa({ ...kpaDefaults, concurrency: 20, utilization: 0.5, scaleDownDelayMs: 20_000 });
    // Eight pods are last wanted at 62 s. From 64 s on half of the ready ones are: 4 until 82 s, when 4 are ready, then 2.
    assert.deepEqual(
      asked(delayed, 8, 103_000, () => ({ inFlight: 5 })),
      { 0: 8, 82_000: 4, 102_000: 2 },
    );
  });
});
