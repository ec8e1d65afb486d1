import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clairvoyant, fillGaps, follow } from './clairvoyant.ts';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { scenarioWith } from './testing/scenario.ts';

/** Scenario in which a pod runs 4 requests in 300 ms, about 13/s, and starts take 1 s. */
const scenario = scenarioWith({ cost: { a: 100, c: 50 }, objectiveMs: 700, maxRows: 4 });

/** Every sequence of `length` numbers from `least` to `most`. */
function* sequences(length: number, least: number, most: number): Generator<number[]> {
  if (length === 0) yield [];
  else
    for (const rest of sequences(length - 1, least, most))
      for (let one = least; one <= most; one += 1) yield [one, ...rest];
}

/** Cost of a supply: its pod-slots, and `restart` for each pod that starts after slot 0. */
function costOf(supply: readonly number[], restart: number): number {
  return supply.reduce((sum, pods, slot) => sum + pods + restart * Math.max(0, pods - (supply[slot - 1] ?? pods)), 0);
}

describe('clairvoyant', () => {
  test('over a gap a pod is kept or restarted, whichever is cheaper: compared with all supplies that cover the need', () => {
    const random = seededRandom(5);
    for (let round = 0; round < 60; round += 1) {
      const need = Array.from({ length: 7 }, () => Math.floor(random() * 3));
      const restart = [0.5, 1.5, 2.5][round % 3]!;
      const filled = fillGaps(need, restart);
      assert.ok(filled.every((pods, slot) => pods >= need[slot]!));
      let cheapest = Infinity;
      for (const supply of sequences(need.length, 0, 2)) {
        if (supply.every((pods, slot) => pods >= need[slot]!)) cheapest = Math.min(cheapest, costOf(supply, restart));
      }
      assert.equal(costOf(filled, restart), cheapest, `${need.join(' ')} at ${restart}`);
    }
  });

  test('small cases: no request is late, and the cost is close to that of the cheapest possible schedule', () => {
    let sum = 0;
    let leastSum = 0;
    for (let seed = 1; seed <= 12; seed += 1) {
      const random = seededRandom(seed);
      const arrivals: number[] = [0];
      for (let slot = 0; slot < 5; slot += 1) {
        const count = Math.floor(random() * 30);
        for (let request = 0; request < count; request += 1) arrivals.push(1000 * (slot + random()));
      }
      const arrivalsMs = Float64Array.from(arrivals).sort();
      const found = clairvoyant(scenario, arrivalsMs).result;
      assert.equal(found.late + found.shed + found.failed, 0, `seed ${seed}`);
      let least = Infinity;
      for (const serving of sequences(Math.floor(arrivalsMs.at(-1)! / 1000) + 1, 1, 4)) {
        const { late, failed, podSeconds } = follow(scenario, arrivalsMs, serving);
        if (late + failed === 0) least = Math.min(least, podSeconds);
      }
      sum += found.podSeconds;
      leastSum += least;
      assert.ok(found.podSeconds < 1.12 * least, `seed ${seed}: ${found.podSeconds} against ${least}`);
    }
    assert.ok(sum / leastSum < 1.02, `${sum / leastSum} of the cheapest, all cases together`);
  });
});
