import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulate } from './engine.ts';
import { fixed } from './fixed.ts';
import type { ScalingPolicy } from './policy.ts';
import { scenarioWith } from './testing/scenario.ts';

/** Scenario with l(b) = 10 + 1·b ms, whose starts take exactly 1 s. */
const scenario = scenarioWith({ cost: { a: 10, c: 1 }, objectiveMs: 100, maxRows: 64, minReplicas: 0 });

const at = (...times: number[]) => Float64Array.from(times);

/** Policy that asks for the replicas listed at the latest time up to now. */
function timeline(...wanted: readonly (readonly [atMs: number, replicas: number])[]): ScalingPolicy {
  return {
    name: 'timeline',
    intervalMs: 100,
    step: ({ nowMs }) => ({ replicas: wanted.findLast(([atMs]) => atMs <= nowMs)![1], reason: 'timeline' }),
  };
}

describe('simulation', () => {
  test('one pod: a run of one request, then runs of those that arrived meanwhile; pod-seconds to the end', () => {
    // Run 1: 0 → 11 ms. The request at 1 ms is staged at once and makes run 2 (11 → 22). Those at 2 and 3 ms wait until
    // 11 ms, are staged and make run 3 (22 → 34): the first of them is answered 34 − 2 = 32 ms after its arrival.
    const result = simulate({ ...scenario, objectiveMs: 40 }, at(0, 1, 2, 3), fixed(1)());
    assert.deepEqual(
      { ...result, replicas: undefined, lateArrivalsMs: undefined },
      {
        arrivals: 4,
        completions: 4,
        late: 0,
        shed: 0,
        failed: 0,
        runs: 3,
        violationPercent: 0,
        podSeconds: 0.043,
        scaleWrites: 0,
        podStarts: 0,
        replicas: undefined,
        lateArrivalsMs: undefined,
      },
    );
    const tighter = simulate({ ...scenario, objectiveMs: 31, shedding: false }, at(0, 1, 2, 3), fixed(1)(), {
      traceLate: true,
    });
    assert.deepEqual(tighter.lateArrivalsMs, [2], 'the one that took 32 ms; the next took 31');
  });

  test('from zero: requests are held until the first pod is ready, and late', () => {
    const policy = timeline([0, 0], [500, 1]);
    const result = simulate({ ...scenario, initialReplicas: 0 }, at(450, 460), policy, { traceLate: true });
    // The pod is created at 500 and ready at 1500 ms; both requests share one run of 12 ms.
    assert.equal(result.late, 2);
    assert.equal(result.completions, 2);
    assert.equal(result.podStarts, 1);
    assert.deepEqual(result.replicas, [
      { atMs: 0, pods: 0 },
      { atMs: 500, pods: 1 },
    ]);
  });

  test('without any pod a request is shed after the hold, or fails at its deadline if that is sooner', () => {
    const none = { ...scenario, initialReplicas: 0 };
    assert.equal(simulate(none, at(0), fixed(0)()).shed, 1);
    assert.equal(simulate({ ...none, timeoutMs: 2000 }, at(0), fixed(0)()).failed, 1);
  });

  test('a draining pod finishes its run and its staged batch, and is paid until then', () => {
    // Eight rows run from 95 to 113 ms (10 + 8), 8 more are staged at 96 and end at 131; the pool goes to zero at 100.
    const arrivals = at(...Array<number>(8).fill(95), ...Array<number>(8).fill(96), 4000);
    const result = simulate({ ...scenario, timeoutMs: 1000 }, arrivals, timeline([0, 1], [100, 0]));
    assert.equal(result.completions, 16);
    assert.equal(result.failed, 1, 'nobody is there for the last one');
    assert.equal(result.podSeconds, 0.131);
  });

  test('a starting pod is removed first, and is paid for', () => {
    const result = simulate(scenario, at(0, 1000), timeline([0, 1], [100, 2], [300, 1]));
    assert.equal(result.podSeconds, 1.1 + 0.2);
    assert.equal(result.scaleWrites, 2);
  });

  test('overload at a fixed size: requests that would be late are shed, and most others are in time', () => {
    // A pod runs 33 rows in 43 ms, 767/s; 2,000/s are offered.
    const arrivals = Float64Array.from({ length: 20_000 }, (_, index) => index / 2);
    const result = simulate(scenario, arrivals, fixed(1)());
    assert.equal(result.completions + result.shed + result.failed, 20_000);
    const good = (result.completions - result.late) / 10;
    assert.ok(good > 0.7 * 767, `${good}/s in time`);
    const unshed = simulate({ ...scenario, shedding: false }, arrivals, fixed(1)());
    assert.ok(unshed.late > 0.9 * unshed.completions, 'without it everything is late');
  });

  test('a policy with wake-ups is asked when the predicted wait passes the objective, and when no pod serves', () => {
    const askedAtMs = (initialReplicas: number, arrivals: Float64Array, wakes: boolean): number[] => {
      const asked: number[] = [];
      const step = ({ nowMs }: { readonly nowMs: number }) => {
        asked.push(nowMs);
        return { replicas: 1, reason: 'asked' };
      };
      simulate({ ...scenario, initialReplicas }, arrivals, { name: 'asked', intervalMs: 1000, wakes, step });
      return asked;
    };
    const rush = (atMs: number) => Array<number>(300).fill(atMs);
    // One rush wakes once; after the step at 1,000 ms the next wake-up is due at 1,100.
    const rushes = at(...rush(250), ...rush(700), ...rush(1050), 1900);
    assert.deepEqual(askedAtMs(1, rushes, true), [0, 250, 700, 1000, 1100]);
    assert.deepEqual(askedAtMs(1, rushes, false), [0, 1000]);
    assert.deepEqual(askedAtMs(0, at(450, 460), true), [0, 450, 1000]);
    assert.deepEqual(askedAtMs(0, at(450, 460), false), [0, 1000]);
  });

  test('the same seed gives the same result, another seed other start-up times', () => {
    const arrivals = Float64Array.from({ length: 3000 }, (_, index) => index);
    const run = (seed: number) =>
      simulate({ ...scenario, coldStartSigma: 0.2, seed }, arrivals, timeline([0, 1], [100, 4]));
    assert.deepEqual(run(1), run(1));
    assert.notDeepEqual(run(1).shed, run(7).shed);
  });

  test('the first pods to start take as long as they are said to, later ones a drawn time', () => {
    const arrivals = Float64Array.from({ length: 3000 }, (_, index) => index);
    const startsSeen = (startsMs: readonly number[]): number[] => {
      const started: number[] = [];
      const policy = timeline([0, 1], [100, 4]);
      const watched = {
        ...policy,
        step: (seen: Parameters<typeof policy.step>[0]) => {
          started.push(...seen.startedInMs);
          return policy.step(seen);
        },
      };
      simulate({ ...scenario, coldStartMs: 500, initialReplicas: 1 }, arrivals, watched, { startsMs });
      return started;
    };
    assert.deepEqual(startsSeen([300, 900]), [300, 500, 900]);
    assert.deepEqual(startsSeen([]), [500, 500, 500]);
  });
});
