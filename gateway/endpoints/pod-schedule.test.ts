import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PodSchedule } from './pod-schedule.ts';

/** An endpoint that is free at a time, and later by what each run takes on top. */
class FreeAt {
  atMs: number;

  constructor(atMs: number) {
    this.atMs = atMs;
  }

  freeAtLoopMs(overheadMs: number): number {
    return this.atMs + overheadMs;
  }
}

function scheduleOf(freeAtMs: readonly number[]) {
  const clock = { loopMs: 100 };
  const endpoints = { changes: 0, accepting: new Set(freeAtMs.map((atMs) => new FreeAt(atMs))) };
  const [first] = endpoints.accepting;
  return { clock, endpoints, first: first!, schedule: new PodSchedule(endpoints, clock) };
}

test('the times at which each endpoint is free, ascending', () => {
  const { schedule } = scheduleOf([130, 90, 160]);
  assert.deepEqual([...schedule.begins()], [90, 130, 160]);
});

test('each run takes the overhead as well', () => {
  const { schedule } = scheduleOf([120]);
  schedule.learn(35, 30);
  assert.deepEqual([...schedule.begins()], [120 + 5]);
  assert.equal(schedule.overhead.meanMs, 5);
});

test('kept for 10 µs per pod though something has changed, and longer while nothing has', () => {
  const { clock, endpoints, first, schedule } = scheduleOf(Array.from({ length: 100 }, () => 200));
  assert.equal(schedule.begins()[0], 200);
  first.atMs = 150;
  clock.loopMs += 5;
  assert.equal(schedule.begins()[0], 200);
  endpoints.changes += 1;
  clock.loopMs += 5;
  assert.equal(schedule.begins()[0], 150);
  first.atMs = 140;
  endpoints.changes += 1;
  clock.loopMs += 0.9;
  assert.equal(schedule.begins()[0], 150);
  clock.loopMs += 0.1;
  assert.equal(schedule.begins()[0], 140);
});

test('a pod that comes or goes is there or gone at once', () => {
  const { endpoints, schedule } = scheduleOf(Array.from({ length: 100 }, () => 200));
  assert.equal(schedule.begins().length, 100);
  endpoints.accepting.add(new FreeAt(300));
  endpoints.changes += 1;
  assert.deepEqual([...schedule.begins()].slice(-2), [200, 300]);
  for (const endpoint of [...endpoints.accepting].slice(0, 100)) endpoints.accepting.delete(endpoint);
  endpoints.changes += 1;
  assert.deepEqual([...schedule.begins()], [300]);
});
