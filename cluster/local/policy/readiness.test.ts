import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStuck, nextProbeMs, notProbedYet, observeProbe, readinessConfig, type ProbeResult } from './readiness.ts';

const answers = {
  Y: { kind: 'ready' },
  n: { kind: 'not-ready', reason: 'answered 503' },
  '-': { kind: 'no-answer', reason: 'connection refused' },
} satisfies Record<string, ProbeResult>;

/** Readiness after a series of probes, one letter each: Y ready, n not ready, - no answer. */
function after(probes: string) {
  let readiness = notProbedYet;
  for (const letter of probes) {
    readiness = observeProbe(readinessConfig, readiness, answers[letter as keyof typeof answers]);
  }
  return readiness;
}

test('one success makes a pod ready, three consecutive failures make it not ready', () => {
  assert.equal(after('').ready, false);
  assert.equal(after('nnY').ready, true);
  assert.equal(after('Ynn').ready, true);
  assert.equal(after('YnnYnn').ready, true);
  assert.equal(after('Yn-n').ready, false);
  assert.equal(after('Yn-nY').ready, true);
});

test('a pod that is not ready has a reason', () => {
  assert.equal(after('').reason, 'starting');
  assert.equal(after('n').reason, 'answered 503');
  assert.equal(after('Ynn').reason, null);
  assert.equal(after('Ynn-').reason, 'connection refused');
});

test('a pod is stuck only if it was ready and then stops answering', () => {
  assert.equal(isStuck(readinessConfig, after('-'.repeat(100))), false);
  assert.equal(isStuck(readinessConfig, after(`Y${'n'.repeat(100)}`)), false);
  assert.equal(isStuck(readinessConfig, after(`Y${'-'.repeat(14)}`)), false);
  assert.equal(isStuck(readinessConfig, after(`Y${'-'.repeat(15)}`)), true);
});

test('probes are frequent until the pod is ready for the first time', () => {
  assert.equal(nextProbeMs(readinessConfig, after('nn')), 50);
  assert.equal(nextProbeMs(readinessConfig, after('Y')), 1000);
  assert.equal(nextProbeMs(readinessConfig, after('Ynnnn')), 1000);
});
