import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  afterCrashReplaced,
  verdictOf,
  planReplacements,
  initialLimiter,
  afterRefusal,
  type PodVerdict,
  type ReplacementCandidate,
} from './replace.ts';

const healthy = {
  crashLooping: false,
  everReady: true,
  failedProbes: 0,
  probeFailsSinceMs: null,
  ejectedSinceMs: null,
};

test('a pod is sick after three failed probes over ten seconds or ten seconds of ejection, and suspect before', () => {
  const at = (nowMs: number, more: object): PodVerdict => verdictOf({ ...healthy, ...more }, nowMs);
  assert.equal(at(9_999, { failedProbes: 5, probeFailsSinceMs: 0 }), 'suspect');
  assert.equal(at(10_000, { failedProbes: 2, probeFailsSinceMs: 0 }), 'suspect');
  assert.equal(at(10_000, { failedProbes: 3, probeFailsSinceMs: 0 }), 'sick');
  assert.equal(at(9_999, { ejectedSinceMs: 0 }), 'suspect');
  assert.equal(at(10_000, { ejectedSinceMs: 0 }), 'sick');
  assert.equal(
    at(10_000, { failedProbes: 9, probeFailsSinceMs: 0, everReady: false }),
    'healthy',
    'the pod still starts',
  );
  assert.equal(at(0, { crashLooping: true, everReady: false }), 'crash-looping');
});

const pods = (...verdicts: PodVerdict[]): ReplacementCandidate[] =>
  verdicts.map((verdict, index) => ({ uid: `p-${index}`, verdict, everReady: true, underWay: false }));
const limits = { serving: 3, maxReplicas: 20, maxEjectedRatio: 0.5 };

test('one pod at a time or a tenth of the pool is drained, those under way first', () => {
  const [a, b] = pods('sick', 'sick', 'healthy', 'healthy');
  const plan = planReplacements(
    [a!, { ...b!, underWay: true }, ...pods('healthy', 'healthy')],
    limits,
    initialLimiter,
    0,
  );
  assert.deepEqual(plan, { kind: 'replace', drain: ['p-1'], evict: [] });
  const many = pods(...Array.from({ length: 30 }, (_, index): PodVerdict => (index < 9 ? 'sick' : 'healthy')));
  const large = planReplacements(many, { ...limits, serving: 21 }, initialLimiter, 0);
  assert.equal(large.kind === 'replace' && large.drain.length, 3);
});

test('evictions pause after a refusal, and ever longer between pods that crash without ever being ready', () => {
  const sick = pods('sick', 'healthy', 'healthy', 'healthy');
  const limiter = afterRefusal(initialLimiter, 0);
  assert.equal(planReplacements(sick, limits, limiter, 29_999).kind, 'none');
  assert.equal(planReplacements(sick, limits, limiter, 30_000).kind, 'replace');

  const pauses = (everReady: boolean): number[] => {
    const crashing = pods('crash-looping').map((pod) => ({ ...pod, everReady }));
    let state = initialLimiter;
    let last = 0;
    const times: number[] = [];
    for (let second = 0; times.length < 7; second += 1) {
      const plan = planReplacements(crashing, limits, state, 1000 * second);
      if (plan.kind !== 'replace') continue;
      times.push(second - last);
      last = second;
      state = afterCrashReplaced(state, everReady, 1000 * second);
    }
    return times.slice(1);
  };
  assert.deepEqual(pauses(true), [10, 10, 10, 10, 10, 10]);
  assert.deepEqual(pauses(false), [60, 120, 240, 480, 960, 960]);
});

test('for any verdicts: no drain in a panic, at most a tenth at once, never the last serving pod', () => {
  const verdict = fc.constantFrom<PodVerdict>('healthy', 'suspect', 'sick', 'crash-looping');
  fc.assert(
    fc.property(fc.array(verdict, { maxLength: 40 }), fc.double({ min: 0, max: 1, noNaN: true }), (verdicts, ratio) => {
      const all = pods(...verdicts);
      const serving = verdicts.filter((one) => one === 'healthy').length;
      const plan = planReplacements(all, { ...limits, serving, maxEjectedRatio: ratio }, initialLimiter, 0);
      const unfit = verdicts.filter((one) => one === 'sick' || one === 'crash-looping').length;
      if (unfit > Math.max(1, Math.floor(ratio * all.length))) assert.equal(plan.kind, 'panic');
      if (plan.kind !== 'replace') return;
      assert.ok(plan.drain.length <= Math.max(1, Math.floor(all.length / 10)));
      for (const uid of plan.drain) assert.equal(all.find((one) => one.uid === uid)!.verdict, 'sick');
      if (serving === 0 && all.length > 1) assert.deepEqual(plan.drain, []);
    }),
  );
});
