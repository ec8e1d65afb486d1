import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolCondition } from '../../contract/pool-status.ts';
import { troublesOf } from './troubles.ts';

const sinceMs = Date.UTC(2026, 0, 1);
const condition = (type: string, status: PoolCondition['status'], reason: string): PoolCondition => ({
  type,
  status,
  reason,
  message: `${type} is ${status}`,
  lastTransitionTime: new Date(sinceMs).toISOString(),
});
const troubles = (conditions: PoolCondition[], afterMs = 0) =>
  troublesOf(conditions, sinceMs + afterMs).map(({ level, condition: type, runbook }) => [level, type, runbook]);

test('what a person asked for, and what is of no consequence, is no trouble', () => {
  const quiet = [
    condition('Ready', 'True', 'PodsServe'),
    condition('AbleToScale', 'False', 'External'),
    condition('ScalingActive', 'False', 'Paused'),
    condition('ScalingActive', 'False', 'NoFit'),
    condition('ScalingLimited', 'True', 'AtMinimum'),
    condition('GatewaysReporting', 'Unknown', 'Waiting'),
    condition('Stalled', 'False', 'NotStalled'),
    condition('Reconciling', 'True', 'PodsStarting'),
  ];
  assert.deepEqual(troubles(quiet), []);
});

test('the worst comes first, each with its runbook and since when', () => {
  const some = [
    condition('ScalingLimited', 'True', 'AtMaximum'),
    condition('RequestsAnswered', 'False', 'Rejecting'),
    condition('PodsHealthy', 'False', 'PodsFailing'),
    condition('PodsHealthy', 'False', 'Replacing'),
    condition('VersionSkew', 'True', 'Differ'),
  ];
  assert.deepEqual(troubles(some), [
    ['bad', 'RequestsAnswered', 'SluiceRequestsRejected'],
    ['bad', 'PodsHealthy', 'SluicePodsFailing'],
    ['warn', 'ScalingLimited', 'SluicePoolAtMaximum'],
    ['warn', 'PodsHealthy', 'SluicePodSick'],
    ['warn', 'VersionSkew', 'SluiceVersionSkew'],
  ]);
  assert.equal(troublesOf(some, sinceMs)[0]!.sinceMs, sinceMs);
});

test('pods that start are a trouble only once they take long', () => {
  const starting = [condition('Ready', 'False', 'PodsStarting')];
  assert.deepEqual(troubles(starting, 89_000), []);
  assert.deepEqual(troubles(starting, 90_000), [['bad', 'Ready', 'SluicePoolNotReady']]);
});
