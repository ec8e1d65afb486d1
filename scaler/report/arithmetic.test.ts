import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arithmetic } from './arithmetic.ts';

const context = { from: 2, to: 3, minReplicas: 1, maxReplicas: 5, why: 'more is needed' };
const inputs = {
  expectedPerS: 100,
  headroomPerS: 10,
  headroomFactor: 1,
  coldStartMs: 5_000,
  podPerS: 40,
  needLeast: 3,
  needMost: 3,
};

test('the need is shown with the cost of a request in the present mix', () => {
  const lines = arithmetic({ ...inputs, runMs: 1.5, requestMs: 12.25 }, context);
  const need = lines.findIndex((line) => line === 'need: (110) ÷ 40 per pod = 2.75 → 3 pods');
  assert.ok(need > 0, lines.join('\n'));
  assert.equal(
    lines[need - 1],
    'a pod: 1.50 ms a run + 12.3 ms a request, in the present mix of models and sizes of rows',
  );
});

test('a decision that was recorded without that cost is shown without it', () => {
  const lines = arithmetic(inputs, context);
  assert.ok(!lines.some((line) => line.startsWith('a pod:')), lines.join('\n'));
});

test('the window that showed a rise is named, and what was added to the headroom for misses', () => {
  const seen = { riseWindowS: 2, risePerS: 287, staysShare: 0.9, correctionDeviations: 0.75 };
  const lines = arithmetic({ ...inputs, ...seen }, context);
  assert.ok(lines.includes('a rise: 287 requests/s within 2 s, of which 90% is expected to stay'), lines.join('\n'));
  assert.ok(lines.includes('headroom: 0.75 deviations more, for what was missed within minutes'), lines.join('\n'));
});

test('a pool that costs more than an HPA would, and misses more, is told what follows from it', () => {
  const lines = arithmetic({ ...inputs, hpaPods: 3 }, context);
  const dear = lines.find((line) => line.startsWith('dear: '));
  assert.ok(dear?.endsWith('no more than its 3 pods are ordered'), lines.join('\n'));
  assert.ok(!arithmetic({ ...inputs, hpaPods: null }, context).some((line) => line.startsWith('dear: ')));
});

test('a backlog is divided by the time in which the policy clears it', () => {
  const lines = arithmetic({ ...inputs, backlogged: 1, backlogThen: 400, clearedWithinMs: 10_000 }, context);
  assert.ok(
    lines.includes('backlog: 400 requests beyond what the pods clear, to be served within 10 s'),
    lines.join('\n'),
  );
  assert.ok(lines.includes('need: (110 + 400 ÷ 10) ÷ 40 per pod = 3.75 → 3 pods'), lines.join('\n'));
});

test('with a queue, the rate of now counts where it is above the plan', () => {
  const lines = arithmetic({ ...inputs, backlogged: 1, ratePerS: 150 }, context);
  assert.ok(lines.includes('need: (150) ÷ 40 per pod = 3.75 → 3 pods'), lines.join('\n'));
});

test('the season that asks for pods is shown with its slot, its level and how far such forecasts were right', () => {
  const season = { seasonalSlot: 'Mon 09:00', seasonalPerS: 120, seasonalCoverage: 0.875, seasonalPods: 3 };
  const lines = arithmetic({ ...inputs, ...season }, context);
  const expected =
    'season: a rush to 120 requests/s is expected at Mon 09:00 UTC, such forecasts came true in 87.5% → at least 3 pods';
  assert.ok(lines.includes(expected), lines.join('\n'));
});
