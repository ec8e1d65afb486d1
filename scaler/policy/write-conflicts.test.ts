import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordForeignWrite, writeConflict, noForeignWrites } from './write-conflicts.ts';

const minutes = (count: number): number => count * 60_000;
const after = (...atMinutes: number[]) =>
  atMinutes.reduce((writes, at) => recordForeignWrite(writes, minutes(at)), noForeignWrites);

test('one or two foreign writes are no conflict, a third within five minutes is', () => {
  assert.equal(writeConflict(after(1), minutes(1)), null);
  assert.equal(writeConflict(after(1, 2), minutes(2)), null);
  assert.equal(writeConflict(after(1, 2, 3), minutes(3))?.reason, 'Conflict');
});

test('the conflict ends five minutes after the last foreign write', () => {
  const writes = after(1, 2, 3);
  assert.notEqual(writeConflict(writes, minutes(7.9)), null);
  assert.equal(writeConflict(writes, minutes(8)), null);
});

test('writes far apart are no conflict, and those of an old one are forgotten', () => {
  assert.equal(writeConflict(after(0, 10, 20), minutes(20)), null);
  assert.equal(writeConflict(after(0, 1, 2, 20), minutes(20)), null);
  assert.notEqual(writeConflict(after(0, 1, 2, 20, 21, 22), minutes(22)), null);
});
