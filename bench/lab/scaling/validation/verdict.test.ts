import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Replay } from './setup.ts';
import { compareReplays, isWithin } from './verdict.ts';

function replayWith(own: Partial<Replay>): Replay {
  const counts = {
    offered: 1000,
    late: 0,
    shed: 0,
    failed: 0,
    podSeconds: 1000,
    mostPods: 5,
    scaleWrites: 4,
    meanBatch: 2,
  };
  return { ...counts, steps: [], missedAtMs: [], ...own };
}

const rowOf = (real: Replay, simulated: readonly Replay[], what: string) =>
  compareReplays(real, simulated).find((row) => row.what === what)!;

test('late requests agree within a point of the simulations’ median, pod-seconds within a tenth', () => {
  const real = replayWith({ late: 30 });
  const simulated = [
    replayWith({ late: 20 }),
    replayWith({ late: 39, podSeconds: 1099 }),
    replayWith({ late: 90, podSeconds: 1300 }),
  ];
  assert.equal(isWithin(compareReplays(real, simulated)), true);
  const late = rowOf(real, simulated, 'late');
  assert.deepEqual(late, {
    what: 'late',
    real: '3.00%',
    simulated: '3.90% (2.00–9.00)',
    difference: '+0.90 points',
    limit: '±1 point',
    within: true,
  });
  assert.equal(rowOf(real, simulated, 'pod-seconds').difference, '+9.9%');
});

test('a difference beyond any limit is no agreement', () => {
  const real = replayWith({ late: 30 });
  assert.equal(isWithin(compareReplays(real, [replayWith({ late: 41 })])), false);
  assert.equal(isWithin(compareReplays(real, [replayWith({ late: 30, podSeconds: 899 })])), false);
  // Requests late on one side and shed on the other are missed on both.
  const shed = replayWith({ late: 25, shed: 16 });
  assert.equal(rowOf(real, [shed], 'late').within, true);
  assert.equal(rowOf(real, [shed], 'late, shed or failed').within, false);
});
