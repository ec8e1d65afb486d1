import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import { PoolCondition } from '../../contract/pool-status.ts';
import { conditionsDiffer, conditionsOf, type ConditionInputs } from './conditions.ts';

const inputs: ConditionInputs = {
  problem: null,
  rollout: 'none',
  writeFailure: null,
  viewStale: false,
  mode: 'Active',
  reason: 'steady',
  why: 'it has the pods that it needs',
  replicas: 3,
  minReplicas: 1,
  gateways: 2,
  silent: [],
  silentForMs: 0,
  serving: 3,
  trouble: null,
  external: false,
  unserved: null,
  starting: 0,
  draining: 0,
  failing: { count: 0, text: '' },
  needsPerson: false,
  outOfRotation: { count: 0, text: '' },
  createFailure: null,
  unanswered: null,
  sick: 0,
  skewed: null,
  versionsOut: null,
  sickText: '',
  panic: null,
};
const one = { count: 1, text: 'm-1: bad' };
const at = (second: number) => ({ iso: new Date(1000 * second).toISOString(), generation: 4 });
const summaries = (more: Partial<ConditionInputs>): string[] =>
  conditionsOf({ ...inputs, ...more }, [], at(0)).map(({ type, status, reason }) => `${type} ${status} ${reason}`);

test('a rollout whose new pods lack a model names it, though they serve their others; a pod that does not serve goes first', () => {
  const messages = (more: Partial<ConditionInputs>): string[] =>
    conditionsOf({ ...inputs, replicas: 2, rollout: 'stuck', ...more }, [], at(0))
      .filter(({ type }) => type === 'Ready' || type === 'Stalled')
      .map(({ message }) => message);
  const versionsOut = 'b 2 is failed: no model';
  assert.deepEqual(messages({}), ['3 of 3 pods serve', 'the rollout is past its deadline']);
  assert.deepEqual(messages({ versionsOut }), [`3 of 3 pods serve; ${versionsOut}`, versionsOut]);
  assert.deepEqual(messages({ versionsOut, rollout: 'none' })[0], '3 of 3 pods serve');
  assert.deepEqual(messages({ versionsOut, trouble: 'm-1: OOMKilled', serving: 1 }), [
    '1 of 2 pods serve; m-1: OOMKilled',
    'm-1: OOMKilled',
  ]);
});

