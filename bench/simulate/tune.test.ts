import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baselineNames } from './contenders.ts';
import { fixed } from './fixed.ts';
import { grid, tune, type GridCandidate } from './tune.ts';
import { scenarioWith } from './testing/scenario.ts';

/** Scenario in which a pod runs 33 rows in 43 ms within an objective of 100 ms: 767/s. */
const scenario = scenarioWith({ cost: { a: 10, c: 1 }, objectiveMs: 100, maxRows: 64 });
const arrivals = Float64Array.from({ length: 10_000 }, (_, index) => index);
const sizes: GridCandidate[] = [1, 2, 3, 4].map((replicas) => ({ parameters: { replicas }, policy: fixed(replicas) }));

test('the cheapest candidate within the limit, or the one with the fewest violations where none is', () => {
  assert.deepEqual(tune(sizes, scenario, arrivals, 20).candidate.parameters, { replicas: 2 });
  assert.deepEqual(tune(sizes.slice(0, 1), scenario, arrivals, 1).candidate.parameters, { replicas: 1 });
  assert.deepEqual(tune(sizes, scenario, arrivals, 100).candidate.parameters, { replicas: 1 });
});

test('every baseline has a grid of different parameters, all of which can be simulated', () => {
  for (const name of baselineNames) {
    const candidates = grid(name, scenario);
    assert.equal(new Set(candidates.map(({ parameters }) => JSON.stringify(parameters))).size, candidates.length);
    assert.ok(candidates.length >= 10);
    assert.equal(tune(candidates.slice(0, 2), scenario, arrivals.subarray(0, 2000), 1).result.arrivals, 2000);
  }
});
