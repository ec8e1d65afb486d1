/**
 * Half an hour of a healthy pool under changing load, on virtual time: in no second does its report show a trouble, or words that
 * contradict its numbers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolReport } from '../contract/scaler-api.ts';
import { World } from './testing/world.ts';

/** Contradictions between what a report says and what it counts. */
function contradictions(pool: PoolReport): string[] {
  const found: string[] = [];
  const condition = (type: string) => pool.conditions.find((one) => one.type === type)!;
  const say = (is: boolean, what: string): void => {
    if (is) found.push(`${what}: ${JSON.stringify({ ...pool, conditions: undefined, pods: undefined })}`);
  };
  const serving = pool.pods.filter(({ state }) => state === 'serving' || state === 'probing').length;
  say(serving !== pool.readyReplicas, `${serving} pods serve`);
  say(condition('Ready').status === 'True' && pool.replicas > 0 && serving === 0, 'ready without a pod that serves');
  say(condition('Stalled').status === 'True' && condition('Reconciling').status === 'True', 'stalled and on its way');
  const { objectiveMs, p99Ms } = pool;
  const late = objectiveMs !== null && p99Ms !== null && p99Ms > objectiveMs;
  say(late && pool.why === 'it has the pods that it needs', 'late, with all the pods that it needs');
  say(
    pool.limitedBy === null && late && pool.pods.some(({ state }) => state === 'starting'),
    'late, limited by nothing',
  );
  const { sinceMs = 0, untilMs = null } = pool.idle ?? {};
  say(untilMs !== null && untilMs < sinceMs, 'idle until before it was idle');
  return found;
}

/** Requests/s over half an hour: a day in small, with a lunch, an evening peak and a night. */
function loadAt(second: number): number {
  const wave = 30 + 25 * Math.sin((2 * Math.PI * second) / 900);
  const dip = second > 800 && second < 900 ? 0.4 : 1;
  return second > 1600 ? 2 : Math.round(wave * dip);
}

test('nothing is red, and nothing contradicts itself, in half an hour of health', async () => {
  const world = new World({
    spec: { scaling: { minReplicas: 2, maxReplicas: 20 }, objective: { latencyMs: 500, percentile: 99 } },
    replicas: 8,
    gateways: 2,
  });
  await world.run(5, loadAt(0));
  const sizes = new Set<number>();
  const seen: string[] = [];
  let sawIdle = false;
  for (let second = 0; second < 1800; second += 1) {
    await world.run(1, loadAt(second));
    const { pool } = world;
    sizes.add(pool.replicas);
    sawIdle ||= (pool.idle ?? null) !== null;
    for (const { condition, reason, message } of pool.troubles ?? []) {
      // A bound that a person set is told, and is no fault.
      if (condition !== 'ScalingLimited') seen.push(`${second} s: ${reason}: ${message}`);
    }
    seen.push(...contradictions(pool).map((what) => `${second} s: ${what}`));
  }
  assert.deepEqual(seen, []);
  // The load did change the pool, and what is looked at was there.
  assert.ok(sizes.size >= 3, [...sizes].join());
  assert.ok(sawIdle);
});

test('what is red in a sick half hour is found by the same look', async () => {
  const world = new World({ replicas: 3 });
  await world.run(5, 20);
  world.gateways[0]!.outcome = 'failed';
  await world.run(5, 20);
  assert.deepEqual(
    world.pool.troubles!.map(({ level, reason }) => `${level} ${reason}`),
    ['bad Failing'],
  );
  const wrong = { ...world.pool, readyReplicas: 9 };
  assert.equal(contradictions(wrong).length, 1);
});

test('an idle pod says since when it is idle, and is gone by the time that was named', async () => {
  const world = new World({ spec: { scaling: { minReplicas: 1, maxReplicas: 20 } }, replicas: 6 });
  await world.run(60, 50);
  await world.until('some pods are idle', () => (world.pool.idle?.untilMs ?? null) !== null, 5);
  const { sinceMs, untilMs } = world.pool.idle!;
  assert.ok(sinceMs <= world.clock.wallMs());
  const before = world.cluster.writes.length;
  const waitS = Math.ceil((untilMs! - world.clock.wallMs()) / 1000);
  await world.until('it shrinks', () => world.cluster.writes.length > before, 5, waitS + 30);
  assert.ok(world.clock.wallMs() >= untilMs!, 'not before the time that was named');
});

test('a minimum that is raised and a maximum that is lowered are the reasons themselves', async () => {
  const world = new World({ spec: { scaling: { minReplicas: 4, maxReplicas: 8 } }, replicas: 4 });
  const lastScale = () => world.decisions.findLast(({ kind }) => kind === 'scale')!.reason;
  await world.run(1, 5);
  // The policy would rather have fewer, then rather more: the bound turns its proposal round.
  await world.until('fewer are wanted', () => world.last.reason === 'at-minimum', 5, 600);
  world.cluster.setScaling({ minReplicas: 6 });
  await world.run(3, 5);
  assert.equal(lastScale(), 'minimum');
  await world.until('more are wanted', () => world.last.reason === 'at-maximum', 200, 600);
  world.cluster.setScaling({ maxReplicas: 7 });
  await world.run(3, 200);
  assert.equal(lastScale(), 'maximum');
});
