import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStuck, nextProbeMs, notProbedYet, observeProbe, readinessConfig, type ProbeResult } from './readiness.ts';

const answers = {
  Y: { kind: 'ready' },
  n: { kind: 'not-ready', reason: 'answered 503' },
  '-': { kind: 'no-answer', reason: 'connection refused' },
} satisfies Record<string, ProbeResult>;

/** One letter a probe: Y ready, n answered not ready, - no answer. */
function after(probes: string) {
  let seen = notProbedYet;
  for (const letter of probes) seen = observeProbe(readinessConfig, seen, answers[letter as keyof typeof answers]);
  return seen;
}

test('one good answer makes a pod ready, three bad ones in a row make it not ready', () => {
  assert.equal(after('').ready, false);
  assert.equal(after('nnY').ready, true);
  assert.equal(after('Ynn').ready, true);
  assert.equal(after('YnnYnn').ready, true);
  assert.equal(after('Yn-n').ready, false);
  assert.equal(after('Yn-nY').ready, true);
});

test('it says why it is not ready, and nothing while it is', () => {
  assert.equal(after('').reason, 'starting');
  assert.equal(after('n').reason, 'answered 503');
  assert.equal(after('Ynn').reason, null);
  assert.equal(after('Ynn-').reason, 'connection refused');
});

test('only silence after having been ready calls for an end', () => {
  assert.equal(isStuck(readinessConfig, after('-'.repeat(100))), false);
  assert.equal(isStuck(readinessConfig, after(`Y${'n'.repeat(100)}`)), false);
  assert.equal(isStuck(readinessConfig, after(`Y${'-'.repeat(14)}`)), false);
  assert.equal(isStuck(readinessConfig, after(`Y${'-'.repeat(15)}`)), true);
});

test('probes are fast while it starts and slow ever after', () => {
  assert.equal(nextProbeMs(readinessConfig, after('nn')), 50);
  assert.equal(nextProbeMs(readinessConfig, after('Y')), 1000);
  assert.equal(nextProbeMs(readinessConfig, after('Ynnnn')), 1000);
});
