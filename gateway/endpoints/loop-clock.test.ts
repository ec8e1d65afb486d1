import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopTimeout, LoopClock, tickMs } from './loop-clock.ts';

test('loop time follows the clock while ticks come in time', () => {
  let nowMs = 1_000;
  const time = new LoopClock(() => nowMs);
  const beganAtMs = time.loopMs;
  for (let tick = 0; tick < 100; tick += 1) {
    nowMs += tickMs;
    time.tick();
  }
  assert.equal(time.loopMs - beganAtMs, 100 * tickMs);
});

test('loop time stands still once a tick is overdue, and goes on with the next one', () => {
  let nowMs = 0;
  const time = new LoopClock(() => nowMs);
  nowMs = 5_000;
  assert.equal(time.loopMs, tickMs);
  time.tick();
  assert.equal(time.loopMs, tickMs);
  nowMs += 20;
  assert.equal(time.loopMs, tickMs + 20);
});

test('many short pauses count as one long one', () => {
  let nowMs = 0;
  const time = new LoopClock(() => nowMs);
  for (let tick = 0; tick < 20; tick += 1) {
    nowMs += 10 * tickMs;
    time.tick();
  }
  assert.equal(time.loopMs, 20 * tickMs);
});

test('lag is the longest lateness of late, and is forgotten by and by', () => {
  let nowMs = 0;
  const time = new LoopClock(() => nowMs);
  const tick = (lateMs: number): number => {
    nowMs += tickMs + lateMs;
    time.tick();
    return time.lagMs;
  };
  assert.deepEqual([tick(0), tick(80)], [0, 80]);
  for (let ticks = 0; ticks < 14; ticks += 1) tick(0);
  assert.ok(time.lagMs > 35 && time.lagMs < 45, String(time.lagMs));
  assert.equal(tick(60), 60);
});

test('a timeout counts loop time, starts again by a restart, and never fires once cleared', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const time = new LoopClock(() => nowMs);
  const runFor = (ms: number): void => {
    time.tick();
    nowMs += ms;
  };
  const limitMs = 20;
  /** Runs all timers that are due, and the immediates that they plan. */
  const looks = async (): Promise<void> => {
    for (let step = 0; step < 4; step += 1) {
      t.mock.timers.tick(limitMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const passed = { first: 0, cleared: 0 };
  const first = new LoopTimeout(limitMs, time, () => (passed.first += 1));
  const cleared = new LoopTimeout(limitMs, time, () => (passed.cleared += 1));
  await looks();
  assert.deepEqual(passed, { first: 0, cleared: 0 }, 'we have not run at all');
  runFor(15);
  first.restart();
  cleared.clear();
  runFor(15);
  await looks();
  assert.deepEqual(passed, { first: 0, cleared: 0 }, 'we have run for 15 ms since');
  runFor(15);
  await looks();
  assert.deepEqual(passed, { first: 1, cleared: 0 });
});
