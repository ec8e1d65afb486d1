import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { clairvoyant } from './clairvoyant.ts';
import { baselineNames, defaultBaseline } from './contenders.ts';
import { missedRequests, simulate, type Scenario, type SimulationResult } from './engine.ts';
import { poissonArrivals } from './families/rate-curve.ts';
import { fixed } from './fixed.ts';
import { leastPodSeconds } from './lower-bound.ts';
import { sluice } from './sluice.ts';
import { scenarioWith } from './testing/scenario.ts';

/** Small scenarios: runs of one to eight rows, with and without room for a second batch, and starts of any length. */
const scenarios = fc
  .record({
    a: fc.integer({ min: 0, max: 120 }),
    c: fc.integer({ min: 0, max: 120 }),
    objectiveMs: fc.integer({ min: 50, max: 900 }),
    maxRows: fc.integer({ min: 1, max: 8 }),
    coldStartMs: fc.integer({ min: 1, max: 4000 }),
    minReplicas: fc.integer({ min: 0, max: 2 }),
    initialReplicas: fc.integer({ min: 0, max: 8 }),
    shedding: fc.boolean(),
  })
  .map(({ a, c, ...rest }) => scenarioWith({ ...rest, cost: { a, c: a + c === 0 ? 1 : c } }));

/** Bursts of requests, also at the very same time, and lulls between them. */
const traces = fc
  .array(
    fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 1, max: 25 }), fc.integer({ min: 0, max: 60 })),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((bursts) => {
    const arrivals: number[] = [];
    let atMs = 0;
    for (const [lullMs, requests, gapMs] of bursts) {
      atMs += lullMs;
      for (let request = 0; request < requests; request += 1) arrivals.push((atMs += gapMs));
    }
    return Float64Array.from(arrivals, (one) => one - arrivals[0]!);
  });

/** Any schedule at all: replicas by steps of a quarter of a second. */
const schedules = fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 60 });

function holds(scenario: Scenario, arrivalsMs: Float64Array, result: SimulationResult): void {
  const bound = leastPodSeconds(scenario, arrivalsMs, missedRequests(result));
  assert.ok(bound <= result.podSeconds + 1e-9, `${bound} is the bound, with ${missedRequests(result)} missed`);
}

/** Steady arrivals, one a gap, in each of some stretches. */
function steady(gapMs: number, ...stretches: readonly (readonly [fromS: number, toS: number])[]): Float64Array {
  const arrivals: number[] = [];
  for (const [fromS, toS] of stretches) {
    for (let atMs = 1000 * fromS; atMs < 1000 * toS; atMs += gapMs) arrivals.push(atMs);
  }
  return Float64Array.from(arrivals);
}

