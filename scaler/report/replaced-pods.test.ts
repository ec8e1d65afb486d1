/** Failures that outlive their pods: until a fresh pod is past its start, and never once the pool asks for fewer pods. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodReport } from '../../contract/scaler-api.ts';
import { ReplacedPods } from './replaced-pods.ts';

const failure = { reason: 'CrashLoopBackOff', message: 'exit code 1', sinceMs: 7 };
const pod = (uid: string, state: PodReport['state'], more: Partial<PodReport> = {}): PodReport => ({
  uid,
  name: uid,
  state,
  inFlight: 0,
  reason: null,
  ...more,
});
const crashing = (uid: string): PodReport => pod(uid, 'crash-looping', { failure });

/** A timeline of a pool: what is told at each step, as `pod: message`. */
function timeline(replicas: number): (pods: readonly PodReport[], now?: number) => string[] {
  const replaced = new ReplacedPods();
  return (pods, now = replicas) => replaced.see(pods, now).map(({ name, failure }) => `${name}: ${failure!.message}`);
}

test('the failure holds from the end of a pod until the fresh one serves', () => {
  const told = timeline(1);
  assert.deepEqual(told([crashing('a')]), [], 'a pod that is there speaks for itself');
  assert.deepEqual(told([pod('a', 'terminating')]), ['a: exit code 1; it is being replaced']);
  assert.deepEqual(told([]), ['a: exit code 1; it is being replaced']);
  assert.deepEqual(told([pod('b', 'pending')]), ['a: exit code 1; b starts in its place']);
  assert.deepEqual(told([pod('b', 'starting')]), ['a: exit code 1; b starts in its place']);
  assert.deepEqual(told([pod('b', 'serving')]), []);
  assert.deepEqual(told([pod('b', 'starting')]), [], 'it is told once');
});

test('a fresh pod that fails by itself is told instead, and its failure outlives it in turn', () => {
  const told = timeline(1);
  told([crashing('a')]);
  assert.deepEqual(told([pod('a', 'terminating'), pod('b', 'pending')]), ['a: exit code 1; b starts in its place']);
  assert.deepEqual(told([crashing('b')]), []);
  assert.deepEqual(told([pod('c', 'starting')]), ['b: exit code 1; c starts in its place']);
  assert.deepEqual(told([pod('d', 'starting')]), ['b: exit code 1; d starts in its place'], 'c went without a failure');
});

test('a pool that shrinks, or whose rollout is undone, has lost nobody', () => {
  const shrinks = timeline(2);
  shrinks([crashing('a'), pod('b', 'serving')]);
  assert.deepEqual(shrinks([pod('a', 'terminating'), pod('b', 'serving')], 1), []);
  const undone = timeline(1);
  undone([pod('old', 'serving'), crashing('new')]);
  assert.deepEqual(undone([pod('old', 'serving'), pod('new', 'terminating')]), []);
  const emptied = timeline(1);
  emptied([crashing('a')]);
  assert.deepEqual(emptied([], 0), []);
});

test('pods that end without a failure are nothing to tell', () => {
  const told = timeline(3);
  assert.deepEqual(told([pod('a', 'starting'), pod('b', 'serving')]), []);
  assert.deepEqual(told([pod('a', 'starting'), pod('c', 'starting')]), []);
});

test('each of several has a fresh pod of its own', () => {
  const told = timeline(2);
  told([crashing('a'), crashing('b')]);
  assert.deepEqual(told([pod('c', 'starting')]), [
    'a: exit code 1; c starts in its place',
    'b: exit code 1; it is being replaced',
  ]);
  assert.deepEqual(told([pod('c', 'serving'), pod('d', 'starting')]), ['b: exit code 1; d starts in its place']);
});
