import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Need } from './desired.ts';
import {
  idlenessOf,
  markAllNeeded,
  stabilize,
  initialStabilizer,
  recordWrite,
  type Proposal,
  type StabilizerState,
  type StabilizerTerms,
} from './stabilize.ts';

const coldStartMs = 10_000;
const terms = (startMs: number, nowMs: number, dear = false): StabilizerTerms => ({
  coldStartMs: startMs,
  dear,
  nowMs,
});
const need = (pods: number, backlogged = false): Need => ({
  least: pods,
  most: pods,
  backlogged,
  missed: false,
  backlogThen: 0,
  clearedWithinMs: 1_000,
});

/** Stabilizes the same need each second, from `fromS` to `toS`, and makes every write that is proposed. */
function run(from: StabilizerState, replicas: number, until: readonly [fromS: number, toS: number], needed: Need) {
  let state = from;
  let proposal: Proposal = { kind: 'hold', reason: 'steady' };
  for (let second = until[0]; second <= until[1]; second += 1) {
    [state, proposal] = stabilize(state, needed, replicas, terms(coldStartMs, second * 1000));
    if (proposal.kind === 'scale') {
      state = recordWrite(state, second * 1000);
      replicas = proposal.replicas;
    }
  }
  return { state, replicas, proposal };
}

test('up: at once with a backlog, otherwise in steps of 10% that are 5 s apart, or of half the pool at any time', () => {
  const just = { ...initialStabilizer, lastWriteAtMs: 0 };
  assert.deepEqual(stabilize(just, need(41, true), 40, terms(coldStartMs, 100))[1], {
    kind: 'scale',
    replicas: 41,
    reason: 'backlog',
  });
  assert.deepEqual(stabilize(just, need(43), 40, terms(coldStartMs, 9_000))[1], { kind: 'hold', reason: 'small-step' });
  assert.deepEqual(stabilize(just, need(44), 40, terms(coldStartMs, 4_999))[1], { kind: 'hold', reason: 'too-soon' });
  const up = { kind: 'scale', replicas: 44, reason: 'demand' };
  assert.deepEqual(stabilize(just, need(44), 40, terms(coldStartMs, 5_000))[1], up);
  // Pods that start within three seconds would be late by as much again.
  assert.deepEqual(stabilize(just, need(44), 40, terms(3_000, 1_499))[1].kind, 'hold');
  assert.deepEqual(stabilize(just, need(44), 40, terms(3_000, 1_500))[1], up);
  assert.equal(stabilize(just, need(59), 40, terms(coldStartMs, 1_000))[1].kind, 'hold');
  assert.deepEqual(stabilize(just, need(60), 40, terms(coldStartMs, 1_000))[1], { ...up, replicas: 60 });
});

test('down: each pod 100 s after it was last needed, together in one write', () => {
  const ten = run(initialStabilizer, 10, [0, 20], need(10));
  const six = run(ten.state, 10, [21, 50], need(6));
  const three = run(six.state, 10, [51, 120], need(3));
  assert.equal(run(six.state, 10, [51, 119], need(3)).replicas, 10);
  assert.equal(three.replicas, 6, 'the four that were idle the longest');
  assert.equal(run(three.state, 6, [121, 179], need(3)).replicas, 6, 'a minute after the last write');
  assert.equal(run(three.state, 6, [121, 180], need(3)).replicas, 3);
});

test('one pod more is worth a write below eight pods; from eight on it takes two, or a queue that waits', () => {
  const from = (replicas: number, least: number, backlogged = false): number => {
    const [, proposal] = stabilize(initialStabilizer, need(least, backlogged), replicas, terms(coldStartMs, 10_000));
    return proposal.kind === 'scale' ? proposal.replicas : replicas;
  };
  assert.deepEqual([from(1, 2), from(7, 8), from(8, 9), from(8, 10), from(8, 9, true)], [2, 8, 8, 10, 9]);
});

test('down in steps of 20%; a pool that has not changed for 15 minutes, in steps of 10%', () => {
  const ten = run(initialStabilizer, 10, [0, 20], need(10));
  const nine = run({ ...ten.state, lastWriteAtMs: 20_000 }, 10, [21, 919], need(9));
  assert.deepEqual([nine.replicas, nine.proposal], [10, { kind: 'hold', reason: 'small-step' }]);
  assert.equal(run(nine.state, 10, [920, 921], need(9)).replicas, 9);
  assert.equal(run({ ...ten.state, lastWriteAtMs: 20_000 }, 10, [21, 200], need(8)).replicas, 8);
});

test('a pod is kept for ten fast starts, for 100 s where they are slower, and for a start where that is longer', () => {
  const keptS = (startMs: number): number => {
    let second = 0;
    const idle = { ...initialStabilizer, lastNeededAtMs: [0, 0] };
    while (stabilize(idle, need(1), 2, terms(startMs, second * 1000))[1].kind === 'hold') second += 1;
    return second;
  };
  assert.deepEqual([1_000, 3_000, 10_000, 30_000, 120_000].map(keptS), [10, 30, 100, 100, 120]);
});

