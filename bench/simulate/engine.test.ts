import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulate } from './engine.ts';
import { fixed } from './fixed.ts';
import type { ScalingPolicy } from './policy.ts';
import { scenarioWith } from './testing/scenario.ts';

/** l(b) = 10 + 1·b; starts take exactly 1 s. */
const scenario = scenarioWith({ cost: { a: 10, c: 1 }, objectiveMs: 100, maxRows: 64, minReplicas: 0 });

const at = (...times: number[]) => Float64Array.from(times);

/** Asks for what stands at the step's time or before it. */
function timeline(...wanted: readonly (readonly [atMs: number, replicas: number])[]): ScalingPolicy {
  return {
    name: 'timeline',
    intervalMs: 100,
    step: ({ nowMs }) => ({ replicas: wanted.findLast(([atMs]) => atMs <= nowMs)![1], reason: 'timeline' }),
  };
}

describe('simulation', () => {
  test('one pod: a first run of one, what came meanwhile as a second one; pod-seconds to the end', () => {
    // Run 1: 0 → 11. At 1 one is staged at once, as long as the one ahead. 2 and 3 wait for a slot: 11 → run 2 of one
    // (11 → 22), staged 2 and 3 (22 → 34): answered 34 − 2 = 32 ms after it came.
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

  test('from zero: held until the pod that was asked for is ready, and late', () => {
    const policy = timeline([0, 0], [500, 1]);
    const result = simulate({ ...scenario, initialReplicas: 0 }, at(450, 460), policy, { traceLate: true });
    // Created 500, ready 1500, both in one run of 12 ms.
    assert.equal(result.late, 2);
    assert.equal(result.completions, 2);
    assert.equal(result.podStarts, 1);
    assert.deepEqual(result.replicas, [
      { atMs: 0, pods: 0 },
      { atMs: 500, pods: 1 },
    ]);
  });

  test('without any pod a request is refused after the hold, and fails after its deadline where that is sooner', () => {
    const none = { ...scenario, initialReplicas: 0 };
    assert.equal(simulate(none, at(0), fixed(0)()).shed, 1);
    assert.equal(simulate({ ...none, timeoutMs: 2000 }, at(0), fixed(0)()).failed, 1);
  });

  test('a pod that is drained finishes what it executes and what it has staged, and is paid until then', () => {
    // 8 rows run 95 → 113 (10 + 8), 8 more staged at 96 → 131; at 100 the pool goes to zero.
    const arrivals = at(...Array<number>(8).fill(95), ...Array<number>(8).fill(96), 4000);
    const result = simulate({ ...scenario, timeoutMs: 1000 }, arrivals, timeline([0, 1], [100, 0]));
    assert.equal(result.completions, 16);
    assert.equal(result.failed, 1, 'nobody is there for the last one');
    assert.equal(result.podSeconds, 0.131);
  });

  test('a pod that is not ready is the first to go, and paid for', () => {
    const result = simulate(scenario, at(0, 1000), timeline([0, 1], [100, 2], [300, 1]));
    assert.equal(result.podSeconds, 1.1 + 0.2);
    assert.equal(result.scaleWrites, 2);
  });

  test('overload at a fixed size: what cannot be in time is refused, and most of the rest is in time', () => {
    // A pod gives 33 rows in 43 ms, 767/s: offered 2000/s.
    const arrivals = Float64Array.from({ length: 20_000 }, (_, index) => index / 2);
    const result = simulate(scenario, arrivals, fixed(1)());
    assert.equal(result.completions + result.shed + result.failed, 20_000);
    const good = (result.completions - result.late) / 10;
    assert.ok(good > 0.7 * 767, `${good}/s in time`);
    const unshed = simulate({ ...scenario, shedding: false }, arrivals, fixed(1)());
    assert.ok(unshed.late > 0.9 * unshed.completions, 'without it everything is late');
  });

  test('a policy that can be woken is asked when the predicted wait passes the objective, and when nobody serves', () => {
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
    // One rush is told once; after the report at 1000 the next is due at 1100.
    const rushes = at(...rush(250), ...rush(700), ...rush(1050), 1900);
    assert.deepEqual(askedAtMs(1, rushes, true), [0, 250, 700, 1000, 1100]);
    assert.deepEqual(askedAtMs(1, rushes, false), [0, 1000]);
    assert.deepEqual(askedAtMs(0, at(450, 460), true), [0, 450, 1000]);
    assert.deepEqual(askedAtMs(0, at(450, 460), false), [0, 1000]);
  });

  test('the same seed gives the same result, another one other start-up times', () => {
    const arrivals = Float64Array.from({ length: 3000 }, (_, index) => index);
    const run = (seed: number) =>
      simulate({ ...scenario, coldStartSigma: 0.2, seed }, arrivals, timeline([0, 1], [100, 4]));
    assert.deepEqual(run(1), run(1));
    assert.notDeepEqual(run(1).shed, run(7).shed);
  });
});
