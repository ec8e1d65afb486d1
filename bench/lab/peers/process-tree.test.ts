import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProcessRow } from '../rig/process-meter.ts';
import { treeOf } from './process-tree.ts';

const row = (pid: number, parent: number, session = 1, startTicks = pid): ProcessRow => ({
  pid,
  parent,
  session,
  startTicks,
  cpuS: 0,
  ended: false,
});
const pids = (rows: readonly ProcessRow[]) => rows.map(({ pid }) => pid);

test('descendants belong to the tree, in whatever order they are listed; other processes do not', () => {
  const processes = [row(30, 20), row(20, 10), row(10, 5), row(5, 1), row(40, 5), row(31, 20)];
  assert.deepEqual(pids(treeOf(10, processes)), [30, 20, 10, 31]);
});

test('a process without a parent is found by the session that a member leads', () => {
  assert.deepEqual(pids(treeOf(10, [row(10, 5, 10), row(20, 1, 10), row(21, 20, 10), row(30, 1, 3)])), [10, 20, 21]);
  const leads = [row(10, 5, 10), row(20, 10, 20), row(21, 1, 20)];
  assert.deepEqual(pids(treeOf(10, leads)), [10, 20, 21]);
});

test('a process seen before stays in the tree without parent and session; a new process with its pid does not', () => {
  const seen = new Map([[20, 77]]);
  assert.deepEqual(pids(treeOf(10, [row(20, 1, 1, 77), row(21, 20)], seen)), [20, 21]);
  assert.deepEqual(pids(treeOf(10, [row(20, 1, 1, 78), row(21, 20)], seen)), []);
});
