/** Views sent to a child process, and a child that cannot be started. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../cluster/local/child.ts';
import { publish } from '../../cluster/local/ipc.ts';
import type { Cluster, ClusterView, Pod } from '../../cluster/port.ts';

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

test('views reach a child process, the first one too although it was sent before the child watched', async () => {
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
    command: [process.execPath, fileURLToPath(new URL('../../cluster/local/fixtures/watcher.ts', import.meta.url))],
    env: process.env,
    onLine: (line) => {
      lines.push(line);
      listener?.(lines.length === 1 ? viewOf('c') : viewOf());
    },
    onMessage: () => undefined,
    onExit: () => undefined,
  });
  const stop = publish(child, cluster);
  // The child exits by itself, since a closed cluster keeps no process alive.
  assert.equal((await child.exited).text, 'exit code 0');
  assert.deepEqual(lines, ['a b', 'c', '']);
  stop();
  assert.equal(listener, undefined);
  child.send({ kind: 'view', view: viewOf() });
});

test('a missing program is an exit with a reason, not an exception', async () => {
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
