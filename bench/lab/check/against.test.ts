import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadGenerator } from '../rig/load.ts';
import type { Target } from '../rig/systems.ts';
import { measureBoth, renderCosts } from './against.ts';
import type { Comparison } from './comparisons.ts';

const target = (origin: string): Target => ({
  origin,
  meters: { server: origin, pods: [] },
  stop: () => Promise.resolve(),
});

test('both checkouts get the same load in turns, and the round that warms them up is not counted', async () => {
  const asked: string[] = [];
  const comparison = {
    name: 'a row',
    unit: 'row',
    measure: (_load: LoadGenerator, { origin }: Target, requests: number) => {
      asked.push(`${requests} ${origin}`);
      return Promise.resolve({ gatewayUs: asked.length, podsUs: 10 });
    },
  } as unknown as Comparison;
  const sides = { load: {} as LoadGenerator, here: target('here'), there: target('there') };
  const costs = await measureBoth([comparison], sides, { rounds: 2, requests: 5 });
  assert.deepEqual(asked, ['5 here', '5 there', '5 here', '5 there', '5 here', '5 there']);
  assert.deepEqual(costs, {
    'a row: gateway': { ours: [3, 5], yardstick: [4, 6] },
    'a row: gateway + pods': { ours: [13, 15], yardstick: [14, 16] },
  });
});

test('the table has the mean costs of both, their ratio, and how far the starts differ', () => {
  const starts = [80, 100].map((here) => ({
    'a row: gateway': { ours: [here, here], yardstick: [100, 100] },
    'a row: gateway + pods': { ours: [200], yardstick: [100] },
  }));
  assert.equal(
    renderCosts([{ name: 'a row', unit: 'row' }], starts),
    'a row: gateway         90.0 µs a row here, 100.0 there: 0.90; 0.80–1.00 by start\n' +
      'a row: gateway + pods  200.0 µs a row here, 100.0 there: 2.00; 2.00–2.00 by start',
  );
});
