import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asked } from '../testing/timeline.ts';
import { keda, kedaDefaults } from './keda.ts';

const policy = keda(kedaDefaults);

describe('KEDA on pending requests', () => {
  test('⌈pending ÷ 100⌉ at each sync of 15 s, up by 4 or double', () => {
    // Wanted: 950 ÷ 100 = 9.5 → 10. From 1 pod: 5 at the first sync with the load (15 s), 10 at the next.
    const changes = asked(policy, 1, 60_000, (nowMs) => ({ queued: nowMs >= 1000 ? 900 : 50, inFlight: 50 }));
    assert.deepEqual(changes, { 0: 1, 15_000: 5, 30_000: 10 });
  });

  test('within a tenth of target · replicas nothing changes; pods that start are replicas', () => {
    const seen = { queued: 430, inFlight: 0, pods: { ready: 3, starting: 1, draining: 0 } };
    assert.deepEqual(
      asked(policy, 4, 60_000, () => seen),
      { 0: 4 },
      '430 ÷ 400 = 1.075',
    );
    assert.deepEqual(
      asked(policy, 4, 0, () => ({ ...seen, queued: 450 })),
      { 0: 5 },
      '⌈4.5⌉',
    );
  });

  test('0 → 1 at the next report of activity, 1 → 0 after the cooldown, whatever the HPA still stabilizes', () => {
    const seen = (nowMs: number) => ({ queued: nowMs >= 1100 && nowMs < 2000 ? 1 : 0, minReplicas: 0 });
    // Activity ends at 1800.
    assert.deepEqual(asked(policy, 0, 400_000, seen), { 0: 0, 1200: 1, 301_800: 0 });
  });
});
