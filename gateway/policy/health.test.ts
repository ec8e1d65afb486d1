import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  hardEvidence,
  learnPace,
  nextHealth,
  noPace,
  restartedPace,
  isSlow,
  slowPods,
  softEvidence,
  type Evidence,
  type HealthConfig,
  type HealthEvent,
  type HealthState,
  type Pace,
  type PoolHealth,
} from './health.ts';

const config: HealthConfig = { ejectAfterFailures: 3, maxEjectedRatio: 0.5 };
const four: PoolHealth = { members: 4, softEjected: 0, irreplaceable: false };
const joining: HealthState = { kind: 'joining' };

const failed = (evidence: Evidence): HealthEvent => ({ kind: 'evidence', evidence });
const probeOk: HealthEvent = { kind: 'probe-ok' };
const success: HealthEvent = { kind: 'success' };

/** Timeline of one pod: at each time an event, and the state expected after it. */
function pod(state: HealthState = joining, pool: PoolHealth = four) {
  let now = state;
  return {
    at(ms: number, event: HealthEvent, expected: HealthState['kind'], inPool: PoolHealth = pool): void {
      now = nextHealth(now, event, config, inPool, ms);
      assert.equal(now.kind, expected, `at ${ms} ms`);
    },
    get state(): HealthState {
      return now;
    },
    get ejected(): HealthState & { kind: 'ejected' } {
      assert.equal(now.kind, 'ejected');
      return now;
    },
  };
}

/** Serving since time 0. */
function servingPod(pool?: PoolHealth) {
  const one = pod(joining, pool);
  one.at(0, probeOk, 'serving');
  return one;
}

test('a new pod serves once its probe is answered, and not before', () => {
  const one = pod();
  one.at(0, failed('probe-failed'), 'joining');
  one.at(50, failed('refused'), 'joining');
  one.at(100, success, 'joining');
  one.at(150, probeOk, 'serving');
});

for (const evidence of hardEvidence) {
  test(`hard evidence takes it out at once, whatever the pool looks like: ${evidence}`, () => {
    const one = servingPod({ members: 1, softEjected: 0, irreplaceable: false });
    one.at(1_000, failed(evidence), 'ejected');
    assert.deepEqual(one.state, { kind: 'ejected', hard: true, reason: evidence, probeAtMs: 1_100, ejections: 1 });
  });
}

test('error answers take it out at the third in a row', () => {
  const one = servingPod();
  one.at(1, failed('error-answers'), 'serving');
  one.at(2, failed('error-answers'), 'serving');
  one.at(3, failed('error-answers'), 'ejected');
  assert.equal(one.ejected.hard, false);
});

test('a success in between begins the count anew', () => {
  const one = servingPod();
  for (let ms = 0; ms < 100; ms += 10) {
    one.at(ms, failed('error-answers'), 'serving');
    one.at(ms + 1, failed('error-answers'), 'serving');
    one.at(ms + 2, success, 'serving');
  }
});

for (const evidence of ['slow', 'overdue'] as const) {
  test(`${evidence} takes it out at once, unless too much of the pool is out or it is needed`, () => {
    const one = servingPod();
    one.at(1, failed(evidence), 'ejected');
    assert.equal(one.ejected.hard, false);
    servingPod({ members: 2, softEjected: 1, irreplaceable: false }).at(1, failed(evidence), 'serving');
    servingPod({ members: 4, softEjected: 0, irreplaceable: true }).at(1, failed(evidence), 'serving');
  });
}

test('back: probe, one request, serving', () => {
  const one = servingPod();
  one.at(1_000, failed('reset'), 'ejected');
  one.at(1_050, success, 'ejected');
  one.at(1_100, probeOk, 'probing');
  one.at(1_110, probeOk, 'probing');
  one.at(1_120, success, 'serving');
});

test('one failure while probing is enough', () => {
  for (const evidence of [...hardEvidence, ...softEvidence]) {
    const one = servingPod();
    one.at(1_000, failed('reset'), 'ejected');
    one.at(1_100, probeOk, 'probing');
    one.at(1_110, failed(evidence), 'ejected');
    assert.equal(one.ejected.probeAtMs, 1_110 + 200, evidence);
  }
});

