import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodPhase } from '../cluster/port.ts';
import { judgeStart } from './local-progress.ts';

function judge(wasReady: string[], ...pods: [name: string, phase: PodPhase, restarts: number][]) {
  const view = pods.map(([name, phase, restarts]): Pod => ({
    uid: name,
    name,
    pool: 'p',
    phase,
    origin: null,
    restarts,
    createdAtMs: 0,
    readyAtMs: null,
    reason: null,
  }));
  const progress = judgeStart({ pools: [], pods: view }, new Set(wasReady));
  return progress.kind === 'starting'
    ? 'starting'
    : [progress.kind, ...progress.failing.map(({ name }) => name)].join(' ');
}

test('it starts until every pod is ready', () => {
  assert.equal(judge([], ['a', 'Running', 0], ['b', 'Running', 0]), 'starting');
  assert.equal(judge(['a'], ['a', 'Ready', 0], ['b', 'Running', 0]), 'starting');
  assert.equal(judge(['a', 'b'], ['a', 'Ready', 0], ['b', 'Ready', 1]), 'up');
});

test('a pod fails after three starts; the rest serves without it', () => {
  assert.equal(judge(['a'], ['a', 'Ready', 0], ['b', 'Pending', 2]), 'starting');
  assert.equal(judge(['a'], ['a', 'Ready', 0], ['b', 'Running', 3]), 'starting');
  assert.equal(judge(['a'], ['a', 'Ready', 0], ['b', 'Pending', 3]), 'up b');
});

test('only when all fail can nothing be served', () => {
  assert.equal(judge([], ['a', 'Pending', 3], ['b', 'Running', 2]), 'starting');
  assert.equal(judge([], ['a', 'Pending', 3], ['b', 'Pending', 4]), 'failed a b');
});

test('a pod that was ready once is not failing, whatever happens to it later', () => {
  assert.equal(judge(['a'], ['a', 'Pending', 5], ['b', 'Pending', 3]), 'up b');
});
