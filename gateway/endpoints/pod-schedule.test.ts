import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outlook } from './pod-schedule.ts';
import { PodLink } from './endpoint.ts';

/** A roster of pods that are done with what they have at these times. */
function outlookOf(doneAtMs: readonly number[]) {
  const time = { ranMs: 100 };
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
  return { time, pods, outlook: new Outlook(pods, time) };
}

function link(doneAtMs: number, index = 0): PodLink {
  const pod = new PodLink(`u${index}`, `p${index}`, 'http://127.0.0.1:1');
  pod.lastEndRanMs = doneAtMs;
  return pod;
}

const envelope = { rows: 1, requests: [], startedAtMs: 0, call: undefined };

test('ascending, by what each pod has of ours: what it runs since the one before ended, then what is staged', () => {
  const { pods, outlook } = outlookOf([130, 90]);
  pods.links[1]!.outstanding.push({ ...envelope, startedRanMs: 50, predictedMs: 30 });
  pods.links[1]!.outstanding.push({ ...envelope, startedRanMs: 95, predictedMs: 40 });
  assert.deepEqual([...outlook.begins()], [130, 90 + 30 + 40]);
});

test('each turn takes the lag as well', () => {
  const { pods, outlook } = outlookOf([90]);
  outlook.learn(35, 30);
  pods.links[0]!.outstanding.push({ ...envelope, startedRanMs: 50, predictedMs: 30 });
  assert.deepEqual([...outlook.begins()], [90 + 30 + 5]);
});

test('kept for 10 µs a pod though something has changed, and longer while nothing has', () => {
  const { time, pods, outlook } = outlookOf(Array.from({ length: 100 }, () => 200));
  assert.equal(outlook.begins()[0], 200);
  pods.links[0]!.lastEndRanMs = 150;
  time.ranMs += 5;
  assert.equal(outlook.begins()[0], 200);
  pods.changes += 1;
  time.ranMs += 5;
  assert.equal(outlook.begins()[0], 150);
  pods.links[0]!.lastEndRanMs = 140;
  pods.changes += 1;
  time.ranMs += 0.9;
  assert.equal(outlook.begins()[0], 150);
  time.ranMs += 0.1;
  assert.equal(outlook.begins()[0], 140);
});

test('a pod that comes or goes is there or gone at once', () => {
  const { pods, outlook } = outlookOf(Array.from({ length: 100 }, () => 200));
  assert.equal(outlook.begins().length, 100);
  pods.links.push(link(300));
  pods.changes += 1;
  assert.deepEqual([...outlook.begins()].slice(-2), [200, 300]);
  pods.links.splice(0, 100);
  pods.changes += 1;
  assert.deepEqual([...outlook.begins()], [300]);
});
