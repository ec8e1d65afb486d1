import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyBounds } from './bounds.ts';

const bounds = { minReplicas: 0, maxReplicas: 10, idleMs: 1000 };

test('zero only for an idle pool, or one that is at zero already', () => {
  assert.equal(applyBounds(0, bounds, { current: 1, busy: false, idleForMs: 1000 }).replicas, 0);
  assert.equal(applyBounds(0, bounds, { current: 1, busy: false, idleForMs: 999 }).replicas, 1);
  assert.equal(applyBounds(0, bounds, { current: 1, busy: true, idleForMs: 5000 }).replicas, 1);
  assert.equal(
    applyBounds(0, bounds, { current: 0, busy: false, idleForMs: 0 }).replicas,
    0,
    'a pool at zero stays there',
  );
});

test('the minimum and the maximum are enforced and named', () => {
  assert.deepEqual(applyBounds(11, bounds, { current: 1, busy: true, idleForMs: 0 }), {
    replicas: 10,
    limit: 'maximum',
  });
  assert.deepEqual(applyBounds(1, { ...bounds, minReplicas: 2 }, { current: 1, busy: false, idleForMs: 9e9 }), {
    replicas: 2,
    limit: 'minimum',
  });
  assert.deepEqual(applyBounds(5, bounds, { current: 1, busy: true, idleForMs: 0 }), { replicas: 5, limit: null });
});
