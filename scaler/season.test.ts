import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import { PoolStatus } from '../contract/pool-status.ts';
import { encodeMemory } from './policy/seasonal-memory.ts';
import { initialSeason } from './policy/seasonal.ts';
import { rushesAt, season } from './testing/season.ts';
import { World } from './testing/world.ts';

/** Text of four days before the world's first with a rush at a quarter past midnight. */
function fourDays(): string {
  const days = season(initialSeason, Date.UTC(2026, 0, 1) / 86_400_000 - 4);
  for (let day = 0; day < 4; day += 1) days.pass(rushesAt(0.25));
  return encodeMemory(days.state.memory!);
}

const numbers = {
  replicas: 3,
  readyReplicas: 3,
  desiredReplicas: 3,
  drainingReplicas: 0,
  queued: 0,
  predictedWaitMs: null,
};
const scaling = { minReplicas: 1, maxReplicas: 50 };

function worldWith(seasonal: string, spec: object = scaling): World {
  const world = new World({ replicas: 3, spec: { scaling: spec } });
  world.cluster.status = { ...numbers, conditions: [], lastDecision: null, seasonal };
  return world;
}

test('a scaler goes on from the rushes that another kept: pods are ready for one, and explained', async () => {
  const world = worldWith(fourDays());
  await world.run(895, 20);
  assert.ok(world.pool.readyReplicas >= 10, `${world.pool.readyReplicas} pods`);
  const order = world.decisions.find(({ reason }) => reason === 'seasonal');
  assert.ok(order !== undefined, JSON.stringify(world.decisions.at(-1)));
  assert.ok(
    order.arithmetic.some((line) => line.includes('expected at Thu 00:15 UTC')),
    order.arithmetic.join('\n'),
  );
  assert.deepEqual(world.warnings, []);
});

test('without them, or switched off, the same morning has no more pods than its rate needs', async () => {
  for (const world of [
    new World({ replicas: 3, spec: { scaling } }),
    worldWith(fourDays(), { ...scaling, seasonal: false }),
  ]) {
    await world.run(895, 20);
    assert.ok(world.pool.readyReplicas <= 4, `${world.pool.readyReplicas} pods`);
  }
});

test('the status keeps what was learned, and only the leader writes it; the next leader decides on it', async () => {
  const world = worldWith(fourDays());
  await world.run(5, 20);
  const kept = world.cluster.status!;
  assert.ok(Check(PoolStatus, kept));
  assert.equal(kept.seasonal, fourDays());
  world.replaceScaler('b');
  await world.run(60, 20);
  assert.equal(world.cluster.status!.seasonal, fourDays(), 'nothing was learned yet, so nothing changed');
  await world.run(830, 20);
  assert.ok(world.pool.readyReplicas >= 10, `${world.pool.readyReplicas} pods`);
  await world.run(240, 100);
  const after = world.cluster.status!.seasonal;
  assert.notEqual(after, fourDays(), 'the rush of this day is added');
  assert.ok(after.startsWith(fourDays().split(' ').slice(0, 2).join(' ')));
});

test('text that nobody can read is a warning, and the pool learns anew', async () => {
  for (const text of ['', 'v9 1 2 3', fourDays().replace(',', ',zzzzz')]) {
    const world = worldWith(text);
    await world.run(20, 20);
    assert.equal(world.warnings.filter((line) => line.includes('status.seasonal')).length, 1, world.warnings.join());
    assert.match(world.cluster.status!.seasonal!, /^v1 \d+ 0\.00\/0\.00 0\.00\/0\.00 30\.0 1\.000 -$/);
  }
});
