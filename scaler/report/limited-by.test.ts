import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitedBy, type LimitContext } from './limited-by.ts';

const pressed: LimitContext = {
  decision: { kind: 'hold', reason: 'steady', inputs: { needLeast: 5 } },
  pods: [],
  createFailure: null,
  maxReplicas: 8,
  objectiveMs: 200,
  p99Ms: 900,
  predictedWaitMs: 50,
  queued: 0,
  shedPerS: 2,
  serving: 3,
};
const heldFor = (reason: 'at-maximum' | 'no-gain' | 'too-dear', from = pressed): string | null =>
  limitedBy({ ...from, decision: { kind: 'hold', reason, inputs: from.decision.inputs } });

test('what holds a pool that misses requests is named: its maximum, a bottleneck elsewhere, or pods that would be too dear', () => {
  assert.equal(heldFor('at-maximum'), 'maxReplicas is 8, and it needs 5 pods');
  assert.match(heldFor('no-gain')!, /bottleneck is elsewhere/);
  assert.match(heldFor('too-dear')!, /no more are ordered than it has/);
});

test('a pool whose requests are in time is limited by nothing', () => {
  const inTime = { ...pressed, p99Ms: 20, shedPerS: 0, serving: 5 };
  assert.equal(heldFor('too-dear', inTime), null);
  assert.equal(heldFor('no-gain', inTime), null);
});
