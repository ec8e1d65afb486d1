/** Reasons why a pod's process does not run, as the kubelet tells them over its tries. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus, PodObject } from './objects.ts';
import { failureOf, lastExitOf } from './pod-failure.ts';
import { at, podObject, readyCondition } from './testing/objects.ts';

const ms = (seconds: number): number => Date.parse(at(seconds));
const pod = (...containerStatuses: ContainerStatus[]): PodObject =>
  podObject({ status: { ...readyCondition('False', 3), containerStatuses } });
const failure = (object: PodObject) => failureOf(object, false, null);

test('a container that starts as it should has no failure', () => {
  assert.equal(failure(podObject({ status: { phase: 'Pending' } })), null);
  assert.equal(failure(pod({ state: { waiting: { reason: 'ContainerCreating' } } })), null);
  assert.equal(failure(pod({ state: { running: {} } })), null);
  const done = { exitCode: 0, reason: 'Completed' };
  assert.equal(failure(pod({ state: { running: {} }, lastState: { terminated: done } })), null);
});

test('an image that cannot be pulled is one failure over all tries, with the words of the pull', () => {
  const pulled = failure(pod({ state: { waiting: { reason: 'ErrImagePull', message: 'manifest unknown' } } }));
  assert.deepEqual(pulled, { reason: 'ImagePullBackOff', message: 'manifest unknown', sinceMs: ms(3) });
  const backOff = { state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "x"' } } };
  assert.deepEqual(failureOf(pod(backOff), false, pulled), pulled);
});

test('a crash loop keeps its reason while the process runs for a moment, and quotes the last error of the log', () => {
  const message = '{"level":30,"msg":"listening"}\n{"level":60,"msg":"no model can be served"}\n';
  const terminated = { exitCode: 2, reason: 'Error', message, finishedAt: at(20) };
  const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 20s' };
  const found = failure(pod({ restartCount: 3, state: { waiting }, lastState: { terminated } }));
  const looping = { reason: 'CrashLoopBackOff', message: 'exit code 2 (no model can be served)', sinceMs: ms(20) };
  assert.deepEqual(found, looping);
  const later = { ...terminated, finishedAt: at(50) };
  const running = pod({ restartCount: 4, state: { running: {} }, lastState: { terminated: later } });
  assert.deepEqual(failureOf(running, false, found), looping);
});

test('what a process logged before a signal ended it is not why, nor is a line that the kubelet has cut', () => {
  const survived = '{"level":50,"msg":"a version is not served, and what serves goes on"}\n';
  const after = (exitCode: number, message: string) =>
    lastExitOf(pod({ state: { running: {} }, lastState: { terminated: { exitCode, reason: 'Error', message } } }));
  assert.equal(after(136, survived), 'exit code 136');
  assert.equal(after(1, survived), 'exit code 1 (a version is not served, and what serves goes on)');
  assert.equal(after(134, `${survived}terminate called\n`), 'exit code 134 (terminate called)');
  const lines = '{"level":30,"msg":"listening"}\n'.repeat(100).slice(-2048);
  assert.equal(after(136, lines), 'exit code 136');
  assert.equal(
    after(
      2,
      lines.replace(/^[^\n]+/, (cut) => 'x'.repeat(cut.length)),
    ),
    'exit code 2',
  );
});

test('one exit is a restart, and lack of memory is told as such', () => {
  const exited = { exitCode: 137, reason: 'Error', finishedAt: at(9) };
  const restarted = { restartCount: 1, state: { running: {} }, lastState: { terminated: exited } };
  assert.deepEqual(failure(pod(restarted)), { reason: 'Restarting', message: 'exit code 137', sinceMs: ms(9) });
  const killed = { ...restarted, lastState: { terminated: { ...exited, reason: 'OOMKilled' } } };
  assert.equal(failure(pod(killed))!.reason, 'OOMKilled');
  assert.equal(lastExitOf(pod(killed)), 'out of memory (OOMKilled)');
});

test('an init container that fails is named', () => {
  const initContainerStatuses = [
    { name: 'fetch', state: { terminated: { exitCode: 1, reason: 'Error', message: 'no such bucket' } } },
  ];
  const object = podObject({ status: { ...readyCondition('False', 3), initContainerStatuses } });
  assert.equal(failure(object)!.message, 'init container fetch: exit code 1 (no such bucket)');
});

test('a pod that no node has room for says so, since when', () => {
  const scheduled = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' };
  const conditions = [{ ...scheduled, lastTransitionTime: at(2) }];
  const found = failure(podObject({ status: { phase: 'Pending', conditions } }));
  assert.deepEqual(found, { reason: 'Unschedulable', message: '0/3 nodes', sinceMs: ms(2) });
});

test('a pod that is ready or on its way out has no failure, whatever it did before', () => {
  const crashed = pod({ restartCount: 5, lastState: { terminated: { exitCode: 1, reason: 'Error' } } });
  assert.equal(failureOf(crashed, true, null), null);
  const leaving = { ...crashed, metadata: { ...crashed.metadata, deletionTimestamp: at(9) } };
  assert.equal(failureOf(leaving, false, null), null);
});
