import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crashReplaced, examine, planReplacements, quietWard, refused, type Finding, type Patient } from './replace.ts';

const well = { crashLooping: false, everReady: true, failedProbes: 0, probeFailsSinceMs: null, ejectedSinceMs: null };

test('sick: probes that fail three times over ten seconds, or ten seconds out of rotation; before that, suspect', () => {
  const at = (nowMs: number, more: object): Finding => examine({ ...well, ...more }, nowMs);
  assert.equal(at(9_999, { failedProbes: 5, probeFailsSinceMs: 0 }), 'suspect');
  assert.equal(at(10_000, { failedProbes: 2, probeFailsSinceMs: 0 }), 'suspect');
  assert.equal(at(10_000, { failedProbes: 3, probeFailsSinceMs: 0 }), 'sick');
  assert.equal(at(9_999, { ejectedSinceMs: 0 }), 'suspect');
  assert.equal(at(10_000, { ejectedSinceMs: 0 }), 'sick');
  assert.equal(at(10_000, { failedProbes: 9, probeFailsSinceMs: 0, everReady: false }), 'well', 'it starts');
  assert.equal(at(0, { crashLooping: true, everReady: false }), 'crash-looping');
});

const patients = (...findings: Finding[]): Patient[] =>
  findings.map((finding, index) => ({ uid: `p-${index}`, finding, everReady: true, underWay: false }));
const limits = { serving: 3, maxReplicas: 20, maxEjectedRatio: 0.5 };

test('one at a time or a tenth, whoever is under way first', () => {
  const [a, b] = patients('sick', 'sick', 'well', 'well');
  const plan = planReplacements([a!, { ...b!, underWay: true }, ...patients('well', 'well')], limits, quietWard, 0);
  assert.deepEqual(plan, { kind: 'replace', drain: ['p-1'], evict: [] });
  const many = patients(...Array.from({ length: 30 }, (_, index): Finding => (index < 9 ? 'sick' : 'well')));
  const large = planReplacements(many, { ...limits, serving: 21 }, quietWard, 0);
  assert.equal(large.kind === 'replace' && large.drain.length, 3);
});

test('a refusal is waited for; crashes that come again and again wait ever longer, unless the pod was ready before', () => {
  const sick = patients('sick', 'well', 'well', 'well');
  const ward = refused(quietWard, 0);
  assert.equal(planReplacements(sick, limits, ward, 29_999).kind, 'none');
  assert.equal(planReplacements(sick, limits, ward, 30_000).kind, 'replace');

  const pauses = (everReady: boolean): number[] => {
    const crashing = patients('crash-looping').map((patient) => ({ ...patient, everReady }));
    let state = quietWard;
    let last = 0;
    const times: number[] = [];
    for (let second = 0; times.length < 7; second += 1) {
      const plan = planReplacements(crashing, limits, state, 1000 * second);
      if (plan.kind !== 'replace') continue;
      times.push(second - last);
      last = second;
      state = crashReplaced(state, everReady, 1000 * second);
    }
    return times.slice(1);
  };
  assert.deepEqual(pauses(true), [10, 10, 10, 10, 10, 10]);
  assert.deepEqual(pauses(false), [60, 120, 240, 480, 960, 960]);
});

test('whatever is found: none is drained in a panic, never more than a tenth at once, never the last that serves', () => {
  const finding = fc.constantFrom<Finding>('well', 'suspect', 'sick', 'crash-looping');
  fc.assert(
    fc.property(fc.array(finding, { maxLength: 40 }), fc.double({ min: 0, max: 1, noNaN: true }), (findings, ratio) => {
      const all = patients(...findings);
      const serving = findings.filter((one) => one === 'well').length;
      const plan = planReplacements(all, { ...limits, serving, maxEjectedRatio: ratio }, quietWard, 0);
      const ill = findings.filter((one) => one === 'sick' || one === 'crash-looping').length;
      if (ill > Math.max(1, Math.floor(ratio * all.length))) assert.equal(plan.kind, 'panic');
      if (plan.kind !== 'replace') return;
      assert.ok(plan.drain.length <= Math.max(1, Math.floor(all.length / 10)));
      for (const uid of plan.drain) assert.equal(all.find((one) => one.uid === uid)!.finding, 'sick');
      if (serving === 0 && all.length > 1) assert.deepEqual(plan.drain, []);
    }),
  );
});
