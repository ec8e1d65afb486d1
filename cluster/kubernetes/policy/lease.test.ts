import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  holderOf,
  isLeading,
  leaseConfig,
  nextAttemptMs,
  nextStep,
  noLease,
  observe,
  afterWrite,
  type LeaseState,
} from './lease.ts';

const held = (by: string, version: number, durationMs = 15_000) => ({
  holder: by,
  durationMs,
  transitions: 3,
  version: String(version),
});

/** Process that takes part in the election; its methods report what it would do. */
class Candidate {
  #state: LeaseState = noLease;

  reads(atMs: number, record: ReturnType<typeof held> | null): string {
    this.#state = observe(this.#state, record, 'me', atMs);
    const step = nextStep(leaseConfig, this.#state, 'me', atMs);
    return step.kind === 'write'
      ? `write ${step.version}, ${step.transitions}${step.takes ? ', takes' : ''}`
      : step.kind === 'wait'
        ? `wait, free in ${step.freeInMs}`
        : step.kind;
  }

  wrote(startedMs: number, atMs: number, version: number): void {
    this.#state = afterWrite(held('me', version), startedMs, atMs);
  }

  leads(atMs: number): boolean {
    return isLeading(leaseConfig, this.#state, atMs);
  }
}

describe('lease', () => {
  test('a missing lease is created', () => {
    const me = new Candidate();
    assert.equal(me.leads(0), false);
    assert.equal(me.reads(0, null), 'create');
  });

  test('a lease held by another process becomes free after its duration without an observed change', () => {
    const me = new Candidate();
    assert.equal(me.reads(1_000, held('other', 1)), 'wait, free in 15000');
    assert.equal(me.reads(14_000, held('other', 2)), 'wait, free in 15000');
    assert.equal(me.reads(28_999, held('other', 2)), 'wait, free in 1');
    assert.equal(me.reads(29_000, held('other', 2)), 'write 2, 4, takes');
  });

  test('a longer duration in the lease is respected, a shorter one is not', () => {
    const longer = new Candidate();
    assert.equal(longer.reads(0, held('other', 1, 60_000)), 'wait, free in 60000');
    assert.equal(longer.reads(59_999, held('other', 1, 60_000)), 'wait, free in 1');
    assert.equal(longer.reads(60_000, held('other', 1, 60_000)), 'write 1, 4, takes');
    const shorter = new Candidate();
    assert.equal(shorter.reads(0, held('other', 1, 1_000)), 'wait, free in 15000');
    assert.equal(shorter.reads(14_999, held('other', 1, 1_000)), 'wait, free in 1');
  });

  test('a waiting process tries every two seconds with jitter, and when the lease becomes free', () => {
    const waits = (freeInMs: number, chance: number): number =>
      nextAttemptMs(leaseConfig, { kind: 'wait', freeInMs }, chance);
    assert.deepEqual([waits(15_000, 0), waits(15_000, 1)], [2_000, 2_400]);
    assert.deepEqual([waits(700, 0), waits(700, 1)], [700, 900]);
    const writes = { kind: 'write', version: '1', transitions: 0, takes: false } as const;
    assert.deepEqual([nextAttemptMs(leaseConfig, writes, 1), nextAttemptMs(leaseConfig, null, 1)], [2_000, 2_000]);
  });

  test('a released lease is taken at once', () => {
    const me = new Candidate();
    assert.equal(me.reads(0, held('other', 1)), 'wait, free in 15000');
    assert.equal(me.reads(100, held('', 2, 1_000)), 'write 2, 4, takes');
  });

  test('a leader leads for ten seconds after the start of its last successful write, less than the lease duration', () => {
    const me = new Candidate();
    me.wrote(1_000, 3_500, 7);
    assert.equal(me.leads(10_999), true);
    assert.equal(me.leads(11_000), false);
    assert.ok(leaseConfig.renewLimitMs < leaseConfig.durationMs);
    assert.equal(me.reads(11_000, held('me', 7)), 'write 7, 3');
  });

  test('a leader stops as soon as it reads another holder or none', () => {
    for (const record of [held('other', 8), null]) {
      const me = new Candidate();
      me.wrote(0, 0, 7);
      assert.equal(me.leads(1), true);
      me.reads(1, record);
      assert.equal(me.leads(1), false);
    }
  });

  test('a leader keeps leading after the answer to its own write was lost', () => {
    const me = new Candidate();
    me.wrote(0, 0, 7);
    assert.equal(me.reads(2_000, held('me', 8)), 'write 8, 3');
    assert.equal(me.leads(2_000), true);
  });

  test('a lease with its own identity that it did not write gives no leadership', () => {
    const me = new Candidate();
    me.reads(0, held('me', 1));
    assert.equal(me.leads(0), false);
  });
});

test('nobody leads by a lease that is not renewed, whoever is named in it', () => {
  const own = afterWrite(held('me', 1), 0, 100);
  assert.equal(holderOf(leaseConfig, own, 'me', 9_999), 'me');
  assert.equal(holderOf(leaseConfig, own, 'me', 10_000), null);
  const others = observe(noLease, held('you', 1), 'me', 1_000);
  assert.equal(holderOf(leaseConfig, others, 'me', 15_999), 'you');
  assert.equal(holderOf(leaseConfig, others, 'me', 16_000), null);
  assert.equal(holderOf(leaseConfig, observe(others, held('you', 2), 'me', 15_000), 'me', 29_999), 'you', 'renewed');
  assert.equal(holderOf(leaseConfig, observe(others, held('', 2), 'me', 15_000), 'me', 15_000), null, 'given back');
});
