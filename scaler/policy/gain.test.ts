import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeGain, type Trial } from './gain.ts';

const seen = (ready: number, completionsPerS: number, backlogged = true) => ({ ready, completionsPerS, backlogged });

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
    { ready: 4, perSecond: 40, moreSinceMs: null, failedAtMs: null },
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