test('every input sets its conditions and no other, with status and reason, within the schema', () => {
  const normal = [
    'Ready True PodsServe',
    'ModelsServed True AllServed',
    'AbleToScale True ReadyForNewScale',
    'ScalingActive True ValidReports',
    'ScalingLimited False WithinLimits',
    'GatewaysReporting True AllReporting',
    'PodsHealthy True NoneSick',
    'RequestsAnswered True Answered',
    'VersionSkew False VersionsAgree',
    'Reconciling False Settled',
    'Stalled False NotStalled',
  ];
  assert.deepEqual(summaries({}), normal);
  const cases: readonly (readonly [Partial<ConditionInputs>, ...string[]])[] = [
    [{ problem: { reason: 'Conflict', message: 'HPA m' } }, 'AbleToScale False Conflict', 'Stalled True Conflict'],
    [{ external: true }, 'AbleToScale False External'],
    [{ unserved: 'b: bad' }, 'ModelsServed False NotServed'],
    [{ serving: 0, replicas: 0, minReplicas: 0 }, 'Ready True ScaledToZero'],
    [{ serving: 0, replicas: 1, draining: 1, minReplicas: 0 }, 'Ready True ScaledToZero'],
    [{ serving: 0, replicas: 1, draining: 1 }, 'Ready False NoPodServes', 'ModelsServed Unknown NoPodServes'],
    [{ serving: 1, rollout: 'stuck' }, 'Ready False RolloutStuck', 'Stalled True RolloutStuck'],
    [{ writeFailure: '403' }, 'AbleToScale False WriteFailed'],
    [{ rollout: 'running' }, 'AbleToScale True RolloutRunning', 'Reconciling True RolloutRunning'],
    [{ mode: 'Paused' }, 'ScalingActive False Paused'],
    [{ mode: 'DryRun' }, 'ScalingActive False DryRun'],
    [{ reason: 'counter-went-back' }, 'ScalingActive False CounterWentBack'],
    [{ mode: 'DryRun', reason: 'no-report' }, 'ScalingActive False NoReport'],
    [{ reason: 'at-maximum' }, 'ScalingLimited True AtMaximum'],
    [{ reason: 'at-minimum' }, 'ScalingLimited True AtMinimum'],
    [{ reason: 'not-idle-yet', replicas: 1 }, 'ScalingLimited True AtMinimum'],
    [{ gateways: 0 }, 'GatewaysReporting False NoGateways'],
    [{ silent: ['g'], silentForMs: 59_999 }, 'GatewaysReporting Unknown Waiting'],
    [{ silent: ['g'], silentForMs: 60_000 }, 'GatewaysReporting False Missing'],
    [{ sick: 1 }, 'PodsHealthy False Replacing'],
    [{ outOfRotation: one }, 'PodsHealthy False OutOfRotation'],
    [{ outOfRotation: one, external: true }, 'PodsHealthy False EndpointDown', 'AbleToScale False External'],
    [{ sick: 1, external: true }, 'PodsHealthy False EndpointDown', 'AbleToScale False External'],
    [{ failing: one, sick: 1 }, 'PodsHealthy False PodsFailing'],
    [{ createFailure: 'exceeded quota' }, 'PodsHealthy False CannotCreatePods'],
    [{ unanswered: { reason: 'Shedding', message: '9% shed' } }, 'RequestsAnswered False Shedding'],
    [
      { serving: 0, starting: 3 },
      'Ready False PodsStarting',
      'ModelsServed Unknown NoPodServes',
      'Reconciling True PodsStarting',
    ],
    [
      { serving: 0, failing: one, needsPerson: true, starting: 2 },
      'Ready False PodsFailing',
      'ModelsServed Unknown NoPodServes',
      'PodsHealthy False PodsFailing',
      'Stalled True PodsFailing',
    ],
    [
      { serving: 0, failing: one },
      'Ready False PodsStarting',
      'ModelsServed Unknown NoPodServes',
      'PodsHealthy False PodsFailing',
    ],
    [
      { serving: 0, createFailure: 'exceeded quota' },
      'Ready False PodsFailing',
      'ModelsServed Unknown NoPodServes',
      'PodsHealthy False CannotCreatePods',
      'Stalled True CannotCreatePods',
    ],
    [{ skewed: 'm: not every pod has version 2' }, 'VersionSkew True PodsDiffer'],
    [{ versionsOut: 'm 2 is failed: no ONNX file' }, 'VersionSkew False VersionOut'],
    [{ sick: 3, panic: { most: 2 } }, 'PodsHealthy False TooManySick'],
  ];
  for (const [more, ...expected] of cases) {
    assert.deepEqual(
      summaries(more),
      normal.map((line) => expected.find((one) => one.split(' ')[0] === line.split(' ')[0]) ?? line),
    );
    for (const condition of conditionsOf({ ...inputs, ...more }, [], at(0))) assert.ok(Check(PoolCondition, condition));
  }
});

test('a view that is too old makes everything that rests on it unknown', () => {
  assert.deepEqual(summaries({ viewStale: true }).slice(0, 3), [
    'Ready Unknown ViewStale',
    'ModelsServed True AllServed',
    'AbleToScale Unknown ViewStale',
  ]);
});

test('an invalid spec is not ready, though pods of the last valid one serve', () => {
  const problem = { reason: 'InvalidSpec', message: '/spec/models: must not be empty' };
  assert.deepEqual(summaries({ problem }).slice(0, 3), [
    'Ready False InvalidSpec',
    'ModelsServed True AllServed',
    'AbleToScale False InvalidSpec',
  ]);
});

test('a pool without a pod that serves knows nothing of its models', () => {
  assert.deepEqual(summaries({ serving: 0 }).slice(0, 2), [
    'Ready False NoPodServes',
    'ModelsServed Unknown NoPodServes',
  ]);
});

