import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeGain, type Progress, type Trial } from './gain.ts';

const seen = (ready: number, completions: number, backlogged = true, elapsedMs = 1000): Progress => ({
  ready,
  completions,
  elapsedMs,
  backlogged,
});

function after(steps: readonly (readonly [second: number, ready: number, perS: number])[]): Trial | null {
  let trial: Trial | null = null;
  for (const [second, ready, perS] of steps) trial = judgeGain(trial, seen(ready, perS), second * 1000);
  return trial;
}

test('pods that raise completions begin the next trial', () => {
  assert.deepEqual(
    after([
      [0, 2, 20],
      [5, 4, 20],
      [16, 4, 40],
    ]),
    { ready: 4, perSecond: 40, moreSinceMs: null, completed: 0, heardMs: 0, failedAtMs: null },
  );
});

test('pods that raise none fail it, until no queue waits or five minutes have passed', () => {
  const failed = after([
    [0, 2, 20],
    [5, 4, 20],
    [14, 4, 20],
    [16, 4, 20.5],
  ]);
  assert.equal(failed?.failedAtMs, 16_000);
  assert.equal(judgeGain(failed, seen(4, 20), 200_000)?.failedAtMs, 16_000);
  assert.equal(judgeGain(failed, seen(4, 20), 320_000)?.failedAtMs, null);
  assert.equal(judgeGain(failed, seen(4, 20, false), 17_000), null);
});

test('one look says nothing: it may come between two reports, or have one gateway of two', () => {
  let trial = judgeGain(null, seen(2, 20), 0);
  trial = judgeGain(trial, seen(4, 20), 1_000);
  for (let second = 2; second <= 10; second += 1) trial = judgeGain(trial, seen(4, 40), second * 1000);
  // Half of what was completed, just before it is judged; then a look without a report.
  trial = judgeGain(trial, seen(4, 20, true, 500), 10_500);
  trial = judgeGain(trial, seen(4, 0, true, 0), 11_000);
  assert.deepEqual([trial?.failedAtMs, trial?.ready], [null, 4], 'they gained');
});
