import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideAdmission, tooLongMs, type AdmitInput } from './admit.ts';
import type { Wait } from './wait.ts';

const wait = (given: Partial<Wait>): Pick<AdmitInput, 'wait'> => ({
  wait: { waitMs: 50, runMs: 0, head: null, ...given },
});

const usual: AdmitInput = {
  ...wait({}),
  queuedRequests: 100,
  queuedBytes: 100_000,
  bytes: 1_000,
  maxQueued: 10_000,
  maxQueuedBytes: 1_000_000,
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
  ['it will be in time to the millisecond', wait({ waitMs: 100 }), queue],
  ['it would miss the objective', wait({ waitMs: 101 }), shed('overloaded', 1)],
  ['it would miss its own deadline', { remainingMs: 40 }, shed('overloaded', 1)],
  ['no objective: its own deadline alone counts', { objectiveMs: null, ...wait({ waitMs: 29_999 }) }, queue],
  ['no objective, and late', { objectiveMs: null, ...wait({ waitMs: 33_000 }) }, shed('overloaded', 3)],
  ['a run in reserve before the deadline', { remainingMs: 90, ...wait({ runMs: 40 }) }, queue],
  ['none left', { remainingMs: 80, ...wait({ runMs: 40 }) }, shed('overloaded', 1)],
  ['an objective has none: late is answered', wait({ waitMs: 100, runMs: 40 }), queue],

  ['the first of its run stays in time', wait({ head: { waitMs: 100, withoutMs: 98 } }), queue],
  ['the first of its run would be late by it', wait({ head: { waitMs: 101, withoutMs: 99 } }), shed('overloaded', 1)],
  ['the first is late anyway', wait({ head: { waitMs: 103, withoutMs: 101 } }), queue],
  ['no objective: nothing is late', { objectiveMs: null, ...wait({ head: { waitMs: 101, withoutMs: 99 } }) }, queue],

  ['most pods are coming, and will clear the queue in time', { comingPods: 6, ...wait({ waitMs: 400 }) }, queue],
  [
    'most pods are coming, and the queue would make late what comes after them',
    { comingPods: 6, ...wait({ waitMs: 404 }) },
    shed('overloaded', 1),
  ],
  ['no objective: most pods are coming', { objectiveMs: null, comingPods: 6, ...wait({ waitMs: 33_000 }) }, queue],
  [
    'some pods are coming: those that serve decide',
    { comingPods: 5, ...wait({ waitMs: 5_000 }) },
    shed('overloaded', 5),
  ],
  [
    'a pod is idle: it can not be served earlier',
    { queuedRequests: 0, idlePods: 1, ...wait({ waitMs: 5_000 }) },
    queue,
  ],
  ['none is, and nothing waits', { queuedRequests: 0, ...wait({ waitMs: 5_000 }) }, shed('overloaded', 5)],
  ['one is, and others wait for it', { idlePods: 1, ...wait({ waitMs: 5_000 }) }, shed('overloaded', 5)],

  ['no pod: held', { servingPods: 0, ...wait({ waitMs: 0 }) }, hold],
  ['no pod yet: held', { servingPods: 0, comingPods: 1, ...wait({ waitMs: 0 }) }, hold],

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
  const after = (waitMs: number) => {
    const decision = decideAdmission({ ...usual, ...wait({ waitMs }) });
    return decision.kind === 'shed' ? decision.retryAfterSeconds : null;
  };
  assert.deepEqual([101, 1_100, 1_101, 12_345, 1e6, Infinity].map(after), [1, 1, 2, 13, 30, 30]);
  assert.deepEqual(
    [0, 900, 5_500, 1e9].map((waitMs) => decideAdmission({ ...usual, queuedRequests: 1e6, ...wait({ waitMs }) })),
    [1, 1, 6, 30].map((seconds) => shed('queue-full', seconds)),
  );
});

test('the wait reported to the scaler is the head’s if the request is refused for the head’s sake', () => {
  const given: Wait = { waitMs: 50, runMs: 0, head: { waitMs: 120, withoutMs: 90 } };
  const refused = decideAdmission({ ...usual, wait: given });
  assert.equal(refused.kind, 'shed');
  assert.equal(tooLongMs(refused, given), 120);
  assert.equal(tooLongMs({ kind: 'queue' }, given), 50);
  assert.equal(tooLongMs(refused, { ...given, head: null }), 50);
});
