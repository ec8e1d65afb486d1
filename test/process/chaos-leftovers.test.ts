/** Leftovers of chaos runs that were killed: gone at the next start, those of runs that go on are not. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { removeLeftovers } from '../faults/leftovers.ts';

test('cgroups and disks of processes that are gone are removed, those of others stay', (t) => {
  const ended = spawnSync('true').pid;
  const root = mkdtempSync(path.join(tmpdir(), 'sluice-cgroups-'));
  const groups = [ended, process.pid].map((pid) => path.join(root, `sluice-faults-${pid}`));
  for (const group of groups) mkdirSync(group);
  const disks = [ended, process.pid].map((pid) => path.join(tmpdir(), `sluice-spare-${pid}-test`, 'disk'));
  for (const disk of disks) mkdirSync(disk, { recursive: true });
  let isMounted = true;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disks[0]!], { stdio: 'ignore' });
  } catch {
    isMounted = false;
    t.diagnostic('nothing can be mounted here');
  }
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
    for (const disk of disks) rmSync(path.dirname(disk), { recursive: true, force: true });
  });
  removeLeftovers([root, '/nowhere']);
  assert.deepEqual(
    [...groups, ...disks].map((folder) => existsSync(folder)),
    [false, true, false, true],
  );
  if (isMounted) assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(disks[0]!));
});
