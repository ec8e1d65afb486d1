import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bound } from './bounds.ts';

const bounds = { minReplicas: 0, maxReplicas: 10, idleMs: 1000 };

test('zero only when nothing is there and nothing was for long enough', () => {
  assert.equal(bound(0, bounds, { current: 1, busy: false, quietForMs: 1000 }).replicas, 0);
  assert.equal(bound(0, bounds, { current: 1, busy: false, quietForMs: 999 }).replicas, 1);
  assert.equal(bound(0, bounds, { current: 1, busy: true, quietForMs: 5000 }).replicas, 1);
  assert.equal(bound(0, bounds, { current: 0, busy: false, quietForMs: 0 }).replicas, 0, 'an empty pool is left empty');
});

test('the minimum and the maximum are kept, and said', () => {
  assert.deepEqual(bound(11, bounds, { current: 1, busy: true, quietForMs: 0 }), { replicas: 10, limit: 'maximum' });
  assert.deepEqual(bound(1, { ...bounds, minReplicas: 2 }, { current: 1, busy: false, quietForMs: 9e9 }), {
    replicas: 2,
    limit: 'minimum',
  });
  assert.deepEqual(bound(5, bounds, { current: 1, busy: true, quietForMs: 0 }), { replicas: 5, limit: null });
});
