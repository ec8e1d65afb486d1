import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartBudget } from './budget.ts';

const mebibyte = 2 ** 20;

function budget(): { budget: StartBudget; memory: (mebibytes: number) => void } {
  let bytes = 500 * mebibyte;
  return {
    budget: new StartBudget({ cpuMs: 1_000, bytes: 256 * mebibyte }, () => bytes),
    memory: (mebibytes) => (bytes = mebibytes * mebibyte),
  };
}

test('processor time is the limit, and eight runs of one row where those take longer', () => {
  const { budget: quick } = budget();
  quick.spend(1, 100);
  assert.equal(quick.obstacle(9), null);
  assert.equal(quick.obstacle(10), '1000 ms of processor time');
  const { budget: slow } = budget();
  slow.spend(1, 1_000);
  assert.equal(slow.obstacle(7), null);
  assert.equal(slow.obstacle(8), '8000 ms of processor time');
});

test('a failed run is spent, and is no measure of what a row takes', () => {
  const { budget: failing } = budget();
  failing.spendFailed(600);
  assert.equal(failing.obstacle(1), null);
  failing.spendFailed(500);
  assert.equal(failing.obstacle(1), '1000 ms of processor time');
  failing.spend(1, 1_000);
  assert.equal(failing.obstacle(5), null, 'the eight runs are eight of those that the model took');
});

test('memory counts from the least that the process had since', () => {
  const { budget: grown, memory } = budget();
  memory(620);
  assert.equal(grown.obstacle(1), null);
  // Another model's load, which was under way at the beginning, gives back what it took for a moment.
  memory(300);
  assert.equal(grown.obstacle(1), null);
  memory(420);
  assert.deepEqual([grown.obstacle(1), grown.endedByMemory], [null, false]);
  memory(430);
  assert.deepEqual([grown.obstacle(1), grown.endedByMemory], ['256 MiB of memory', true]);
});

test('processor time that ends the start is not taken for memory', () => {
  const { budget: spent } = budget();
  spent.spend(1, 2_000);
  assert.equal(spent.obstacle(8), '16000 ms of processor time');
  assert.equal(spent.endedByMemory, false);
});
