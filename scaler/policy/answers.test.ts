import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeAnswers } from './answers.ts';

const rates = { okPerS: 0, clientErrorsPerS: 0, shedPerS: 0, timeoutsPerS: 0, failedPerS: 0 };
const judged = (more: Partial<typeof rates>, budget = 0.01) => judgeAnswers({ ...rates, ...more }, budget);

test('no requests, and good ones, are no trouble', () => {
  assert.equal(judgeAnswers(null, 0.01), null);
  assert.equal(judged({}), null);
  assert.equal(judged({ okPerS: 40 }), null);
});

test('the budget of the objective may be spent', () => {
  assert.equal(judged({ okPerS: 99.5, failedPerS: 0.5 }), null);
  assert.deepEqual(judged({ okPerS: 98, failedPerS: 2 }), {
    reason: 'Failing',
    message: 'of 100 requests/s, 2.0% failed',
  });
  assert.equal(judged({ okPerS: 98, failedPerS: 2 }, 0.05), null);
});

test('the most frequent way to get no answer is the reason', () => {
  assert.deepEqual(judged({ okPerS: 5, shedPerS: 4, timeoutsPerS: 1 }), {
    reason: 'Shedding',
    message: 'of 10 requests/s, 40% shed, 10% timed out',
  });
  assert.equal(judged({ timeoutsPerS: 3 })!.reason, 'TimingOut');
});

test('one or two failures in ten seconds are no state of the pool', () => {
  assert.equal(judged({ failedPerS: 0.2 }), null);
  assert.equal(judged({ failedPerS: 0.3 })!.reason, 'Failing');
});

test('errors of clients count only when nearly all requests are rejected', () => {
  assert.equal(judged({ okPerS: 2, clientErrorsPerS: 8 }), null);
  assert.deepEqual(judged({ clientErrorsPerS: 8 }), {
    reason: 'Rejecting',
    message: 'of 8.0 requests/s, 100% are rejected as faulty (4xx)',
  });
});
