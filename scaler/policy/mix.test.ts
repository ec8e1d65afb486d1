import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelLoad } from '../../contract/load-report.ts';
import { costOf, updateMix, noMix, requestsPerRun } from './mix.ts';

function model(name: string, load: Partial<ModelLoad> = {}): ModelLoad {
  return { name, arrivals: 0, rowsPerRequest: 1, maxRows: 64, fit: { aMs: 10, cMs: 1, samples: 50 }, ...load };
}

test('weights: arrivals since the update before, forgotten with a time constant of a minute', () => {
  const first = updateMix(noMix, [{ gateway: 'g', models: [model('a', { arrivals: 100 })] }], 1_000);
  assert.deepEqual(first.weights, { a: 0 }, 'a first total does not tell when its requests came');
  const second = updateMix(first, [{ gateway: 'g', models: [model('a', { arrivals: 130 })] }], 1_000);
  assert.deepEqual(second.weights, { a: 30 });
  const later = updateMix(second, [{ gateway: 'g', models: [model('a', { arrivals: 130 })] }], 60_000);
  assert.ok(Math.abs(later.weights.a! - 30 / Math.E) < 1e-9);
});

test('cost of a request: models weigh by their share, requests by their rows', () => {
  const models = [model('quick'), model('slow', { rowsPerRequest: 4, fit: { aMs: 100, cMs: 10, samples: 50 } })];
  assert.deepEqual(costOf(models, { quick: 3, slow: 1 }), { a: (3 * 10 + 100) / 4, c: (3 * 1 + 4 * 10) / 4 });
  assert.equal(costOf([model('new', { fit: null })], { new: 5 }), null);
});

test('a request of more rows than one run takes pays for each of its runs', () => {
  const cost = costOf([model('wide', { rowsPerRequest: 8, maxRows: 4 })], { wide: 1 });
  assert.deepEqual(cost, { a: 20, c: 8 });
});

test('a run holds as many rows as the model takes, even if the pool allows more', () => {
  const reported = [{ gateway: 'g', models: [model('small', { maxRows: 4 })] }];
  assert.equal(requestsPerRun(reported, { small: 10 }, 64), 4);
  const both = [{ gateway: 'g', models: [model('small', { maxRows: 4 }), model('large', { maxRows: 64 })] }];
  assert.equal(requestsPerRun(both, { small: 1, large: 1 }, 64), Math.floor(2 / (1 / 4 + 1 / 64)));
  assert.equal(requestsPerRun(reported, {}, 64), 64, 'without recent requests');
  assert.equal(
    requestsPerRun([{ gateway: 'g', models: [model('wide', { rowsPerRequest: 100 })] }], { wide: 1 }, 64),
    1,
  );
});
