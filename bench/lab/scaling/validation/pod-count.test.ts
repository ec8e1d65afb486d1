import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostPods, podsAt, podSeconds } from './pod-count.ts';

const steps = [
  { atMs: -5_000, pods: 2 },
  { atMs: 1_000, pods: 5 },
  { atMs: 3_000, pods: 1 },
];

test('pods cost from creation to exit, and only within the counted time', () => {
  assert.equal(podSeconds(steps, 0, 4_000), 2 * 1 + 5 * 2 + 1 * 1);
  assert.equal(podSeconds(steps, 2_000, 3_500), 5 * 1 + 1 * 0.5);
  assert.equal(podSeconds(steps, -10_000, -4_000), 2);
});

test('number of pods at a time, and highest number over a time', () => {
  assert.deepEqual(
    [-6_000, -5_000, 999, 1_000, 9_000].map((atMs) => podsAt(steps, atMs)),
    [0, 2, 2, 5, 1],
  );
  assert.equal(mostPods(steps, 0, 900), 2);
  assert.equal(mostPods(steps, 0, 2_000), 5);
  assert.equal(mostPods(steps, 3_000, 4_000), 1);
});
