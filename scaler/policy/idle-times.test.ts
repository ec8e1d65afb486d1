import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsMs, noIdleTimes, recordNeed, type IdleTimes } from './idle-times.ts';

const coldStartMs = 10_000;

/** Idle times of a need by second. */
function after(seconds: number, need: (second: number) => number, from: IdleTimes = noIdleTimes): IdleTimes {
  let times = from;
  for (let second = 0; second < seconds; second += 1) {
    times = recordNeed(times, need(second), { coldStartMs, nowMs: second * 1000 });
  }
  return times;
}

const keepS = (times: IdleTimes, pods: number): number[] =>
  keepsMs(times, pods, coldStartMs).map((keepMs) => keepMs / 1000);

test('without experience each pod is kept for 100 s', () => {
  assert.deepEqual(keepS(noIdleTimes, 3), [100, 100, 100]);
});

test('pods that are needed again are kept until then; those that are not, for the shortest time', () => {
  const often = after(3_000, (second) => (second % 220 < 20 ? 30 : 1));
  assert.deepEqual([keepS(often, 30)[29], keepS(often, 30)[5]], [240, 240]);
  const seldom = after(6_000, (second) => (second % 900 < 20 ? 30 : 1));
  assert.equal(keepS(seldom, 30)[20], 60);
});

test('the pods of rare peaks are kept for less long than those below them', () => {
  const peaks = after(6_000, (second) => (second % 2_000 < 20 ? 70 : second % 200 < 20 ? 20 : 4));
  const keeps = keepS(peaks, 70);
  assert.ok(keeps[15]! > 2 * keeps[60]!, `${keeps[15]} and ${keeps[60]} s`);
});

test('what was learned is forgotten within hours', () => {
  const often = after(3_000, (second) => (second % 220 < 20 ? 30 : 1));
  const later = recordNeed(often, 1, { coldStartMs, nowMs: 20_000_000 });
  assert.ok(keepS(later, 30)[29]! <= 100);
});
