/** Writes of a pool's status on virtual time, counted: what readers need comes within seconds, and noise now and then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from '../testing/world.ts';

/** World whose gateway predicts the waits in turn, one a second. @returns it, and the count of status writes over so many seconds */
async function worldOf(
  waitsMs: readonly number[],
): Promise<{ readonly world: World; readonly writes: (seconds: number) => Promise<number> }> {
  const world = new World({ replicas: 1 });
  let turn = 0;
  world.gateways[0]!.distort = (report) => {
    const predictedWaitMs = waitsMs[(turn += 1) % waitsMs.length]!;
    return { ...report, pools: report.pools.map((pool) => ({ ...pool, predictedWaitMs })) };
  };
  const count = async (): Promise<number> =>
    (await world.metric('sluice_scaler_status_writes_total', { pool: 'm', result: 'done' })) ?? 0;
  await world.run(60, 5);
  return {
    world,
    writes: async (seconds) => {
      const before = await count();
      await world.run(seconds, 5);
      return (await count()) - before;
    },
  };
}

test('a predicted wait that trembles is written twice a minute, and not twelve times', async () => {
  const { world, writes } = await worldOf([50, 41, 57, 44, 53, 59, 47]);
  assert.ok((await writes(300)) <= 11);
  assert.ok(world.cluster.status!.predictedWaitMs! > 40);
});

test('a wait that has doubled is in the status within 5 s', async () => {
  const { world, writes } = await worldOf([50]);
  await writes(30);
  world.gateways[0]!.distort = (report) => ({
    ...report,
    pools: report.pools.map((pool) => ({ ...pool, predictedWaitMs: 120 })),
  });
  assert.equal((await world.until('it is told', () => world.cluster.status?.predictedWaitMs === 120, 5, 6)) <= 5, true);
});

test('a pool of which nothing changes is not written', async () => {
  const { writes } = await worldOf([50]);
  assert.ok((await writes(120)) <= 2, 'idle clocks go on each minute');
});
