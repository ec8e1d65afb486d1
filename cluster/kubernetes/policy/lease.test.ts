import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isLeading, leaseConfig, nextLookMs, nextStep, noLease, observe, written, type LeaseState } from './lease.ts';

const held = (by: string, version: number, durationMs = 15_000) => ({
  holder: by,
  durationMs,
  transitions: 3,
  version: String(version),
});

/** A process that looks every so often, seen by what it would do. */
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
    this.#state = written(held('me', version), startedMs, atMs);
  }

  leads(atMs: number): boolean {
    return isLeading(leaseConfig, this.#state, atMs);
  }
}

describe('lease', () => {
  test('without a lease it makes one', () => {
    const me = new Candidate();
    assert.equal(me.leads(0), false);
    assert.equal(me.reads(0, null), 'create');
  });

  test('another holds it: only a change seen here counts, for the duration from when it was seen', () => {
    const me = new Candidate();
    assert.equal(me.reads(1_000, held('other', 1)), 'wait, free in 15000');
    assert.equal(me.reads(14_000, held('other', 2)), 'wait, free in 15000');
    assert.equal(me.reads(28_999, held('other', 2)), 'wait, free in 1');
    assert.equal(me.reads(29_000, held('other', 2)), 'write 2, 4, takes');
  });

  test('a holder that asks for longer gets longer, one that asks for less does not get less', () => {
    const longer = new Candidate();
    assert.equal(longer.reads(0, held('other', 1, 60_000)), 'wait, free in 60000');
    assert.equal(longer.reads(59_999, held('other', 1, 60_000)), 'wait, free in 1');
    assert.equal(longer.reads(60_000, held('other', 1, 60_000)), 'write 1, 4, takes');
    const shorter = new Candidate();
    assert.equal(shorter.reads(0, held('other', 1, 1_000)), 'wait, free in 15000');
    assert.equal(shorter.reads(14_999, held('other', 1, 1_000)), 'wait, free in 1');
  });

  test('who waits looks every two seconds and a little, and then in the moment in which the lease is free', () => {
    const waits = (freeInMs: number, chance: number): number =>
      nextLookMs(leaseConfig, { kind: 'wait', freeInMs }, chance);
    assert.deepEqual([waits(15_000, 0), waits(15_000, 1)], [2_000, 2_400]);
    assert.deepEqual([waits(700, 0), waits(700, 1)], [700, 900]);
    const writes = { kind: 'write', version: '1', transitions: 0, takes: false } as const;
    assert.deepEqual([nextLookMs(leaseConfig, writes, 1), nextLookMs(leaseConfig, null, 1)], [2_000, 2_000]);
  });

  test('one that was given back is taken at once', () => {
    const me = new Candidate();
    assert.equal(me.reads(0, held('other', 1)), 'wait, free in 15000');
    assert.equal(me.reads(100, held('', 2, 1_000)), 'write 2, 4, takes');
  });

  test('it leads for ten seconds from the beginning of its last good write, never until others may take it', () => {
    const me = new Candidate();
    me.wrote(1_000, 3_500, 7);
    assert.equal(me.leads(10_999), true);
    assert.equal(me.leads(11_000), false);
    assert.ok(leaseConfig.renewLimitMs < leaseConfig.durationMs);
    assert.equal(me.reads(11_000, held('me', 7)), 'write 7, 3');
  });

  test('it stops in the moment in which it reads another holder, or none', () => {
    for (const record of [held('other', 8), null]) {
      const me = new Candidate();
      me.wrote(0, 0, 7);
      assert.equal(me.leads(1), true);
      me.reads(1, record);
      assert.equal(me.leads(1), false);
    }
  });

  test('a write of its own whose answer was lost costs it nothing', () => {
    const me = new Candidate();
    me.wrote(0, 0, 7);
    assert.equal(me.reads(2_000, held('me', 8)), 'write 8, 3');
    assert.equal(me.leads(2_000), true);
  });

  test('a lease in its name that it did not write is no leadership', () => {
    const me = new Candidate();
    me.reads(0, held('me', 1));
    assert.equal(me.leads(0), false);
  });
});
