import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStat, treeOf, type ProcessRow } from './process-tree.ts';

const row = (pid: number, parent: number, session = 1, startTicks = pid): ProcessRow => ({
  pid,
  parent,
  session,
  startTicks,
  cpuS: 0,
  ended: false,
});
const pids = (rows: readonly ProcessRow[]) => rows.map(({ pid }) => pid);

test('a line of /proc is read behind the name, whatever the name is', () => {
  const line = '42 (a) b (c) S 7 40 41 0 -1 4194560 1 2 3 4 150 50 200 100 20 0 9 0 123456 1 2';
  assert.deepEqual(parseStat(line), { pid: 42, parent: 7, session: 41, startTicks: 123456, cpuS: 5, ended: false });
  assert.equal(parseStat(line.replace(' S ', ' Z ')).ended, true);
});

test('descendants belong to the tree in whatever order they are listed, others do not', () => {
  const processes = [row(30, 20), row(20, 10), row(10, 5), row(5, 1), row(40, 5), row(31, 20)];
  assert.deepEqual(pids(treeOf(10, processes)), [30, 20, 10, 31]);
});

test('what lost its parent is found by the session that a member leads', () => {
  assert.deepEqual(pids(treeOf(10, [row(10, 5, 10), row(20, 1, 10), row(21, 20, 10), row(30, 1, 3)])), [10, 20, 21]);
  const leads = [row(10, 5, 10), row(20, 10, 20), row(21, 1, 20)];
  assert.deepEqual(pids(treeOf(10, leads)), [10, 20, 21]);
});

test('what was seen before stays in the tree without parent and session, a new process of its pid does not', () => {
  const seen = new Map([[20, 77]]);
  assert.deepEqual(pids(treeOf(10, [row(20, 1, 1, 77), row(21, 20)], seen)), [20, 21]);
  assert.deepEqual(pids(treeOf(10, [row(20, 1, 1, 78), row(21, 20)], seen)), []);
});
