import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { ClusterView, Pod } from '../port.ts';
import { connectToSupervisor, isListening } from './ipc.ts';

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

test('a late listener gets the latest view, a stopped one gets none, and other messages are ignored', () => {
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

test('a listening message has a valid port', () => {
  assert.equal(isListening({ kind: 'listening', port: 1234 }), true);
  assert.equal(isListening({ kind: 'listening', port: 0 }), false);
  assert.equal(isListening({ kind: 'view', port: 1234 }), false);
  assert.equal(isListening(undefined), false);
});
