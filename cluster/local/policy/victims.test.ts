import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { victims, type Candidate } from './victims.ts';

function pod(name: string, over: Partial<Candidate> = {}): Candidate {
  return { name, phase: 'Ready', deletionCost: 0, readyAtMs: 1000, restarts: 0, createdAtMs: 0, ...over };
}

/** Names in the order of removal. */
function order(...pods: Candidate[]): string {
  return victims(pods, pods.length)
    .map(({ name }) => name)
    .join(' ');
}

test('pods without a process go first, then pods that are not ready, whatever their cost', () => {
  assert.equal(
    order(
      pod('ready'),
      pod('running', { phase: 'Running', readyAtMs: null, deletionCost: 100 }),
      pod('pending', { phase: 'Pending', readyAtMs: null, deletionCost: 1000 }),
    ),
    'pending running ready',
  );
});

test('among ready pods the lower deletion cost goes first, whatever its age', () => {
  assert.equal(
    order(pod('young', { readyAtMs: 9000 }), pod('marked', { deletionCost: -10 }), pod('dear', { deletionCost: 5 })),
    'marked young dear',
  );
});

test('at equal cost the most recently ready goes first, then the one with more restarts, then the youngest', () => {
  assert.equal(order(pod('old'), pod('young', { readyAtMs: 2000 })), 'young old');
  assert.equal(order(pod('steady'), pod('shaky', { restarts: 3 })), 'shaky steady');
  assert.equal(order(pod('first'), pod('second', { createdAtMs: 10 })), 'second first');
});

test('the number of victims is bounded by the candidates, and their order does not depend on the input order', () => {
  const pods = fc.array(
    fc.record({
      name: fc.uuid(),
      phase: fc.constantFrom('Pending', 'Running', 'Ready'),
      deletionCost: fc.integer({ min: -2, max: 2 }),
      readyAtMs: fc.option(fc.nat(3)),
      restarts: fc.nat(2),
      createdAtMs: fc.nat(3),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(pods, fc.integer({ min: -2, max: 14 }), (candidates, count) => {
      const chosen = victims(candidates, count);
      assert.equal(chosen.length, Math.max(0, Math.min(count, candidates.length)));
      assert.deepEqual(victims(candidates.toReversed(), count), chosen);
    }),
  );
});
