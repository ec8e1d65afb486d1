/** Models that are not batched, in the report on a pool: whichever gateway has heard of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import { PoolReport } from '../../contract/scaler-api.ts';
import { World } from '../testing/world.ts';

test('a model that one gateway calls unbatched is named with its reason, and no more once none does', async () => {
  const world = new World({ replicas: 1 });
  await world.run(3, 1);
  assert.deepEqual(world.pool.unbatched, {});
  const unbatchedReason = "outputs change with companions (0.41 of the scale of 'tags')";
  world.gateways[0]!.distort = (report) => ({
    ...report,
    pools: report.pools.map((pool) => ({
      ...pool,
      models: pool.models.map((model) => ({ ...model, unbatchedReason })),
    })),
  });
  await world.run(2, 1);
  assert.deepEqual(world.pool.unbatched, { m: unbatchedReason });
  assert.ok(Check(PoolReport, world.pool));
  world.gateways[0]!.distort = (report) => report;
  await world.run(2, 1);
  assert.deepEqual(world.pool.unbatched, {});
});
