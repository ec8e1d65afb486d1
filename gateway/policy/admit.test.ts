import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideAdmission, type AdmitInput } from './admit.ts';

const usual: AdmitInput = {
  queuedRequests: 100,
  queuedBytes: 100_000,
  bytes: 1_000,
  maxQueued: 10_000,
  maxQueuedBytes: 1_000_000,
  predictedWaitMs: 50,
  turnMs: 0,
  head: null,
  remainingMs: 30_000,
  objectiveMs: 100,
  servingPods: 2,
  idlePods: 0,
  comingPods: 0,
};

const queue = { kind: 'queue' };
const hold = { kind: 'hold' };
const shed = (reason: string, retryAfterSeconds: number) => ({ kind: 'shed', reason, retryAfterSeconds });

const table: readonly (readonly [string, Partial<AdmitInput>, object])[] = [
  ['it will be in time', {}, queue],
  ['it will be in time to the millisecond', { predictedWaitMs: 100 }, queue],
  ['it would miss the objective', { predictedWaitMs: 101 }, shed('overloaded', 1)],
  ['it would miss its own deadline', { remainingMs: 40 }, shed('overloaded', 1)],
  ['no objective: its own deadline alone counts', { objectiveMs: null, predictedWaitMs: 29_999 }, queue],
  ['no objective, and late', { objectiveMs: null, predictedWaitMs: 33_000 }, shed('overloaded', 3)],
  ['a run in reserve before the deadline', { remainingMs: 90, turnMs: 40 }, queue],
  ['none left', { remainingMs: 80, turnMs: 40 }, shed('overloaded', 1)],
  ['an objective has none: late is answered', { predictedWaitMs: 100, turnMs: 40 }, queue],

  ['the first of its run stays in time', { head: { waitMs: 100, withoutMs: 98 } }, queue],
  ['the first of its run would be late by it', { head: { waitMs: 101, withoutMs: 99 } }, shed('overloaded', 1)],
  ['the first is late anyway', { head: { waitMs: 103, withoutMs: 101 } }, queue],
  ['no objective: nothing is late', { objectiveMs: null, head: { waitMs: 101, withoutMs: 99 } }, queue],

  ['most of the pods are coming: it may wait to its deadline', { predictedWaitMs: 5_000, comingPods: 6 }, queue],
  ['some pods are coming: those that serve decide', { predictedWaitMs: 5_000, comingPods: 5 }, shed('overloaded', 5)],
  ['a pod is idle: it can not be served earlier', { queuedRequests: 0, idlePods: 1, predictedWaitMs: 5_000 }, queue],
  ['none is, and nothing waits', { queuedRequests: 0, predictedWaitMs: 5_000 }, shed('overloaded', 5)],
  ['one is, and others wait for it', { idlePods: 1, predictedWaitMs: 5_000 }, shed('overloaded', 5)],

  ['no pod: held', { servingPods: 0, predictedWaitMs: 0 }, hold],
  ['no pod yet: held', { servingPods: 0, comingPods: 1, predictedWaitMs: 0 }, hold],

  ['the queue has its last place', { queuedRequests: 9_999 }, queue],
  ['the queue is full', { queuedRequests: 10_000 }, shed('queue-full', 1)],
  ['the bytes just fit', { queuedBytes: 999_000 }, queue],
  ['the bytes do not fit', { queuedBytes: 999_001 }, shed('queue-full', 1)],
  ['full while nobody serves', { queuedRequests: 10_000, servingPods: 0 }, shed('queue-full', 1)],
  ['full while capacity is coming', { queuedRequests: 10_000, comingPods: 3 }, shed('queue-full', 1)],
];

for (const [what, given, expected] of table) {
  test(what, () => assert.deepEqual(decideAdmission({ ...usual, ...given }), expected));
}

test('Retry-After: the time that is too much, in whole seconds from 1 to 30', () => {
  const after = (predictedWaitMs: number) => {
    const decision = decideAdmission({ ...usual, predictedWaitMs });
    return decision.kind === 'shed' ? decision.retryAfterSeconds : null;
  };
  assert.deepEqual([101, 1_100, 1_101, 12_345, 1e6, Infinity].map(after), [1, 1, 2, 13, 30, 30]);
  assert.deepEqual(
    [0, 900, 5_500, 1e9].map((predictedWaitMs) => decideAdmission({ ...usual, queuedRequests: 1e6, predictedWaitMs })),
    [1, 1, 6, 30].map((seconds) => shed('queue-full', seconds)),
  );
});