describe('lower bound of pod-seconds', () => {
  test('no schedule whatever is below it, at as many missed requests', () => {
    fc.assert(
      fc.property(scenarios, traces, schedules, (scenario, arrivalsMs, replicas) => {
        const step = ({ nowMs }: { readonly nowMs: number }) => ({
          replicas: replicas[Math.min(replicas.length - 1, Math.floor(nowMs / 250))]!,
          reason: 'drawn',
        });
        holds(scenario, arrivalsMs, simulate(scenario, arrivalsMs, { name: 'drawn', intervalMs: 250, step }));
      }),
      { numRuns: 3000 },
    );
  });

  test('no policy and not the clairvoyant are below it', () => {
    fc.assert(
      fc.property(scenarios, traces, (scenario, arrivalsMs) => {
        for (const policy of [sluice, ...baselineNames.map((name) => defaultBaseline(name, scenario))]) {
          holds(scenario, arrivalsMs, simulate(scenario, arrivalsMs, policy()));
        }
        holds(scenario, arrivalsMs, clairvoyant(scenario, arrivalsMs).result);
      }),
      { numRuns: 100 },
    );
  });

  test('at least minReplicas for the time that is paid, falling with the requests that may be missed', () => {
    fc.assert(
      fc.property(scenarios, traces, fc.nat(30), (scenario, arrivalsMs, missed) => {
        const bound = leastPodSeconds(scenario, arrivalsMs, missed);
        const paidS = (arrivalsMs.at(-1)! + scenario.objectiveMs) / 1000;
        assert.ok(bound >= scenario.minReplicas * paidS - 1e-9);
        assert.ok(bound >= leastPodSeconds(scenario, arrivalsMs, missed + 1) - 1e-9);
      }),
      { numRuns: 200 },
    );
  });

  /** Scenario in which a pod answers one request in 100 ms, and starts in 5 s. */
  const single = scenarioWith({
    cost: { a: 0, c: 100 },
    objectiveMs: 250,
    maxRows: 1,
    coldStartMs: 5000,
    minReplicas: 0,
  });

  test('work that fills one pod: 100 requests of 100 ms take 10 pod-seconds, 90 of them 9', () => {
    const arrivalsMs = steady(100, [0, 10]);
    assert.ok(Math.abs(leastPodSeconds(single, arrivalsMs, 0) - 10) < 1e-9);
    assert.ok(Math.abs(leastPodSeconds(single, arrivalsMs, 10) - 9) < 1e-9);
    assert.equal(leastPodSeconds({ ...single, minReplicas: 3 }, arrivalsMs, 0), 30.45);
  });

  test('after a lull of 90 s each pod is paid a start too, after one of 2 s it stays: the work and 5 s or 2 s a pod', () => {
    // Two pods are full. A request in time may be done 250 ms after the stretch, so slots lose some of it at their ends.
    const long = leastPodSeconds(single, steady(50, [0, 40], [130, 170]), 0);
    assert.ok(long > 160 + 2 * 5 - 3 && long <= 160 + 2 * 5 + 0.5, `${long}`);
    const short = leastPodSeconds(single, steady(50, [0, 40], [42, 82]), 0);
    assert.ok(short >= 160 && short <= 160 + 2 * 2 + 0.5, `${short}`);
  });

  test('a peak that is missed needs no pod: without its 40 requests the rest takes what it took alone', () => {
    const arrivalsMs = Float64Array.from([...steady(100, [0, 100]), ...steady(25, [50, 51])]).sort();
    const all = leastPodSeconds(single, arrivalsMs, 0);
    const few = leastPodSeconds(single, arrivalsMs, 40);
    assert.ok(all > 104 && few >= 99.99 && few < 101, `${all} and ${few}`);
  });

  test('batches count: a request takes an eighth of a run of eight, where two such runs keep the objective', () => {
    const scenario = { ...single, cost: { a: 40, c: 10 }, objectiveMs: 250, maxRows: 8 };
    // A run of eight takes 120 ms, so 15 ms each: 8,000 requests take 120 s.
    const bound = leastPodSeconds(scenario, steady(5, [0, 40]), 0);
    assert.ok(bound >= 120 - 1e-9 && bound < 121, `${bound}`);
  });

  test('two pods that never rest and refuse what is too much for them are within 2% of it', () => {
    const busy = scenarioWith({ cost: { a: 100, c: 100 }, objectiveMs: 800, maxRows: 64, minReplicas: 0 });
    const perSecond = new Float64Array(300).fill(45);
    const arrivalsMs = poissonArrivals({ stepMs: 1000, perSecond }, seededRandom(1));
    const result = simulate({ ...busy, initialReplicas: 2 }, arrivalsMs, fixed(2)());
    const bound = leastPodSeconds(busy, arrivalsMs, missedRequests(result));
    assert.ok(missedRequests(result) > 0.5 * arrivalsMs.length);
    assert.ok(bound <= result.podSeconds && bound > 0.98 * result.podSeconds, `${bound}, ${result.podSeconds} paid`);
  });

  describe('runs that are larger than a second batch, of three, may be', () => {
    /** Scenario in which a run of eight, 500 ms, is in time by 2 ms, and two runs in a row are if they have three each. */
    const large = scenarioWith({
      cost: { a: 100, c: 50 },
      objectiveMs: 502,
      maxRows: 8,
      coldStartMs: 100,
      minReplicas: 0,
      initialReplicas: 0,
      shedding: false,
    });

    test('where eight requests come at the very same time, an idle pod runs them together', () => {
      const arrivalsMs = Float64Array.from({ length: 320 }, (_, index) => 500 * Math.floor(index / 8));
      const result = simulate({ ...large, initialReplicas: 1 }, arrivalsMs, fixed(1)());
      assert.equal(missedRequests(result), 0);
      holds({ ...large, coldStartMs: 5000 }, arrivalsMs, result);
    });

    test('where eight wait for a pod that becomes ready, and it is given back after their run', () => {
      const arrivalsMs = Float64Array.from(
        { length: 80 },
        (_, index) => 1000 + 1000 * Math.floor(index / 8) + (index % 8) / 4,
      );
      // Each second's pod is ordered 98 ms before its first request, ready 2 ms after it, and given back 98 ms later.
      const step = ({ nowMs }: { readonly nowMs: number }) => ({
        replicas: (nowMs + 98) % 1000 < 198 ? 1 : 0,
        reason: 'just in time',
      });
      const result = simulate(large, arrivalsMs, { name: 'just in time', intervalMs: 1, step });
      holds(large, arrivalsMs, result);
      assert.ok(missedRequests(result) === 0 && result.podSeconds < 80 * (0.25 / 3), JSON.stringify(result));
    });
  });
});
