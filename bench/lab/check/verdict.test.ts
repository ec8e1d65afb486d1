import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../runtime/seeded-random.ts';
import { ratioOf, renderVerdicts, verdicts } from './verdict.ts';

const of = (committed: number, ours: number[], yardstick: number[]) =>
  verdicts({ a: committed }, { a: { ours, yardstick } })[0]!;

test('a loss is a ratio that grew by more than a quarter', () => {
  assert.equal(of(2, [240, 260], [100, 100]).lost, false);
  assert.equal(of(2, [240, 261], [100, 100]).lost, true);
  assert.equal(of(2, [100], [100]).growth, -0.5);
  assert.equal(of(2, [NaN], [100]).lost, true);
});

test('slow seconds of the machine meet both sides, and change nothing', () => {
  assert.equal(ratioOf({ ours: [120, 360, 120], yardstick: [100, 300, 100] }), 1.2);
});

test('noise of up to four times the cost makes or hides a loss in less than 1% of checks', () => {
  const random = seededRandom(7);
  // Number of rounds in three attempts.
  const noisy = (cost: number) => Array.from({ length: 84 }, () => cost * (1 + 3 * random() ** 2));
  const repeats = 1_000;
  const count = (cost: number) =>
    Array.from({ length: repeats }, () => of(1.2, noisy(cost), noisy(100))).filter(({ lost }) => lost).length;
  const made = count(120);
  assert.ok(made < 0.01 * repeats, `${made} made`);
  const seen = count(180);
  assert.ok(seen > 0.99 * repeats, `${seen} seen`);
});

test('a measured ratio without a committed one, or with an invalid one, is named', () => {
  const measured = { b: { ours: [1], yardstick: [1] } };
  assert.throws(() => verdicts({ a: 1 }, measured), /'b'/);
  assert.throws(() => verdicts({ b: 0 }, measured), /'b' must be above 0, was: 0/);
});

test('the table says which ratios are lost, and by how much', () => {
  const text = renderVerdicts(
    verdicts(
      { short: 1, 'a longer name': 2 },
      { short: { ours: [140, 160], yardstick: [100, 100] }, 'a longer name': { ours: [195], yardstick: [100] } },
    ),
  );
  assert.equal(
    text,
    'LOST  short          1.50, committed 1.00, +50%; single rounds 1.40–1.60\n' +
      'kept  a longer name  1.95, committed 2.00, −3%; single rounds 1.95–1.95',
  );
});
