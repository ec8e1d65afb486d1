import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Need } from './desired.ts';
import { allNeeded, stabilize, untouched, wrote, type Proposal, type Stability } from './stabilize.ts';

const coldStartMs = 10_000;
const need = (pods: number, backlogged = false): Need => ({ least: pods, most: pods, backlogged, backlogThen: 0 });

/** Runs `need` each second, writing what is proposed. */
function run(from: Stability, replicas: number, until: readonly [fromS: number, toS: number], needed: Need) {
  let stability = from;
  let proposal: Proposal = { kind: 'hold', reason: 'steady' };
  for (let second = until[0]; second <= until[1]; second += 1) {
    [stability, proposal] = stabilize(stability, needed, replicas, coldStartMs, second * 1000);
    if (proposal.kind === 'scale') {
      stability = wrote(stability, replicas, proposal.replicas, second * 1000);
      replicas = proposal.replicas;
    }
  }
  return { stability, replicas, proposal };
}

test('up: at once under a backlog, else in steps of 10% that are 5 s apart, or of half the pool at any time', () => {
  const just = { ...untouched, lastWriteMs: 0 };
  assert.deepEqual(stabilize(just, need(41, true), 40, coldStartMs, 100)[1], {
    kind: 'scale',
    replicas: 41,
    reason: 'backlog',
  });
  assert.deepEqual(stabilize(just, need(43), 40, coldStartMs, 9_000)[1], { kind: 'hold', reason: 'small-step' });
  assert.deepEqual(stabilize(just, need(44), 40, coldStartMs, 4_999)[1], { kind: 'hold', reason: 'too-soon' });
  const up = { kind: 'scale', replicas: 44, reason: 'demand' };
  assert.deepEqual(stabilize(just, need(44), 40, coldStartMs, 5_000)[1], up);
  assert.equal(stabilize(just, need(59), 40, coldStartMs, 1_000)[1].kind, 'hold');
  assert.deepEqual(stabilize(just, need(60), 40, coldStartMs, 1_000)[1], { ...up, replicas: 60 });
});

test('down: each pod three minutes after it was needed, together in one write', () => {
  const ten = run(untouched, 10, [0, 20], need(10));
  const six = run(ten.stability, 10, [21, 50], need(6));
  const three = run(six.stability, 10, [51, 200], need(3));
  assert.equal(run(six.stability, 10, [51, 199], need(3)).replicas, 10);
  assert.equal(three.replicas, 6, 'the four that were idle first');
  assert.equal(run(three.stability, 6, [201, 259], need(3)).replicas, 6, 'a minute after the last write');
  assert.equal(run(three.stability, 6, [201, 260], need(3)).replicas, 3);
});

test('one pod more is worth a write below eight pods; from eight on it takes two, or a queue that waits', () => {
  const from = (replicas: number, least: number, backlogged = false): number => {
    const [, proposal] = stabilize(untouched, need(least, backlogged), replicas, coldStartMs, 10_000);
    return proposal.kind === 'scale' ? proposal.replicas : replicas;
  };
  assert.deepEqual([from(1, 2), from(7, 8), from(8, 9), from(8, 10), from(8, 9, true)], [2, 8, 8, 10, 9]);
});

test('down in steps of 20%; a pool that has not changed for 15 minutes, in steps of 10%', () => {
  const ten = run(untouched, 10, [0, 20], need(10));
  const nine = run({ ...ten.stability, lastWriteMs: 20_000 }, 10, [21, 919], need(9));
  assert.deepEqual([nine.replicas, nine.proposal], [10, { kind: 'hold', reason: 'small-step' }]);
  assert.equal(run(nine.stability, 10, [920, 921], need(9)).replicas, 9);
  assert.equal(run({ ...ten.stability, lastWriteMs: 20_000 }, 10, [21, 200], need(8)).replicas, 8);
});

test('slow starts: a pod is kept for ten of them, and six minutes at most unless one takes longer', () => {
  const keptS = (startMs: number): number => {
    let second = 0;
    const idle = { ...untouched, neededAtMs: [0, 0] };
    while (stabilize(idle, need(1), 2, startMs, second * 1000)[1].kind === 'hold') second += 1;
    return second;
  };
  assert.deepEqual([10_000, 30_000, 120_000, 1_200_000].map(keptS), [180, 300, 360, 1_200]);
});

test('a need that returns within that time keeps its pods', () => {
  let state = run(untouched, 10, [0, 20], need(10));
  for (let second = 21; second < 2_000; second += 170) {
    const quiet = run(state.stability, state.replicas, [second, second + 168], need(2));
    state = run(quiet.stability, quiet.replicas, [second + 169, second + 169], need(10));
    assert.equal(state.replicas, 10);
  }
});

test('bursts that come back after longer: each time the pool has to double, pods are kept twice as long, until it need not', () => {
  let state = run(untouched, 10, [0, 20], need(10));
  const kept: number[] = [];
  for (let burst = 0; burst < 5; burst += 1) {
    const second = 21 + burst * 600;
    const quiet = run(state.stability, state.replicas, [second, second + 598], need(2));
    kept.push(quiet.replicas);
    state = run(quiet.stability, quiet.replicas, [second + 599, second + 599], need(10, true));
  }
  assert.deepEqual(kept, [2, 2, 10, 10, 10]);
  const later = run(state.stability, state.replicas, [3_100, 9_000], need(2));
  assert.equal(later.stability.keptMs, 180_000, 'and after an hour without it, as before');
});

test('it is missed as well where it comes back in several steps, none of which doubles the pool', () => {
  let { stability } = run(run(untouched, 10, [0, 20], need(10)).stability, 10, [21, 260], need(4));
  for (const [second, from, to] of [
    [300, 4, 7],
    [306, 7, 8],
  ] as const)
    stability = wrote(stability, from, to, second * 1000);
  assert.equal(stability.keptMs, 360_000);
  assert.equal(wrote(stability, 8, 16, 400_000).keptMs, 360_000, 'once for each shrink');
});

test('after what is not known, idling counts anew', () => {
  const idle = run(untouched, 10, [0, 179], need(2));
  const anew = run(allNeeded(idle.stability, 10, 179_000), 10, [180, 358], need(2));
  assert.equal(anew.replicas, 10);
});

test('between the least and the most that may be needed nothing is done', () => {
  const range: Need = { least: 4, most: 12, backlogged: false, backlogThen: 0 };
  assert.equal(run(untouched, 8, [0, 1000], range).replicas, 8);
});