test('Ready counts the pods that serve and quotes why one does not', () => {
  const trouble = 'm-1: ImagePullBackOff: not found';
  const [ready] = conditionsOf({ ...inputs, serving: 2, trouble }, [], at(0));
  assert.equal(ready!.message, '2 of 3 pods serve; m-1: ImagePullBackOff: not found');
});

test('lastTransitionTime follows the status; conditions differ by status and reason only', () => {
  const first = conditionsOf(inputs, [], at(0));
  const rollout = conditionsOf({ ...inputs, rollout: 'running' }, first, at(10));
  assert.equal(rollout[2]!.lastTransitionTime, at(0).iso);
  const failed = conditionsOf({ ...inputs, writeFailure: '403' }, rollout, at(20));
  assert.equal(failed[2]!.lastTransitionTime, at(20).iso);
  assert.equal(failed[2]!.observedGeneration, 4);
  assert.deepEqual([conditionsDiffer(first, rollout), conditionsDiffer(first, first)], [true, false]);
  const longer = { ...inputs, silent: ['g'], silentForMs: 1 };
  const [one, two] = [conditionsOf(longer, [], at(0)), conditionsOf({ ...longer, silent: ['h'] }, [], at(0))];
  assert.equal(conditionsDiffer(one, two), false);
});

/**
 * Result of kstatus for an object of generation 4 with these conditions, by its rules for custom resources: `checkGenericProperties` and
 * `checkReadyCondition` of pkg/kstatus/status/generic.go in sigs.k8s.io/cli-utils, release 0.37.2. That release itself gave the results below.
 */
function kstatus(more: Partial<ConditionInputs>, { generation = 4, isDeleted = false } = {}): string {
  const conditions = conditionsOf({ ...inputs, ...more }, [], at(0));
  const statusOf = (type: string) => conditions.find((condition) => condition.type === type)?.status;
  if (isDeleted) return 'Terminating';
  if (conditions.some(({ observedGeneration }) => observedGeneration !== generation)) return 'InProgress';
  if (statusOf('Reconciling') === 'True') return 'InProgress';
  if (statusOf('Stalled') === 'True') return 'Failed';
  return statusOf('Ready') === 'True' ? 'Current' : 'InProgress';
}

test('tools that know kstatus read the pool as what it is', () => {
  const image = { count: 3, text: 'm-1: ImagePullBackOff: not found' };
  const cases: readonly (readonly [Partial<ConditionInputs>, string])[] = [
    [{}, 'Current'],
    [{ serving: 0, replicas: 0, minReplicas: 0 }, 'Current'],
    // A pool that load resizes is as its spec wants it.
    [{ serving: 1, starting: 2 }, 'Current'],
    [{ external: true }, 'Current'],
    // Faults at which the pool serves on are no matter of what its spec asks for.
    [{ sick: 1 }, 'Current'],
    [{ skewed: 'm: not every pod has version 2' }, 'Current'],
    [{ unserved: 'b: bad' }, 'Current'],
    [{ serving: 0, starting: 3 }, 'InProgress'],
    [{ serving: 0, failing: image }, 'InProgress'],
    [{ rollout: 'running' }, 'InProgress'],
    [{ viewStale: true }, 'InProgress'],
    [{ rollout: 'stuck' }, 'Failed'],
    [{ serving: 0, failing: image, needsPerson: true }, 'Failed'],
    [{ serving: 0, createFailure: 'exceeded quota' }, 'Failed'],
    [{ problem: { reason: 'ModelConflict', message: 'm belongs to pool a' } }, 'Failed'],
    [{ problem: { reason: 'InvalidSpec', message: '/spec/models: must not be empty' } }, 'Failed'],
  ];
  assert.deepEqual(
    cases.map(([more]) => kstatus(more)),
    cases.map(([, status]) => status),
  );
  assert.equal(kstatus({}, { generation: 5 }), 'InProgress', 'the scaler has not seen the spec');
  assert.equal(kstatus({}, { isDeleted: true }), 'Terminating');
});
