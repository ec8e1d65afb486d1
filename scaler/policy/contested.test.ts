import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedByOthers, contestedBy, uncontested } from './contested.ts';

const minutes = (count: number): number => count * 60_000;
const after = (...atMinutes: number[]) =>
  atMinutes.reduce((contest, at) => changedByOthers(contest, minutes(at)), uncontested);

test('one change or two are a person at work, a third within five minutes is another writer', () => {
  assert.equal(contestedBy(after(1), minutes(1)), null);
  assert.equal(contestedBy(after(1, 2), minutes(2)), null);
  assert.equal(contestedBy(after(1, 2, 3), minutes(3))?.reason, 'Conflict');
});

test('over five minutes after the last change it is ours again', () => {
  const contest = after(1, 2, 3);
  assert.notEqual(contestedBy(contest, minutes(7.9)), null);
  assert.equal(contestedBy(contest, minutes(8)), null);
});

test('changes far apart are not a fight, and those of an old one are forgotten', () => {
  assert.equal(contestedBy(after(0, 10, 20), minutes(20)), null);
  assert.equal(contestedBy(after(0, 1, 2, 20), minutes(20)), null);
  assert.notEqual(contestedBy(after(0, 1, 2, 20, 21, 22), minutes(22)), null);
});
