import assert from 'node:assert/strict';
import { test } from 'node:test';
import { updateTrial, type TrialPeriod, type GrowthTrial } from './gain.ts';

const period = (ready: number, completions: number, backlogged = true, elapsedMs = 1000): TrialPeriod => ({
  ready,
  completions,
  elapsedMs,
  backlogged,
});

function after(steps: readonly (readonly [second: number, ready: number, perS: number])[]): GrowthTrial | null {
  let trial: GrowthTrial | null = null;
  for (const [second, ready, perS] of steps) trial = updateTrial(trial, period(ready, perS), second * 1000);
  return trial;
}

test('pods that raise completions begin the next trial', () => {
  assert.deepEqual(
    after([
      [0, 2, 20],
      [5, 4, 20],
      [16, 4, 40],
    ]),
    { readyBefore: 4, completionsPerS: 40, grownAtMs: null, completionsSince: 0, reportedMs: 0, failedAtMs: null },
  );
});

test('pods that raise no completions fail the trial, until no queue waits or five minutes have passed', () => {
  const failed = after([
    [0, 2, 20],
    [5, 4, 20],
    [14, 4, 20],
    [16, 4, 20.5],
  ]);
  assert.equal(failed?.failedAtMs, 16_000);
  assert.equal(updateTrial(failed, period(4, 20), 200_000)?.failedAtMs, 16_000);
  assert.equal(updateTrial(failed, period(4, 20), 320_000)?.failedAtMs, null);
  assert.equal(updateTrial(failed, period(4, 20, false), 17_000), null);
});

test('one cycle is not judged: it may see no new report, or only one gateway of two', () => {
  let trial = updateTrial(null, period(2, 20), 0);
  trial = updateTrial(trial, period(4, 20), 1_000);
  for (let second = 2; second <= 10; second += 1) trial = updateTrial(trial, period(4, 40), second * 1000);
  // A cycle that sees half of the completions, and one without a report, just before the judgement.
  trial = updateTrial(trial, period(4, 20, true, 500), 10_500);
  trial = updateTrial(trial, period(4, 0, true, 0), 11_000);
  assert.deepEqual([trial?.failedAtMs, trial?.readyBefore], [null, 4], 'the added pods gained');
});
