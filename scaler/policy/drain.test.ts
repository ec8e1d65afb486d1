import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PodLoad, PoolLoad } from '../../contract/load-report.ts';
import {
  adoptedReplicas,
  markOf,
  purposeOf,
  drainVictims,
  missingAcknowledgements,
  type DrainCandidate,
} from './drain.ts';
import type { ObservedGateway } from './merge.ts';

function candidate(uid: string, more: Partial<DrainCandidate> = {}): DrainCandidate {
  return {
    uid,
    name: uid,
    phase: 'Ready',
    draining: false,
    sick: false,
    inFlight: 0,
    readyAtMs: 0,
    createdAtMs: 0,
    ...more,
  };
}
const names = (candidates: readonly DrainCandidate[]): string[] => candidates.map(({ name }) => name);

test('drain order: no process, not ready, draining already, sick, fewest in flight, youngest', () => {
  const pods = [
    candidate('old', { readyAtMs: 1 }),
    candidate('young', { readyAtMs: 2 }),
    candidate('busy', { readyAtMs: 9, inFlight: 3 }),
    candidate('sick', { sick: true, inFlight: 9 }),
    candidate('draining', { draining: true, inFlight: 9 }),
    candidate('starting', { phase: 'Running', readyAtMs: null }),
    candidate('pending', { phase: 'Pending', readyAtMs: null }),
  ];
  const order = ['pending', 'starting', 'draining', 'sick', 'young', 'old', 'busy'];
  for (const left of [0, 3, 6, 7, 9])
    assert.deepEqual(names(drainVictims(pods, left)), order.slice(0, Math.max(0, 7 - left)));
});

test('for any order of the input the same pods leave, and exactly as many as asked', () => {
  const pod = fc.record({
    phase: fc.constantFrom('Pending', 'Running', 'Ready'),
    drains: fc.boolean(),
    sick: fc.boolean(),
    inFlight: fc.nat(2),
    readyAtMs: fc.option(fc.nat(3)),
    createdAtMs: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(pod, { maxLength: 8 }), fc.nat(9), (given, left) => {
      const pods = given.map((one, index) => candidate(`p-${index}`, one as Partial<DrainCandidate>));
      const leaving = drainVictims(pods, left);
      assert.equal(leaving.length, Math.max(0, pods.length - left));
      assert.deepEqual(names(drainVictims(pods.toReversed(), left)), names(leaving));
    }),
  );
});

const toldAtMs = 10_000;
function gateway(
  pod: Partial<PodLoad> | null,
  more: Partial<ObservedGateway> = {},
  atMs = toldAtMs + 500,
): ObservedGateway {
  const load = {
    name: 'm',
    pods: pod === null ? [] : [{ uid: 'p', state: 'serving', inFlight: 0, leaving: true, ...pod }],
  };
  const report = { instance: 'i', name: 'g', sequence: 1, ready: true, pools: [load as unknown as PoolLoad] };
  return { uid: 'g', name: 'g', wasReady: true, terminating: false, lastReport: { atMs, report }, ...more };
}
const waits = (one: ObservedGateway, nowMs = toldAtMs + 1_000): boolean =>
  missingAcknowledgements('p', 'm', [one], toldAtMs, nowMs).length > 0;

test('a drain is acknowledged by every gateway that was ever ready, after the pod was told, with nothing in flight', () => {
  assert.equal(waits(gateway({})), false);
  assert.equal(waits(gateway(null)), false, 'the gateway no longer knows the pod');
  assert.equal(waits(gateway({ leaving: false, state: 'joining' })), false, 'the gateway never sent it a request');
  assert.equal(waits(gateway({ inFlight: 1 })), true);
  assert.equal(waits(gateway({ leaving: false })), true, 'the gateway does not know of the drain yet');
  assert.equal(waits(gateway({}, {}, toldAtMs)), true, 'reported before the pod was told');
  assert.equal(waits(gateway({}), toldAtMs + 60_000), true, 'a stale report');
  assert.equal(waits(gateway({}, { terminating: true })), false);
  assert.equal(waits(gateway({ inFlight: 1 }, { terminating: true })), true);
  assert.equal(waits(gateway({}, { lastReport: null })), true, 'a gateway that was ready and does not report');
  assert.equal(waits(gateway({}, { lastReport: null, wasReady: false })), false, 'a gateway that was never ready');
});

test('a mark tells the purpose; marks of other writers tell none', () => {
  assert.deepEqual([purposeOf(markOf(3, 'scale-down')), purposeOf(markOf(3, 'replace'))], ['scale-down', 'replace']);
  for (const mark of ['', 'by hand', '3-', '3-replace-x', '-1']) assert.equal(purposeOf(mark), null, mark);
});

test('adopted replicas: those that remain once every marked pod has left', () => {
  assert.equal(adoptedReplicas(5, 5, 2), 3, 'pods marked, nothing written yet');
  assert.equal(adoptedReplicas(3, 5, 2), 3, 'written, the pods still terminate');
  assert.equal(adoptedReplicas(5, 5, 0), 5);
  assert.equal(adoptedReplicas(1, 1, 3), 0);
});