test('a need that returns within the time keeps its pods', () => {
  let pool = run(initialStabilizer, 10, [0, 20], need(10));
  for (let second = 21; second < 2_000; second += 90) {
    const quiet = run(pool.state, pool.replicas, [second, second + 88], need(2));
    pool = run(quiet.state, quiet.replicas, [second + 89, second + 89], need(10));
    assert.equal(pool.replicas, 10);
  }
});

/** Bursts that need 10 pods for 14 s, so many seconds after the one before. @returns the replicas that each found */
function foundBy(bursts: number, afterS: number): number[] {
  let pool = run(initialStabilizer, 10, [0, 20], need(10));
  return Array.from({ length: bursts }, (_, burst) => {
    const second = 21 + burst * (afterS + 14);
    const quiet = run(pool.state, pool.replicas, [second, second + afterS - 1], need(2));
    pool = run(quiet.state, quiet.replicas, [second + afterS, second + afterS + 13], need(10, true));
    return quiet.replicas;
  });
}

test('bursts that come again after minutes find their pods, once it is known that they do', () => {
  assert.deepEqual(foundBy(5, 200), [2, 10, 10, 10, 10]);
});

test('bursts that come again after longer than it pays to wait find none', () => {
  assert.deepEqual(foundBy(5, 700), [2, 2, 2, 2, 2]);
});

test('after a doubted observation, idle times start anew', () => {
  const idle = run(initialStabilizer, 10, [0, 99], need(2));
  const anew = run(markAllNeeded(idle.state, 10, 99_000), 10, [100, 198], need(2));
  assert.equal(anew.replicas, 10);
});

test('between the least and the most that may be needed, nothing is written', () => {
  const range: Need = { least: 4, most: 12, backlogged: false, missed: false, backlogThen: 0, clearedWithinMs: 1_000 };
  assert.equal(run(initialStabilizer, 8, [0, 1000], range).replicas, 8);
});

/** Timeline of a pool of five whose need is 20 from second 100 on, for some seconds. @returns the writes, by second */
function rush(seconds: number, startMs: number, untilS = 1_000): Record<number, readonly [to: number, reason: string]> {
  let state = initialStabilizer;
  let replicas = 5;
  const writes: Record<number, readonly [number, string]> = {};
  for (let second = 0; second < untilS; second += 1) {
    const needed = need(second >= 100 && second < 100 + seconds ? 20 : 5);
    const [next, proposal] = stabilize(state, needed, replicas, terms(startMs, second * 1000));
    state = next;
    if (proposal.kind === 'hold') continue;
    writes[second] = [proposal.replicas, proposal.reason];
    state = recordWrite(state, second * 1000);
    replicas = proposal.replicas;
  }
  return writes;
}

test('a rush that is over before its pods are ready is named as the reason why they go', () => {
  assert.deepEqual(rush(8, 10_000), { 100: [20, 'demand'], 207: [5, 'rush-over'] });
  assert.deepEqual(rush(25, 30_000), { 100: [20, 'demand'], 224: [5, 'rush-over'] });
  assert.deepEqual(rush(12, 10_000), { 100: [20, 'demand'], 211: [5, 'idle'] });
  assert.deepEqual(rush(40, 30_000), { 100: [20, 'demand'], 239: [5, 'idle'] });
});

test('a step that stays keeps its pods', () => {
  assert.deepEqual(rush(10_000, 10_000), { 100: [20, 'demand'] });
});

test('pods that were there at the start of the policy, or before doubted data, never count as unused', () => {
  const fresh = run(initialStabilizer, 20, [0, 2], need(20));
  assert.deepEqual(run(fresh.state, 20, [3, 102], need(5)).proposal, { kind: 'scale', replicas: 5, reason: 'idle' });
  const ordered = run(run(initialStabilizer, 5, [0, 9], need(5)).state, 5, [10, 12], need(20));
  const anew = run(markAllNeeded(ordered.state, 20, 13_000), 20, [14, 113], need(5));
  assert.deepEqual(anew.proposal, { kind: 'scale', replicas: 5, reason: 'idle' });
});

test('down: where pods are too dear they stay for one start only, and the page says so', () => {
  const { state } = run(initialStabilizer, 10, [0, 100], need(10));
  const [idle] = stabilize(state, need(4), 10, terms(coldStartMs, 101_000));
  const at = (second: number, dear: boolean): Proposal =>
    stabilize(idle, need(4), 10, terms(coldStartMs, second * 1000, dear))[1];
  assert.equal(at(109, true).kind, 'hold');
  assert.deepEqual(at(111, true), { kind: 'scale', replicas: 4, reason: 'idle' });
  assert.deepEqual(at(111, false), { kind: 'hold', reason: 'not-idle-yet' });
  const until = (dear: boolean): number => idlenessOf(idle, terms(coldStartMs, 105_000, dear))!.untilMs!;
  assert.equal(until(true), 110_000);
  assert.ok(until(false) > 150_000, `${until(false)}`);
});