test('probes back off: 100 ms, doubled each time, 5 s at the most', () => {
  const one = servingPod();
  const waits: number[] = [];
  let ms = 1_000;
  one.at(ms, failed('refused'), 'ejected');
  for (let probe = 0; probe < 8; probe += 1) {
    waits.push(one.ejected.probeAtMs - ms);
    ms = one.ejected.probeAtMs;
    one.at(ms, failed('probe-failed'), 'ejected');
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  for (let probe = 0; probe < 2_000; probe += 1) one.at((ms += 5_000), failed('probe-failed'), 'ejected');
  assert.equal(one.ejected.probeAtMs, ms + 5_000);
});

test('a pod that dies with much in flight is ejected once, not once for each request', () => {
  const one = servingPod();
  for (let request = 0; request < 256; request += 1) one.at(1_000 + request / 256, failed('reset'), 'ejected');
  assert.deepEqual([one.ejected.ejections, one.ejected.probeAtMs], [1, 1_100]);
});

test('ejected as slow, then lost: hard from then on', () => {
  const one = servingPod();
  one.at(1_000, failed('slow'), 'ejected');
  one.at(1_010, failed('reset'), 'ejected');
  assert.deepEqual([one.ejected.hard, one.ejected.reason], [true, 'reset']);
  one.at(1_020, failed('slow'), 'ejected');
  assert.equal(one.ejected.hard, true);
});

test('a pod that comes and goes stays out longer each time, until it has served well for a minute', () => {
  const one = servingPod();
  const comesBack = (ms: number): void => {
    one.at(ms, probeOk, 'probing');
    one.at(ms, success, 'serving');
  };
  one.at(100_000, failed('reset'), 'ejected');
  comesBack(100_100);
  one.at(105_000, failed('reset'), 'ejected');
  assert.equal(one.ejected.probeAtMs, 105_200);
  comesBack(105_200);
  one.at(110_000, failed('reset'), 'ejected');
  assert.equal(one.ejected.probeAtMs, 110_400);
  comesBack(110_400);
  one.at(170_401, failed('reset'), 'ejected');
  assert.equal(one.ejected.probeAtMs, 170_501);
});

test('panic: past half of the pool soft evidence ejects nobody, and hard evidence still does', () => {
  const enough: PoolHealth = { members: 4, softEjected: 2, irreplaceable: false };
  const one = servingPod(enough);
  for (let ms = 1; ms < 100; ms += 1) one.at(ms, failed('error-answers'), 'serving');
  one.at(100, failed('slow'), 'serving');
  one.at(101, failed('hung'), 'ejected');
});

test('panic ends when another pod is back: what is known of this one counts then', () => {
  const one = servingPod({ members: 4, softEjected: 2, irreplaceable: false });
  for (let ms = 1; ms <= 5; ms += 1) one.at(ms, failed('error-answers'), 'serving');
  one.at(6, failed('error-answers'), 'ejected', { members: 4, softEjected: 1, irreplaceable: false });
});

test('a pod that alone serves a model stays on soft evidence, however many others there are', () => {
  const alone: PoolHealth = { members: 4, softEjected: 0, irreplaceable: true };
  const one = servingPod(alone);
  for (let ms = 1; ms < 100; ms += 1) one.at(ms, failed('error-answers'), 'serving');
  one.at(100, failed('slow'), 'serving');
  one.at(101, failed('slow'), 'ejected', { ...alone, irreplaceable: false });
});

test('the only pod of a pool is never ejected on soft evidence', () => {
  const one = servingPod({ members: 1, softEjected: 0, irreplaceable: false });
  for (let ms = 0; ms < 100; ms += 1) one.at(ms, failed('slow'), 'serving');
});

test('whatever comes over four pods, soft evidence never has more than half of them out', () => {
  const step = fc.record({
    who: fc.nat(3),
    event: fc.oneof(fc.constant(probeOk), fc.constant(success), fc.constantFrom(...softEvidence).map(failed)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const states: HealthState[] = [0, 1, 2, 3].map(() => nextHealth(joining, probeOk, config, four, 0));
      steps.forEach(({ who, event }, ms) => {
        const out = states.filter((state, index) => index !== who && state.kind === 'ejected').length;
        states[who] = nextHealth(
          states[who]!,
          event,
          config,
          { members: 4, softEjected: out, irreplaceable: false },
          ms,
        );
        const ejected = states.filter((state) => state.kind === 'ejected').length;
        assert.ok(ejected <= 2, `${ejected} of 4 after ${ms + 1} steps`);
      });
    }),
  );
});

const pace = (ratio: number, excessMs = 100, samples = 5): Pace => ({
  ratio,
  excessMs,
  samples,
  late: ratio > 5 ? 0b11111 : 0,
  atMs: 0,
});
const slow = (...paces: readonly Pace[]): number[] => slowPods(paces, 0);
/** Pace after envelopes that took so long each, predicted 2 ms, one a second up to time 0. */
const paceOf = (measuredMs: readonly number[], { lagMs = 0, lastAtMs = 0 } = {}): Pace =>
  measuredMs.reduce(
    (learned, measured, index) =>
      learnPace(learned, {
        measuredMs: measured,
        predictedMs: 2,
        lagMs,
        nowMs: lastAtMs - 1_000 * (measuredMs.length - 1 - index),
      }),
    noPace,
  );

test('a pod that was ejected as slow shows by one request whether it still is', () => {
  assert.equal(isSlow({ measuredMs: 200, predictedMs: 10, lagMs: 0 }), true);
  assert.equal(isSlow({ measuredMs: 45, predictedMs: 10, lagMs: 0 }), false);
  assert.equal(isSlow({ measuredMs: 21, predictedMs: 1.5, lagMs: 0 }), false);
});

test('slow is slow against the others: five times the median, and by 20 ms at least', () => {
  assert.deepEqual(slow(pace(1), pace(1.2), pace(5.1), pace(0.9)), [2]);
  assert.deepEqual(slow(pace(1), pace(1), pace(4.9)), []);
  assert.deepEqual(slow(pace(1), pace(1), pace(50, 19)), []);
  assert.deepEqual(slow(pace(1), pace(9), pace(1), pace(9), pace(1)), [1, 3]);
});

test('all equally slow is not slow, and alone nobody is', () => {
  assert.deepEqual(slow(pace(20), pace(21), pace(19)), []);
  assert.deepEqual(slow(pace(50)), []);
  assert.deepEqual(slow(), []);
});

test('one long pause among few requests is no slowness; three late answers of five are', () => {
  const calm = paceOf([2, 2, 2, 2, 2]);
  for (const paused of [
    [300, 2, 2],
    [2, 2, 300],
    [300, 2, 2, 300, 2],
  ]) {
    assert.deepEqual(slow(calm, paceOf(paused)), [], String(paused));
  }
  assert.deepEqual(slow(calm, paceOf([60, 60, 60])), [1]);
  assert.deepEqual(slow(calm, paceOf([60, 60, 2, 60, 60])), [1]);
});

test('a pod is compared with what the others did at the same time, not with a calmer one', () => {
  const late = paceOf([60, 60, 60]);
  assert.deepEqual(slow(paceOf([2, 2, 2], { lastAtMs: -10_000 }), late), [1]);
  assert.deepEqual(slow(paceOf([2, 2, 2], { lastAtMs: -10_001 }), late), [], 'an idle pod was measured before');
  assert.deepEqual(
    slow(paceOf([60, 60, 60], { lastAtMs: -10_001 }), paceOf([2, 2, 2])),
    [],
    'nor is one that idles slow',
  );
});

test('on a machine that runs this process late too, a pod is not slow until it is late by more than that', () => {
  const calm = paceOf([2, 2, 2, 2, 2]);
  assert.deepEqual(slow(calm, paceOf([60, 60, 60], { lagMs: 40 })), []);
  assert.deepEqual(slow(calm, paceOf([90, 90, 90], { lagMs: 40 })), [1]);
  assert.equal(isSlow({ measuredMs: 60, predictedMs: 2, lagMs: 40 }), false);
});

test('a pace that starts again forgets who was late', () => {
  const judged = restartedPace(paceOf([60, 60, 60, 60, 60]));
  assert.deepEqual([judged.samples, judged.late], [0, 0]);
});

test('of two the faster is the measure', () => {
  assert.deepEqual(slow(pace(8), pace(1)), [0]);
});

test('what was measured less than three times neither accuses nor is accused', () => {
  assert.deepEqual(slow(pace(1), pace(50, 100, 2)), []);
  assert.deepEqual(slow(pace(1, 0, 2), pace(50)), []);
});

test('pace: the first envelope counts whole, then the last five or so', () => {
  let learned = learnPace(noPace, { measuredMs: 30, predictedMs: 10, lagMs: 0, nowMs: 7 });
  assert.deepEqual(learned, { ratio: 3, excessMs: 20, samples: 1, late: 0, atMs: 7 });
  for (let envelope = 0; envelope < 30; envelope += 1)
    learned = learnPace(learned, { measuredMs: 10, predictedMs: 10, lagMs: 0, nowMs: 8 });
  assert.ok(Math.abs(learned.ratio - 1) < 0.01 && learned.excessMs < 0.1);
});

test('pace: without a prediction there is nothing to compare', () => {
  assert.equal(learnPace(noPace, { measuredMs: 30, predictedMs: 0, lagMs: 0, nowMs: 0 }), noPace);
});
