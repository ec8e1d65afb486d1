import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decideOverdue,
  decideRetry,
  earn,
  initialBudget,
  spend,
  type VerificationBudget,
  type OverdueInput,
  type RetryInput,
} from './retry.ts';

const lost: RetryInput = {
  loss: { kind: 'pod-lost', alone: false, hung: false },
  attempts: 1,
  podsLostAlone: 0,
  podsHungAlone: 0,
  idempotent: true,
};
const retry = (alone: boolean) => ({ kind: 'retry', alone });
const fail = (reason: string) => ({ kind: 'fail', reason });

const table: readonly (readonly [string, Partial<RetryInput>, object])[] = [
  ['nothing was executed: with the others, again', { loss: { kind: 'not-executed' }, attempts: 0 }, retry(false)],
  ['not executed costs no attempt', { loss: { kind: 'not-executed' }, attempts: 99 }, retry(false)],
  ['not executed is safe for any pool', { loss: { kind: 'not-executed' }, idempotent: false }, retry(false)],
  ['its pod was lost: alone, since it may be why', {}, retry(true)],
  ['a second time', { attempts: 2 }, retry(true)],
  ['three attempts are all', { attempts: 3 }, fail('attempts')],
  ['a pod was lost while it was there alone: it may be chance', { attempts: 2, podsLostAlone: 1 }, retry(true)],
  ['two pods were: it is the request', { attempts: 2, podsLostAlone: 2 }, fail('poison')],
  ['one of the two hung: it may be chance', { attempts: 2, podsLostAlone: 2, podsHungAlone: 1 }, retry(true)],
  ['both hung', { attempts: 2, podsLostAlone: 2, podsHungAlone: 2 }, retry(true)],
  ['a third hung too: it is the request', { attempts: 3, podsLostAlone: 3, podsHungAlone: 3 }, fail('poison')],
  ['a pool that must not repeat', { idempotent: false }, fail('not-idempotent')],
  ['its pod is alive and late: alone', { loss: { kind: 'overdue' }, attempts: 3, podsLostAlone: 2 }, retry(true)],
];

for (const [what, given, expected] of table) {
  test(what, () => assert.deepEqual(decideRetry({ ...lost, ...given }), expected));
}

const late: OverdueInput = {
  reading: 0,
  podInFlight: 5,
  unanswered: 2,
  attempts: 1,
  idempotent: true,
  isLate: false,
};
const wait = (blocked: boolean) => ({ kind: 'wait', blocked });
const move = { kind: 'move' };

for (const [what, given, expected] of [
  ['overdue beside others: moved', {}, move],
  ['one of many at the pod: it may stand behind them', { unanswered: 1 }, move],
  ['it has the pod to itself', { unanswered: 1, podInFlight: 1 }, wait(true)],
  ['several have the pod to themselves: one may be why', { unanswered: 2, podInFlight: 2 }, move],
  ['a server that does not say what it has', { unanswered: 1, podInFlight: null }, move],
  ['the third attempt is the last', { attempts: 3 }, wait(true)],
  ['a pool that must not repeat', { idempotent: false }, wait(true)],
  ['the pod reads a large body', { reading: 1 }, wait(false)],
  ['nobody waits any more', { reading: 1, isLate: true, attempts: 3 }, move],
] as readonly (readonly [string, Partial<OverdueInput>, object])[]) {
  test(`late: ${what}`, () => assert.deepEqual(decideOverdue({ ...late, ...given }), expected));
}

test('a poison request, from its first pod to its answer', () => {
  const story = [
    { attempts: 1, podsLostAlone: 0, expected: retry(true) },
    { attempts: 2, podsLostAlone: 1, expected: retry(true) },
    { attempts: 3, podsLostAlone: 2, expected: fail('poison') },
  ];
  for (const { expected, ...given } of story) assert.deepEqual(decideRetry({ ...lost, ...given }), expected);
});

function spendAll(budget: VerificationBudget): { spent: number; left: VerificationBudget } {
  let left = budget;
  for (let spent = 0; ; spent += 1) {
    const next = spend(left);
    if (next === null) return { spent, left };
    left = next;
  }
}

test('second opinions: a hundred to begin with, then one per five requests', () => {
  const first = spendAll(initialBudget);
  assert.equal(first.spent, 100);
  assert.equal(spend(earn(first.left, 4)), null);
  assert.equal(spendAll(earn(first.left, 50)).spent, 10);
});

test('the budget has a maximum, however quiet the time', () => {
  assert.equal(spendAll(earn(initialBudget, 1e9)).spent, 100);
});

test('a failing model gets at most a fifth more load', () => {
  let budget = initialBudget;
  let opinions = 0;
  for (let request = 0; request < 10_000; request += 1) {
    const left = spend((budget = earn(budget, 1)));
    if (left === null) continue;
    budget = left;
    opinions += 1;
  }
  assert.ok(opinions <= 2_000 + 100, `${opinions}`);
});
