import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { poissonArrivals } from './families/rate-curve.ts';
import { segmentedRate } from './segmented-rate.ts';
import { parseTrace } from './trace.ts';

/** Arrivals of levels that each last so many seconds, and the rate that is found in them. */
function found(seed: number, ...levels: readonly (readonly [seconds: number, perSecond: number])[]): number[] {
  const perSecond = Float64Array.from(levels.flatMap(([seconds, rate]) => Array<number>(seconds).fill(rate)));
  return [...segmentedRate(poissonArrivals({ stepMs: 1000, perSecond }, seededRandom(seed))).perSecond];
}

/** Seconds at which a rate changes. */
const changes = (perSecond: readonly number[]): number[] =>
  perSecond.flatMap((rate, second) => (second > 0 && rate !== perSecond[second - 1] ? [second] : []));

describe('rate from a trace', () => {
  test('counts by hand: three a second, then ten', () => {
    const arrivals = [...Array(20).keys()].flatMap((second) =>
      Array.from({ length: second < 12 ? 3 : 10 }, (_, index) => 1000 * second + 50 * index),
    );
    const { stepMs, perSecond } = segmentedRate(Float64Array.from(arrivals));
    assert.deepEqual([stepMs, [...perSecond]], [1000, [...Array<number>(12).fill(3), ...Array<number>(8).fill(10)]]);
  });

  test('a step, a stay of ten seconds and the fall after it are found where they are', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const seen = found(seed, [60, 50], [10, 150], [60, 50]);
      const [up = 0, down = 0, ...others] = changes(seen);
      assert.ok(Math.abs(up - 60) <= 1 && Math.abs(down - 70) <= 1 && others.length === 0, changes(seen).join());
      assert.ok(Math.abs(seen[65]! - 150) < 20, `${seen[65]}`);
    }
  });

  test('a constant rate has no change, though chance moves its counts', () => {
    let wrong = 0;
    for (let seed = 1; seed <= 20; seed += 1) wrong += changes(found(seed, [500, 40])).length;
    assert.ok(wrong <= 1, `${wrong} changes`);
  });

  test('clumps of arrivals are no changes of the rate: the same clumps, one per 3 s in the mean, have few levels', () => {
    const random = seededRandom(3);
    const arrivals: number[] = [];
    for (let atMs = 0; atMs < 900_000; atMs -= 3000 * Math.log(1 - random())) {
      for (let one = 0; one < 30; one += 1) arrivals.push(atMs + 10 * one);
    }
    const levels = changes([...segmentedRate(Float64Array.from(arrivals)).perSecond]).length;
    assert.ok(levels < 30, `${levels} changes in 300 clumps`);
  });

  test('a public trace keeps its number of requests, and its levels are fewer than its seconds', () => {
    const file = new URL('../traces/azure-llm-conv.csv', import.meta.url);
    const arrivalsMs = parseTrace(readFileSync(file, 'utf8'), 'azure-llm-conv');
    const { stepMs, perSecond } = segmentedRate(arrivalsMs);
    const requests = perSecond.reduce((sum, rate) => sum + (rate * stepMs) / 1000, 0);
    assert.ok(Math.abs(requests - arrivalsMs.length) < 1e-6 * requests);
    assert.ok(changes([...perSecond]).length < perSecond.length / 20, `${changes([...perSecond]).length}`);
  });
});
