import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodPhase } from '../cluster/port.ts';
import { judgeStart } from './local-progress.ts';

function judge(wasReady: string[], ...pods: [name: string, phase: PodPhase, restarts: number, reason?: string][]) {
  const view = pods.map(([name, phase, restarts, reason = null]): Pod => ({
    uid: name,
    name,
    pool: 'p',
    phase,
    origin: null,
    restarts,
    createdAtMs: 0,
    readyAtMs: null,
    reason,
  }));
  const progress = judgeStart({ pools: [], pods: view }, new Set(wasReady));
  return progress.kind === 'starting'
    ? 'starting'
    : [progress.kind, ...progress.failing.map(({ name }) => name)].join(' ');
}

test('the system is starting until every pod is ready', () => {
  assert.equal(judge([], ['a', 'Running', 0], ['b', 'Running', 0]), 'starting');
  assert.equal(judge(['a'], ['a', 'Ready', 0], ['b', 'Running', 0]), 'starting');
  assert.equal(judge(['a', 'b'], ['a', 'Ready', 0], ['b', 'Ready', 1]), 'up');
});

test('a pod counts as failing after three starts, and the others serve without it', () => {
  assert.equal(judge(['a'], ['a', 'Ready', 0], ['b', 'Pending', 2]), 'starting');
  assert.equal(judge(['a'], ['a', 'Ready', 0], ['b', 'Running', 3]), 'starting');
  assert.equal(judge(['a'], ['a', 'Ready', 0], ['b', 'Pending', 3]), 'up b');
});

test('the start has failed only if all pods fail', () => {
  assert.equal(judge([], ['a', 'Pending', 3], ['b', 'Running', 2]), 'starting');
  assert.equal(judge([], ['a', 'Pending', 3], ['b', 'Pending', 4]), 'failed a b');
});

test('a pod that was ready once never counts as failing', () => {
  assert.equal(judge(['a'], ['a', 'Pending', 5], ['b', 'Pending', 3]), 'up b');
});

test('a pod that lacks a required model does not keep the start waiting: it serves its others', () => {
  const lacks = "health probe: 503, model 'c' is required and has not been loaded yet: version 1: no ONNX";
  assert.equal(judge([], ['a', 'Running', 0, lacks]), 'up a');
  assert.equal(judge([], ['a', 'Running', 0, lacks], ['b', 'Running', 0]), 'starting');
});
