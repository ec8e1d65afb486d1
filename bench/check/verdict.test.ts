import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../simulate/random.ts';
import { ratioOf, renderVerdicts, verdicts } from './verdict.ts';

const of = (committed: number, ours: number[], yardstick: number[]) =>
  verdicts({ a: committed }, { a: { ours, yardstick } })[0]!;

test('a loss is a ratio that grew by more than a quarter', () => {
  assert.equal(of(2, [250, 300], [100, 100]).lost, false);
  assert.equal(of(2, [251, 300], [100, 100]).lost, true);
  assert.equal(of(2, [100], [100]).growth, -0.5);
  assert.equal(of(2, [NaN], [100]).lost, true);
});

test('rounds that something disturbed say nothing, on either side', () => {
  assert.equal(ratioOf({ ours: [900, 120, 400], yardstick: [100, 700, 1_500] }), 1.2);
});

test('noise that only adds, up to four times the cost, makes a loss or hides one in less than 1% of checks', () => {
  const random = seededRandom(7);
  // Rounds of three attempts.
  const noisy = (cost: number) => Array.from({ length: 21 }, () => cost * (1 + 3 * random() ** 2));
  const repeats = 1_000;
  const count = (cost: number) =>
    Array.from({ length: repeats }, () => of(1.2, noisy(cost), noisy(100))).filter(({ lost }) => lost).length;
  const made = count(120);
  assert.ok(made < 0.01 * repeats, `${made} made`);
  const seen = count(180);
  assert.ok(seen > 0.99 * repeats, `${seen} seen`);
});

test('a ratio that nobody committed, or a committed one that is none, is named', () => {
  const measured = { b: { ours: [1], yardstick: [1] } };
  assert.throws(() => verdicts({ a: 1 }, measured), /'b'/);
  assert.throws(() => verdicts({ b: 0 }, measured), /'b' must be above 0, was: 0/);
});

test('the table says what was lost, and by how much', () => {
  const text = renderVerdicts(
    verdicts(
      { short: 1, 'a longer name': 2 },
      { short: { ours: [150, 160], yardstick: [100, 160] }, 'a longer name': { ours: [195], yardstick: [100] } },
    ),
  );
  assert.equal(
    text,
    'LOST  short          1.50, committed 1.00, +50%; single rounds 1.00–1.50\n' +
      'kept  a longer name  1.95, committed 2.00, −3%; single rounds 1.95–1.95',
  );
});
