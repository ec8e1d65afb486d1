import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodDrain } from '../../contract/pod-status.ts';
import {
  askAgainMs,
  followLease,
  isHeld,
  isRenewalDue,
  ownerOf,
  renewAfterMs,
  unleased,
  writeMarginMs,
  type KnownLease,
} from './drain-lease.ts';

const owner = { holder: 'default/scaler', generation: 3 };
const held = (given: Partial<PodDrain> = {}): PodDrain => ({ ...owner, id: 'one', remainingMs: 15_000, ...given });
const seen = (drain: PodDrain | null, state: 'draining' | 'ready' | 'loading' = 'draining') => ({ state, drain });

test('a lease counts from before the call, and answers that overtake each other do not shorten it', () => {
  const first = followLease(null, seen(held()), owner, 1_000) as KnownLease;
  assert.deepEqual(first, { id: 'one', untilMs: 16_000 });
  const renewed = followLease(first, seen(held()), owner, 5_000) as KnownLease;
  assert.deepEqual(renewed, { id: 'one', untilMs: 20_000 });
  assert.deepEqual(followLease(renewed, seen(held({ remainingMs: 11_500 })), owner, 4_500), renewed);
});

test('a pod that is ready, that drains for another, or that began anew may have taken requests', () => {
  const known = { id: 'one', untilMs: 16_000 };
  for (const answer of [
    seen(null, 'ready'),
    seen(null, 'loading'),
    seen(held({ holder: 'stranger' })),
    seen(held({ id: 'two' })),
  ]) {
    assert.equal(followLease(known, answer, owner, 5_000), 'lapsed', JSON.stringify(answer));
  }
});

test('a drain without a term never lapses: of a pod that ends, or one from before leases', () => {
  assert.deepEqual(followLease({ id: 'one', untilMs: 1 }, seen(null), owner, 5_000), { id: 'one', untilMs: Infinity });
  assert.deepEqual(followLease(unleased, seen(null), owner, 5_000), unleased);
  assert.deepEqual(followLease(unleased, seen(null, 'loading'), owner, 5_000), unleased);
  assert.equal(followLease(unleased, seen(null, 'ready'), owner, 5_000), 'lapsed');
});

test('a victim may go only while its lease has the margin of a write', () => {
  const lease = { id: 'one', untilMs: 15_000 };
  assert.equal(isHeld(null, 0), false);
  assert.equal(isHeld(lease, 15_000 - writeMarginMs), true);
  assert.equal(isHeld(lease, 15_001 - writeMarginMs), false);
  assert.deepEqual([isRenewalDue(0, renewAfterMs - 1), isRenewalDue(0, renewAfterMs)], [false, true]);
});

test('suspected pods are asked each second, others so seldom that all pools together cost 20 questions a second', () => {
  assert.deepEqual([askAgainMs('leaving', 1_000), askAgainMs('unready', 1_000)], [900, 3_000]);
  assert.deepEqual([askAgainMs(null, 2), askAgainMs(null, 60), askAgainMs(null, 1_000)], [3_000, 3_000, 50_000]);
});

test('a drain that nobody here wants is stale if a leader of this installation made it, else foreign', () => {
  assert.equal(ownerOf(held({ generation: 2 }), owner), 'stale');
  assert.equal(ownerOf(held(), owner), 'stale');
  assert.equal(ownerOf(held({ generation: 4 }), owner), 'later-leader');
  assert.equal(ownerOf(held({ holder: 'unknown', generation: 4 }), owner), 'foreign');
});
