/** The share of the watch: kept over any sequence of runs, used where there is need, and never saved up for a crowd. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { countRun, countSample, isDue, mayWatch, noBudget, type WatchBudget } from './watch-budget.ts';

/** Runs of so many microseconds each, of which one is sampled wherever that is allowed. */
function serve(runs: readonly number[], share: number, sampleUs: (runUs: number) => number) {
  let budget: WatchBudget = noBudget;
  const samples: number[] = [];
  for (const runUs of runs) {
    budget = countRun(budget, runUs, share);
    if (!mayWatch(budget)) continue;
    samples.push(sampleUs(runUs));
    budget = countSample(budget, samples.at(-1)!);
  }
  return { budget, samples, watchedUs: samples.reduce((sum, us) => sum + us, 0) };
}

test('samples never take more than their share, the last one apart', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 100_000 }), { maxLength: 500 }),
      fc.double({ min: 0.001, max: 0.5, noNaN: true }),
      fc.double({ min: 0, max: 5, noNaN: true }),
      (runs, share, ratio) => {
        const { samples, watchedUs } = serve(runs, share, (runUs) => runUs * ratio);
        const allUs = runs.reduce((sum, us) => sum + us, 0);
        assert.ok(watchedUs - Math.max(0, ...samples) <= share * allUs + 1e-6);
      },
    ),
  );
});

test('the first sample is taken once a whole run is paid for, and cheap ones come more often then', () => {
  const { samples } = serve(Array<number>(100).fill(1000), 0.01, () => 250);
  assert.equal(samples.length, 1);
  assert.equal(serve(Array<number>(99).fill(1000), 0.01, () => 250).samples.length, 0);
  assert.equal(serve(Array<number>(1_000).fill(1000), 0.01, () => 250).samples.length, 40);
});

test('a sample that takes longer than expected is paid back before the next', () => {
  let budget = countRun(noBudget, 1000, 1);
  assert.equal(mayWatch(budget), true);
  budget = countSample(budget, 5000);
  assert.equal(budget.creditUs, -4000);
  for (let run = 0; run < 8; run += 1) {
    assert.equal(mayWatch(budget), false);
    budget = countRun(budget, 1000, 1);
  }
  budget = countRun(budget, 1000, 1);
  assert.equal(mayWatch(budget), true);
});

test('credit of hours is not saved up: 50 ms at most, or one sample where that takes longer', () => {
  const { budget } = serve(Array<number>(100_000).fill(0), 0.01, () => 0);
  assert.equal(mayWatch(budget), false, 'nothing that takes no time is sampled without end');
  let idle = countSample(noBudget, 1000);
  for (let run = 0; run < 100_000; run += 1) idle = countRun(idle, 1000, 0.01);
  assert.equal(idle.creditUs, 50_000);
  let large = countSample(noBudget, 2_000_000);
  for (let run = 0; run < 1_000; run += 1) large = countRun(large, 2_000_000, 0.01);
  assert.equal(large.creditUs, 2_000_000);
  assert.equal(mayWatch(large), true);
});

test('a mean follows runs that change, and one odd clock tick moves it little', () => {
  let budget = countRun(noBudget, 1000, 0.01);
  assert.equal(budget.runUs, 1000);
  budget = countRun(budget, 2000, 0.01);
  assert.equal(budget.runUs, 1100);
  budget = countSample(countSample(budget, 100), 200);
  assert.equal(budget.sampleUs, 110);
});

test('a sample is due where nothing waits, or after 32 runs', () => {
  assert.equal(isDue({ waiting: 0, runsSince: 0 }), true);
  assert.equal(isDue({ waiting: 1, runsSince: 31 }), false);
  assert.equal(isDue({ waiting: 1, runsSince: 32 }), true);
});
