import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PodLoad, PoolLoad } from '../../contract/load-report.ts';
import { adoptedReplicas, markOf, purposeOf, victims, waitingFor, type Candidate } from './drain.ts';
import type { Source } from './merge.ts';

function candidate(uid: string, more: Partial<Candidate> = {}): Candidate {
  return {
    uid,
    name: uid,
    phase: 'Ready',
    drains: false,
    sick: false,
    inFlight: 0,
    readyAtMs: 0,
    createdAtMs: 0,
    ...more,
  };
}
const names = (candidates: readonly Candidate[]): string[] => candidates.map(({ name }) => name);

test('who goes: without a process, not ready, draining already, sick, least in flight, youngest', () => {
  const pods = [
    candidate('old', { readyAtMs: 1 }),
    candidate('young', { readyAtMs: 2 }),
    candidate('busy', { readyAtMs: 9, inFlight: 3 }),
    candidate('sick', { sick: true, inFlight: 9 }),
    candidate('draining', { drains: true, inFlight: 9 }),
    candidate('starting', { phase: 'Running', readyAtMs: null }),
    candidate('pending', { phase: 'Pending', readyAtMs: null }),
  ];
  const order = ['pending', 'starting', 'draining', 'sick', 'young', 'old', 'busy'];
  for (const left of [0, 3, 6, 7, 9])
    assert.deepEqual(names(victims(pods, left)), order.slice(0, Math.max(0, 7 - left)));
});

test('whatever the order of the pods, the same go, and never one more than asked', () => {
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
      const pods = given.map((one, index) => candidate(`p-${index}`, one as Partial<Candidate>));
      const gone = victims(pods, left);
      assert.equal(gone.length, Math.max(0, pods.length - left));
      assert.deepEqual(names(victims(pods.toReversed(), left)), names(gone));
    }),
  );
});

const told = 10_000;
function source(pod: Partial<PodLoad> | null, more: Partial<Source> = {}, atMs = told + 500): Source {
  const load = {
    name: 'm',
    pods: pod === null ? [] : [{ uid: 'p', state: 'serving', inFlight: 0, leaving: true, ...pod }],
  };
  const report = { instance: 'i', name: 'g', sequence: 1, ready: true, pools: [load as unknown as PoolLoad] };
  return { uid: 'g', name: 'g', wasReady: true, terminating: false, news: { atMs, report }, ...more };
}
const waits = (one: Source, nowMs = told + 1_000): boolean => waitingFor('p', 'm', [one], told, nowMs).length > 0;

test('who lets a pod go: all that exist and were ready, after it was told, with nothing in flight', () => {
  assert.equal(waits(source({})), false);
  assert.equal(waits(source(null)), false, 'it does not know the pod any more');
  assert.equal(waits(source({ leaving: false, state: 'joining' })), false, 'it never sent it anything');
  assert.equal(waits(source({ inFlight: 1 })), true);
  assert.equal(waits(source({ leaving: false })), true, 'it does not know of the drain yet');
  assert.equal(waits(source({}, {}, told)), true, 'said before it was told');
  assert.equal(waits(source({}), told + 60_000), true, 'an old word');
  assert.equal(waits(source({}, { terminating: true })), false);
  assert.equal(waits(source({ inFlight: 1 }, { terminating: true })), true);
  assert.equal(waits(source({}, { news: null })), true, 'it was ready once, and says nothing');
  assert.equal(waits(source({}, { news: null, wasReady: false })), false, 'it never held a request');
});

test('marks say whose and what for; those of others are nobody of ours', () => {
  assert.deepEqual([purposeOf(markOf(3, 'shrink')), purposeOf(markOf(3, 'replace'))], ['shrink', 'replace']);
  for (const mark of ['', 'by hand', '3-', '3-replace-x', '-1']) assert.equal(purposeOf(mark), null, mark);
});

test('what a leader before was shrinking to: marks that its write has not taken yet', () => {
  assert.equal(adoptedReplicas(5, 5, 2), 3, 'marked, nothing written');
  assert.equal(adoptedReplicas(3, 5, 2), 3, 'written, the pods still end');
  assert.equal(adoptedReplicas(5, 5, 0), 5);
  assert.equal(adoptedReplicas(1, 1, 3), 0);
});
