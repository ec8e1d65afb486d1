/** Rates of each model from running totals, over its first request and restarts of a gateway. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolLoad } from '../../contract/load-report.ts';
import type { FreshLoad } from '../policy/merge.ts';
import { ModelRatesWindow } from './model-rates-window.ts';

interface Totals {
  readonly good?: number;
  readonly clientErrors?: number;
  readonly shed?: number;
  readonly timeouts?: number;
  readonly failed?: number;
}

/** Load of one gateway whose requests are all of model `m`, each of two rows, answered within 10 ms. */
function load(instance: string, given: Totals): FreshLoad {
  const { good = 0, clientErrors = 0, shed = 0, timeouts = 0, failed = 0 } = given;
  const arrivals = good + clientErrors + shed + timeouts + failed;
  const outcomes = {
    arrivedRows: 2 * arrivals,
    durationCounts: [good + clientErrors, 0],
    clientErrors,
    shed,
    timeouts,
    failed,
  };
  const pool: PoolLoad = {
    name: 'p',
    arrivals,
    arrivedRows: 2 * arrivals,
    arrivedBytes: 0,
    completions: good + clientErrors,
    late: 0,
    shed: { overloaded: shed },
    failed: failed + timeouts,
    durations: { boundsMs: [10], counts: [good + clientErrors, 0] },
    queued: 0,
    queuedBytes: 0,
    oldestMs: 0,
    predictedWaitMs: null,
    inFlight: 0,
    models: [
      { name: 'm', arrivals, rowsPerRequest: 2, maxRows: 8, fit: null, ...(arrivals === 0 ? {} : { outcomes }) },
    ],
    pods: [],
  };
  const report = { instance, name: 'g', sequence: 1, ready: true, pools: [pool] };
  const gateway = { uid: 'g', name: 'g', wasReady: true, terminating: false, lastReport: { atMs: 0, report } };
  return { gateway, load: pool };
}

test('each outcome has its rate, from the first request of a model on', () => {
  const window = new ModelRatesWindow();
  window.add([load('a', {})], 0);
  assert.equal(window.of('m'), null, 'one reading tells nothing');
  window.add([load('a', { good: 50, clientErrors: 10, shed: 20, timeouts: 5, failed: 15 })], 5_000);
  const { p99Ms, ...rates } = window.of('m')!;
  const answers = { okPerS: 10, clientErrorsPerS: 2, shedPerS: 4, timeoutsPerS: 1, failedPerS: 3 };
  assert.deepEqual(rates, { arrivalsPerS: 20, rowsPerS: 40, answers });
  assert.ok((p99Ms ?? 0) > 9);
  assert.equal(window.of('other'), null);
});

test('what is older than ten seconds no longer counts, and readings that come too often are not kept', () => {
  const window = new ModelRatesWindow();
  window.add([load('a', {})], 0);
  for (let atMs = 1_000; atMs <= 30_000; atMs += 10) window.add([load('a', { failed: 100 })], atMs);
  assert.equal(window.of('m')?.answers?.failedPerS, 0);
});

test('a gateway that starts anew adds nothing until it has reported twice, and takes nothing away', () => {
  const window = new ModelRatesWindow();
  window.add([load('a', { good: 1_000 }), load('b', { good: 0 })], 0);
  window.add([load('a2', { good: 3 }), load('b', { good: 7 })], 1_000);
  assert.equal(window.of('m')?.answers?.okPerS, 7);
});
