import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Need } from './desired.ts';
import { allNeeded, stabilize, untouched, type Proposal, type Stability } from './stabilize.ts';

const idleMs = 10_000;
const need = (pods: number, backlogged = false): Need => ({ least: pods, most: pods, backlogged, backlogThen: 0 });

/** Runs `need` each second, writing what is proposed. */
function run(from: Stability, replicas: number, until: readonly [fromS: number, toS: number], needed: Need) {
  let stability = from;
  let proposal: Proposal = { kind: 'hold', reason: 'steady' };
  for (let second = until[0]; second <= until[1]; second += 1) {
    [stability, proposal] = stabilize(stability, needed, replicas, idleMs, second * 1000);
    if (proposal.kind === 'scale') {
      replicas = proposal.replicas;
      stability = { ...stability, lastWriteMs: second * 1000 };
    }
  }
  return { stability, replicas, proposal };
}

test('up: at once under a backlog, else in steps of 5% that are 5 s apart', () => {
  const just = { ...untouched, lastWriteMs: 0 };
  assert.deepEqual(stabilize(just, need(41, true), 40, idleMs, 100)[1], {
    kind: 'scale',
    replicas: 41,
    reason: 'backlog',
  });
  assert.deepEqual(stabilize(just, need(41), 40, idleMs, 9_000)[1], { kind: 'hold', reason: 'small-step' });
  assert.deepEqual(stabilize(just, need(42), 40, idleMs, 4_999)[1], { kind: 'hold', reason: 'too-soon' });
  assert.deepEqual(stabilize(just, need(42), 40, idleMs, 5_000)[1], { kind: 'scale', replicas: 42, reason: 'demand' });
});

test('down: each pod after its own idle time, together in one write', () => {
  const ten = run(untouched, 10, [0, 20], need(10));
  const six = run(ten.stability, 10, [21, 25], need(6));
  assert.equal(six.replicas, 10);
  const three = run(six.stability, 10, [26, 31], need(3));
  assert.equal(three.replicas, 6, 'the four that were idle first');
  assert.equal(run(three.stability, 6, [32, 60], need(3)).replicas, 3);
});

test('a need that returns within the idle time keeps its pods', () => {
  let state = run(untouched, 10, [0, 20], need(10));
  for (let second = 21; second < 200; second += 9) {
    state = run(
      run(state.stability, state.replicas, [second, second + 7], need(2)).stability,
      state.replicas,
      [second + 8, second + 8],
      need(10),
    );
  }
  assert.equal(state.replicas, 10);
});

test('after what is not known, idling counts anew', () => {
  const idle = run(untouched, 10, [0, 9], need(2));
  const anew = run(allNeeded(idle.stability, 10, 9_000), 10, [10, 18], need(2));
  assert.equal(anew.replicas, 10);
});

test('between the least and the most that may be needed nothing is done', () => {
  const range: Need = { least: 4, most: 12, backlogged: false, backlogThen: 0 };
  assert.equal(run(untouched, 8, [0, 100], range).replicas, 8);
});
