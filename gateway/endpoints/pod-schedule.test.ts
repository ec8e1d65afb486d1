import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PodSchedule } from './pod-schedule.ts';
import { Endpoint } from './endpoint.ts';

/** A endpoints of pods that are done with what they have at these times. */
function outlookOf(doneAtMs: readonly number[]) {
  const time = { loopMs: 100 };
  const pods = {
    changes: 0,
    links: doneAtMs.map(link),
    get serving() {
      return this.links.length;
    },
    working() {
      return this.links;
    },
  };
  return { time, pods, podSchedule: new PodSchedule(pods, time) };
}

function link(doneAtMs: number, index = 0): Endpoint {
  const pod = new Endpoint(`u${index}`, `p${index}`, 'http://127.0.0.1:1');
  pod.lastEndLoopMs = doneAtMs;
  return pod;
}

const envelope = { rows: 1, requests: [], startedAtMs: 0, call: undefined };

test('ascending, by what each pod has of ours: what it runs since the one before ended, then what is staged', () => {
  const { pods, podSchedule } = outlookOf([130, 90]);
  pods.links[1]!.outstanding.push({ ...envelope, startedLoopMs: 50, predictedMs: 30 });
  pods.links[1]!.outstanding.push({ ...envelope, startedLoopMs: 95, predictedMs: 40 });
  assert.deepEqual([...podSchedule.begins()], [130, 90 + 30 + 40]);
});

test('each turn takes the lag as well', () => {
  const { pods, podSchedule } = outlookOf([90]);
  podSchedule.learn(35, 30);
  pods.links[0]!.outstanding.push({ ...envelope, startedLoopMs: 50, predictedMs: 30 });
  assert.deepEqual([...podSchedule.begins()], [90 + 30 + 5]);
});

test('kept for 10 µs a pod though something has changed, and longer while nothing has', () => {
  const { time, pods, podSchedule } = outlookOf(Array.from({ length: 100 }, () => 200));
  assert.equal(podSchedule.begins()[0], 200);
  pods.links[0]!.lastEndLoopMs = 150;
  time.loopMs += 5;
  assert.equal(podSchedule.begins()[0], 200);
  pods.changes += 1;
  time.loopMs += 5;
  assert.equal(podSchedule.begins()[0], 150);
  pods.links[0]!.lastEndLoopMs = 140;
  pods.changes += 1;
  time.loopMs += 0.9;
  assert.equal(podSchedule.begins()[0], 150);
  time.loopMs += 0.1;
  assert.equal(podSchedule.begins()[0], 140);
});

test('a pod that comes or goes is there or gone at once', () => {
  const { pods, podSchedule } = outlookOf(Array.from({ length: 100 }, () => 200));
  assert.equal(podSchedule.begins().length, 100);
  pods.links.push(link(300));
  pods.changes += 1;
  assert.deepEqual([...podSchedule.begins()].slice(-2), [200, 300]);
  pods.links.splice(0, 100);
  pods.changes += 1;
  assert.deepEqual([...podSchedule.begins()], [300]);
});
