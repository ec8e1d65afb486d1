/** CPU time and memory of real processes, as bench/lab/peers reads them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ProcessTree } from '../../bench/lab/peers/process-tree.ts';

test('CPU time of a child is the tree’s while it runs and after it was waited for', async (t) => {
  const burn = 'while (process.cpuUsage().user < 300_000);';
  const shell = spawn('/bin/sh', ['-c', `"$0" -e '${burn}'; echo done; read line`, process.execPath], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.after(() => shell.kill());
  const tree = new ProcessTree(shell.pid!);
  assert.ok(tree.alive().length >= 1);
  await once(shell.stdout, 'data');
  assert.deepEqual(
    tree.alive().map(({ pid }) => pid),
    [shell.pid],
  );
  const spent = tree.cpuS();
  assert.ok(spent >= 0.25, `${spent} s`);
  assert.ok(tree.memoryMiB() > 0);
  shell.stdin.end();
  await once(shell, 'exit');
  assert.deepEqual(tree.alive(), []);
});
