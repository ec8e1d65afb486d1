import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grantLease, hasLapsed, maxTtlMs, mayTouch, unknownHolder, type DrainLease } from './drain-lease.ts';

/** Asks for the drain at a time. @returns the lease, or the name of the holder that stands in the way */
function asks(held: DrainLease | null, who: string, atMs: number, ttlMs = 5_000): DrainLease | string {
  const [holder = '', generation = '0'] = who.split('#');
  const lease = held !== null && hasLapsed(held, atMs) ? null : held;
  const grant = grantLease(lease, { holder, generation: Number(generation), ttlMs }, `id-${atMs}`, atMs);
  return grant.kind === 'granted' ? grant.lease : `held by ${grant.by.holder}`;
}
function granted(given: DrainLease | string): DrainLease {
  if (typeof given === 'string') assert.fail(given);
  return given;
}

test('a lease lapses at its end and not before, and its renewal is the same drain', () => {
  let lease = granted(asks(null, 'a#1', 0));
  assert.deepEqual([hasLapsed(lease, 4_999), hasLapsed(lease, 5_000)], [false, true]);
  lease = granted(asks(lease, 'a#1', 4_000));
  assert.deepEqual([lease.id, lease.untilMs], ['id-0', 9_000]);
  assert.equal(granted(asks(lease, 'a#1', 9_000)).id, 'id-9000', 'after a lapse another drain begins');
});

test('no lease is granted for longer than the cap', () => {
  assert.equal(granted(asks(null, 'a#1', 0, 3_600_000)).grantedMs, maxTtlMs);
  assert.equal(granted(asks(null, 'a#1', 0, 1)).untilMs, 1);
});

test('a new leader takes over the drain of the one before, which can no longer renew or end it', () => {
  const first = granted(asks(null, 'a#1', 0));
  const second = granted(asks(first, 'a#2', 1_000));
  assert.deepEqual([second.id, second.generation], [first.id, 2]);
  assert.equal(asks(second, 'a#1', 2_000), 'held by a');
  assert.equal(mayTouch(second, { holder: 'a', generation: 1 }), false);
  assert.equal(mayTouch(second, { holder: 'a', generation: 3 }), true);
});

test('a stranger is refused while the lease lasts, whatever generation it claims', () => {
  const lease = granted(asks(null, 'a#1', 0));
  assert.equal(asks(lease, 'stranger#9', 4_999), 'held by a');
  assert.equal(asks(lease, unknownHolder, 4_999), 'held by a');
  assert.equal(granted(asks(lease, 'stranger#9', 5_000)).holder, 'stranger');
});

test('a drain of nobody yields to whoever names itself', () => {
  const lease = granted(asks(null, unknownHolder, 0));
  const taken = granted(asks(lease, 'a#1', 1_000));
  assert.deepEqual([taken.id, taken.holder], [lease.id, 'a']);
});
