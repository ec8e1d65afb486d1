import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Cluster, ClusterView, Pod } from '../port.ts';
import { startChild } from './child.ts';
import { connectToSupervisor, isListening, publish } from './ipc.ts';

function viewOf(...names: string[]): ClusterView {
  const pods = names.map((name): Pod => ({
    uid: name,
    name,
    pool: 'p',
    phase: 'Ready',
    origin: 'http://127.0.0.1:1',
    restarts: 0,
    createdAtMs: 0,
    readyAtMs: 0,
    reason: null,
  }));
  return { pools: [], pods };
}

test('views reach another process, the first one too although it was sent before anyone watched', async () => {
  const lines: string[] = [];
  let listener: ((view: ClusterView) => void) | undefined;
  const cluster: Cluster = {
    watch: (given) => {
      given(viewOf('a', 'b'));
      listener = given;
      return () => (listener = undefined);
    },
    close: () => Promise.resolve(),
  };
  const child = startChild({
    command: [process.execPath, fileURLToPath(new URL('fixtures/watcher.ts', import.meta.url))],
    env: process.env,
    onLine: (line) => {
      lines.push(line);
      listener?.(lines.length === 1 ? viewOf('c') : viewOf());
    },
    onMessage: () => undefined,
    onExit: () => undefined,
  });
  const stop = publish(child, cluster);
  // It ends by itself: a closed cluster keeps no process alive.
  assert.equal((await child.exited).text, 'exit code 0');
  assert.deepEqual(lines, ['a b', 'c', '']);
  stop();
  assert.equal(listener, undefined);
  child.send({ kind: 'view', view: viewOf() });
});

test('who watches later gets the latest view, who stopped gets none, and other messages are none', () => {
  const channel = new EventEmitter();
  const cluster = connectToSupervisor(channel);
  const seen: number[] = [];
  const stop = cluster.watch(({ pods }) => seen.push(pods.length));
  channel.emit('message', { kind: 'view', view: viewOf('a') });
  channel.emit('message', { kind: 'other' });
  channel.emit('message', null);
  stop();
  channel.emit('message', { kind: 'view', view: viewOf('a', 'b') });
  assert.deepEqual(seen, [1]);
  cluster.watch(({ pods }) => seen.push(pods.length));
  assert.deepEqual(seen, [1, 2]);
});

test('a listening message has a port that can be one', () => {
  assert.equal(isListening({ kind: 'listening', port: 1234 }), true);
  assert.equal(isListening({ kind: 'listening', port: 0 }), false);
  assert.equal(isListening({ kind: 'view', port: 1234 }), false);
  assert.equal(isListening(undefined), false);
});

test('a program that is not there is an end with a reason, not an exception', async () => {
  const exits: string[] = [];
  const child = startChild({
    command: ['/no/such/program'],
    env: {},
    onLine: () => undefined,
    onMessage: () => undefined,
    onExit: ({ text }) => exits.push(text),
  });
  await child.exited;
  assert.deepEqual(exits, ['cannot start: spawn /no/such/program ENOENT']);
});
