import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { podsByRate } from './level-capacity.ts';
import { reactiveOracle, reactiveSchedule } from './reactive-oracle.ts';
import { scenarioWith } from './testing/scenario.ts';

describe('schedule of the reactive oracle', () => {
  /** Starts take three looks, drains one. */
  const schedule = (...need: readonly number[]): string => reactiveSchedule(need, 3, 1).join(' ');

  test('a level that stays for longer than a start is ordered when it begins, not before', () => {
    assert.equal(schedule(1, 1, 3, 3, 3, 3, 1, 1, 1, 1, 1), '1 1 3 3 3 3 1 1 1 1 1');
  });

  test('a level that ends before its pods would be ready is not ordered; the part of it that stays is', () => {
    assert.equal(schedule(1, 3, 3, 3, 1, 1, 1, 1, 1), '1 1 1 1 1 1 1 1 1');
    assert.equal(schedule(1, 3, 2, 2, 2, 1, 1, 1, 1, 1), '1 2 2 2 2 1 1 1 1 1');
  });

  test('a gap as long as a start and a drain is kept over, a longer one is not', () => {
    assert.equal(schedule(2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1), '2 2 2 2 2 2 1 1 1 1 1');
    assert.equal(schedule(2, 1, 1, 1, 1, 1, 2, 2, 2, 2), '2 1 1 1 1 1 2 2 2 2');
  });

  test('the first level was known, and the last one stays', () => {
    assert.equal(schedule(4, 4, 1, 1, 1, 1, 1, 2), '4 4 1 1 1 1 1 2');
  });
});

describe('reactive oracle', () => {
  /** Scenario in which a pod answers one request in 100 ms, and starts in 1 s. */
  const scenario = scenarioWith({ cost: { a: 0, c: 100 }, objectiveMs: 250, maxRows: 1, coldStartMs: 1000 });
  const tenEach = (perSecond: number): number => Math.ceil(perSecond / 10);
  /** Arrivals at even gaps, and their rate by tenths of a second. */
  function even(...levels: readonly (readonly [seconds: number, perSecond: number])[]) {
    const arrivals: number[] = [];
    const perSecond: number[] = [];
    for (const [seconds, rate] of levels) {
      const fromMs = 100 * perSecond.length;
      for (let one = 0; one < seconds * rate; one += 1) arrivals.push(fromMs + (1000 * one) / rate);
      perSecond.push(...Array<number>(10 * seconds).fill(rate));
    }
    const curve = { stepMs: 100, perSecond: Float64Array.from(perSecond) };
    return { arrivalsMs: Float64Array.from(arrivals), curve };
  }

  test('a step by four: what one pod leaves over is missed for as long as a start takes, and nothing after it', () => {
    const { arrivalsMs, curve } = even([5, 10], [10, 40]);
    const result = reactiveOracle(scenario, arrivalsMs, curve, tenEach);
    const missed = result.late + result.shed + result.failed;
    // Within the start 40 come. The pod takes those at 5000, 5025 and 5050 ms, the last of which is answered after 250 ms, and
    // from then on one of four: at 5150, 5250 … 5950. The other 28 are refused.
    assert.equal(missed, 28);
    assert.equal(result.scaleWrites, 1);
    // One pod for 15.225 s, until the last answer is due, and three more from 5 s on.
    assert.ok(Math.abs(result.podSeconds - (15.225 + 3 * 10.225)) < 1e-9, `${result.podSeconds}`);
  });

  test('a spike shorter than a start orders nothing; with maxReplicas no more than that', () => {
    const spike = even([5, 10], [1, 40], [5, 10]);
    assert.equal(reactiveOracle(scenario, spike.arrivalsMs, spike.curve, tenEach).podStarts, 0);
    const step = even([5, 10], [10, 40]);
    assert.equal(reactiveOracle({ ...scenario, maxReplicas: 3 }, step.arrivalsMs, step.curve, tenEach).podStarts, 2);
  });

  test('from zero: requests that find no pod are gone after the objective, so those after the start are in time', () => {
    const { arrivalsMs, curve } = even([3, 0], [10, 10]);
    const result = reactiveOracle({ ...scenario, minReplicas: 0 }, arrivalsMs, curve, tenEach);
    // Eight of 3000 … 3700 ms are gone by 4000. Those of 3800 and 3900 are answered after 300 ms each, the one of 4000 would be
    // too and is refused, and the next finds a pod that is done at 4200.
    assert.deepEqual([result.shed, result.late, result.failed], [9, 2, 0]);
    assert.equal(result.podStarts, 1);
  });
});

describe('pods of a level', () => {
  const scenario = scenarioWith({ cost: { a: 0, c: 100 }, objectiveMs: 450, maxRows: 1, maxReplicas: 100 });
  const podsFor = podsByRate(scenario);

  test('none for no rate, more for more, never above maxReplicas', () => {
    const found = [0, 0.1, 1, 5, 10, 20, 50, 100, 200, 400, 800, 5000].map(podsFor);
    assert.deepEqual(
      found,
      [...found].sort((one, other) => one - other),
    );
    assert.deepEqual([found[0], found[1], found.at(-1)], [0, 1, 100]);
  });

  test('few pods have more to spare than many: 5/s take one of ten, 500/s not twice as many as they fill', () => {
    assert.equal(podsFor(8), 2);
    const pods = podsFor(500);
    assert.ok(pods > 50 && pods < 60, `${pods}`);
  });
});
