import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelCounters, outcomes, retryReasons, secondsBounds, shedReasons, sizeBounds } from './counters.ts';
import { batchReasons } from '../policy/batch.ts';

test('bounds grow', () => {
  for (const bounds of [secondsBounds, sizeBounds]) {
    assert.deepEqual(
      [...bounds].sort((a, b) => a - b),
      [...bounds],
    );
    assert.equal(new Set(bounds).size, bounds.length);
  }
});

test('every reason and outcome has a count, which begins at zero', () => {
  const counters = new ModelCounters();
  assert.deepEqual(Object.entries(counters.shed), zeros(shedReasons));
  assert.deepEqual(Object.entries(counters.retries), zeros(retryReasons));
  assert.deepEqual(Object.entries(counters.batches), zeros(batchReasons));
  for (const outcome of outcomes) assert.equal(counters.duration(outcome).sum, 0);
});

test('durations are kept apart by outcome, and model queues apart from each other', () => {
  const counters = new ModelCounters();
  const other = new ModelCounters();
  counters.countOutcome('ok', 0.02);
  counters.countOutcome('ok', 0.02);
  counters.countOutcome('shed', 0);
  assert.equal(counters.duration('ok').sum, 0.04);
  assert.equal(counters.duration('shed').counts[0], 1);
  assert.equal(counters.duration('failed').sum, 0);
  assert.equal(other.duration('ok').sum, 0);
});

function zeros(names: readonly string[]): [string, number][] {
  return names.map((name) => [name, 0]);
}

test('counts of several models add up', () => {
  const counters = new ModelCounters();
  const totals = new ModelCounters();
  counters.plain.arrivals = 2;
  counters.shed['no-pod'] = 3;
  counters.countOutcome('ok', 0.002);
  counters.countOutcome('ok', 40);
  totals.include(counters);
  totals.include(counters);
  assert.equal(totals.plain.arrivals, 4);
  assert.deepEqual(totals.shed, { 'queue-full': 0, overloaded: 0, 'no-pod': 6 });
  const { counts, count } = totals.duration('ok');
  assert.deepEqual([counts[1], counts.at(-1), count], [2, 2, 4]);
});
