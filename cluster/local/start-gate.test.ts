import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartGate } from './start-gate.ts';

test('at most the limit start at a time, in order, and each finished start admits the next', () => {
  const gate = new StartGate(2);
  const started: number[] = [];
  const leave = [0, 1, 2, 3, 4].map((id) => gate.enter(() => started.push(id)));
  assert.deepEqual(started, [0, 1]);
  leave[1]!();
  leave[1]!();
  assert.deepEqual(started, [0, 1, 2]);
  leave[3]!();
  leave[0]!();
  assert.deepEqual(started, [0, 1, 2, 4]);
  leave[2]!();
  leave[4]!();
  gate.enter(() => started.push(5))();
  assert.deepEqual(started, [0, 1, 2, 4, 5]);
});

test('a hanging start frees its slot after ten seconds', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const gate = new StartGate(1);
  const started: number[] = [];
  gate.enter(() => started.push(0));
  gate.enter(() => started.push(1));
  t.mock.timers.tick(9_999);
  assert.deepEqual(started, [0]);
  t.mock.timers.tick(1);
  assert.deepEqual(started, [0, 1]);
});
