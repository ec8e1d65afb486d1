import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideAdmission, predictWaitMs, type AdmitInput, type WaitInput } from './admit.ts';
import { unknownCost, type Cost } from './cost.ts';

const usual: AdmitInput = {
  queuedRequests: 100,
  queuedBytes: 100_000,
  bytes: 1_000,
  maxQueued: 10_000,
  maxQueuedBytes: 1_000_000,
  predictedWaitMs: 50,
  leastWaitMs: 20,
  remainingMs: 30_000,
  objectiveMs: 100,
  servingPods: 2,
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
  ['no objective: its own deadline alone counts', { objectiveMs: null, leastWaitMs: 29_999 }, queue],
  ['no objective, and late', { objectiveMs: null, leastWaitMs: 33_000 }, shed('overloaded', 3)],
  ['no objective: a slow moment refuses nothing', { objectiveMs: null, predictedWaitMs: 33_000 }, queue],

  ['most of the pods are coming: it may wait to its deadline', { predictedWaitMs: 5_000, comingPods: 6 }, queue],
  ['some pods are coming: those that serve decide', { predictedWaitMs: 5_000, comingPods: 5 }, shed('overloaded', 5)],
  [
    'nothing waits: one is served, or nothing would ever be measured again',
    { queuedRequests: 0, predictedWaitMs: 5_000 },
    queue,
  ],

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

/** l(b) = 5 + 0.5·b: 37 ms for 64 rows. */
const cost: Cost = { ...unknownCost, a: 5, c: 0.5, samples: 100, largestRows: 64 };
const waits: WaitInput = {
  ...{ backlogRows: 10, completedRowsPerMs: null, cost, maxRows: 64, objectiveMs: null, servingPods: 2 },
};

const waitTable: readonly (readonly [string, Partial<WaitInput>, number])[] = [
  ['one run, and its pod is free', {}, 10],
  ['a full run', { backlogRows: 64 }, 37],
  ['more than a run: the pods are busy with others before it', { backlogRows: 128 }, 37 * (2 / 2 + 2 + 2 / 2)],
  ['one pod: its slot is never more than a run away', { backlogRows: 128, servingPods: 1 }, 37 * (2 + 2 + 1)],
  ['twice as many pods, half the rounds', { backlogRows: 512, servingPods: 4 }, 37 * (8 / 4 + 2 + 2 / 4)],
  ['backlogged: by the rate, and the runs at its end', { backlogRows: 640, completedRowsPerMs: 2 }, 320 + 3 * 37],
  ['backlogged with little: the runs are small', { backlogRows: 10, completedRowsPerMs: 2 }, 5 + 3 * 10],
  ['a rate of nothing is no rate', { completedRowsPerMs: 0 }, 10],
  ['other gateways take their share: the rate knows', { backlogRows: 640, completedRowsPerMs: 0.2 }, 3_200 + 3 * 37],
  // 2·l(18) = 28 ms and the margin of 2 keep 30.
  ['an objective makes runs of 18 rows', { backlogRows: 180, objectiveMs: 30 }, 14 * (10 / 2) + 0.85 * 30 + 14],
  ['an objective that is long changes nothing', { backlogRows: 128, objectiveMs: 1e4 }, 37 * 4],
  ['an objective that not even one row keeps', { backlogRows: 4, objectiveMs: 3 }, 5.5 * (4 / 2 + 1 + 1)],
  ['nothing known', { cost: unknownCost }, 0],
  ['nothing known, and no pod', { cost: unknownCost, servingPods: 0 }, 0],
  ['no pod: nothing can be said', { servingPods: 0, backlogRows: 1e6 }, 0],
];

for (const [what, given, expected] of waitTable) {
  test(`predicted wait: ${what}`, () => assert.equal(predictWaitMs({ ...waits, ...given }), expected));
}
