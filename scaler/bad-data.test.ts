/**
 * Bad data never causes a scale-down, and causes a scale-up only as far as the rest is certain; decision, condition and metric
 * tell why. Each case spoils the data just when the load ends, at which good data would let pods go.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LoadReport } from '../contract/load-report.ts';
import { World, type WorldOptions } from './testing/world.ts';

const spec = { scaling: { minReplicas: 1, maxReplicas: 20 } };
/** Seconds after which good data has long let pods go. */
const longS = 420;

/** Eight pods with work for seven, for long enough that the policy knows the traffic. */
async function busy(options: WorldOptions = {}): Promise<World> {
  const world = new World({ spec, replicas: 8, ...options });
  await world.run(150, 70);
  assert.ok(world.cluster.replicas >= 7);
  return world;
}

/** Writes of a replica count that the scaler has made. */
function writesIn({ cluster }: World): number {
  return cluster.calls.filter((call) => call.startsWith('scale ')).length;
}

function changed(report: LoadReport, change: object): LoadReport {
  return { ...report, pools: report.pools.map((pool) => ({ ...pool, ...change })) };
}

test('good data scales down when the load ends', async () => {
  const world = await busy();
  const before = world.cluster.replicas;
  await world.run(longS, 1);
  assert.ok(world.cluster.replicas < before / 2, `${world.cluster.replicas} of ${before} are left`);
  assert.equal(world.lost, 0);
  assert.equal(world.condition('ScalingActive'), 'True ValidReports');
});

interface Case {
  readonly name: string;
  /** Reason of the decisions while the data is bad. */
  readonly reason: string;
  readonly condition: string;
  readonly spoil: (world: World) => void;
  readonly options?: WorldOptions;
}

const cases: readonly Case[] = [
  {
    name: 'a gateway that stops reporting',
    reason: 'stale-report',
    condition: 'False StaleReport',
    spoil: ({ gateways }) => (gateways[0]!.silent = true),
  },
  {
    name: 'no gateway at all',
    reason: 'no-report',
    condition: 'False NoReport',
    spoil: (world) => (world.gateways = []),
  },
  {
    name: 'a gateway that is not ready, so does not know its pods',
    reason: 'no-report',
    condition: 'False NoReport',
    spoil: ({ gateways }) => (gateways[0]!.ready = false),
  },
  {
    name: 'an invalid report',
    reason: 'bad-number',
    condition: 'False BadNumber',
    spoil: ({ gateways }) => (gateways[0]!.distort = () => null),
  },
  {
    name: 'a report without the pool',
    reason: 'no-report',
    condition: 'False NoReport',
    spoil: ({ gateways }) => (gateways[0]!.distort = (report) => ({ ...report, pools: [] })),
  },
  {
    name: 'a negative number',
    reason: 'bad-number',
    condition: 'False BadNumber',
    spoil: ({ gateways }) => (gateways[0]!.distort = (report) => changed(report, { queued: -1 })),
  },
  {
    name: 'an infinite number',
    reason: 'bad-number',
    condition: 'False BadNumber',
    spoil: ({ gateways }) => (gateways[0]!.distort = (report) => changed(report, { arrivals: Infinity })),
  },
  {
    name: 'a counter that keeps going back',
    reason: 'counter-went-back',
    condition: 'False CounterWentBack',
    spoil: ({ gateways, clock }) =>
      (gateways[0]!.distort = (report) => changed(report, { arrivals: 5_000 - clock.steadyMs() / 1000 })),
  },
  {
    name: 'a model without a fit, as after a restart of the gateway',
    reason: 'no-fit',
    condition: 'False NoFit',
    spoil: ({ gateways }) => {
      gateways[0]!.restart();
      gateways[0]!.fit = null;
    },
  },
  {
    name: 'a fit without samples',
    reason: 'no-fit',
    condition: 'False NoFit',
    spoil: ({ gateways }) => (gateways[0]!.fit = { aMs: 0, cMs: 0, samples: 0 }),
  },
  {
    name: 'a pool with no model',
    reason: 'no-fit',
    condition: 'False NoFit',
    spoil: ({ gateways }) => (gateways[0]!.distort = (report) => changed(report, { models: [] })),
  },
  {
    name: 'a clock set back while the gateway is silent',
    reason: 'clock-went-back',
    condition: 'False ClockWentBack',
    spoil: (world) => {
      world.gateways[0]!.silent = true;
      world.jumpMs = -3_600_000;
    },
  },
  {
    name: 'a stale view of the cluster',
    reason: 'stale-view',
    condition: 'Unknown ViewStale',
    spoil: ({ cluster }) => (cluster.ageMs = 60_000),
  },
  {
    name: 'a deleted target',
    reason: 'cannot-scale',
    condition: 'False TargetNotFound',
    spoil: ({ cluster }) =>
      cluster.problems.push({ pool: 'm', reason: 'TargetNotFound', message: 'there is no Deployment m' }),
  },
  {
    name: 'another autoscaler on the same target',
    reason: 'cannot-scale',
    condition: 'False Conflict',
    spoil: ({ cluster }) => cluster.problems.push({ pool: 'm', reason: 'Conflict', message: 'HPA m scales it' }),
  },
];

describe('holds, and says why', () => {
  for (const { name, reason, condition, spoil, options } of cases) {
    test(name, async () => {
      const world = await busy(options);
      const { replicas } = world.cluster;
      const writes = world.cluster.writes.length;
      spoil(world);
      await world.run(30);
      assert.equal(world.last.reason, reason);
      const type = reason === 'stale-view' || reason === 'cannot-scale' ? 'AbleToScale' : 'ScalingActive';
      assert.equal(world.condition(type), condition);
      await world.run(longS - 30);
      assert.deepEqual([world.cluster.replicas, world.cluster.writes.length], [replicas, writes]);
      assert.deepEqual(
        world.cluster.livePods.filter(({ draining }) => draining !== null),
        [],
      );
      const held = await world.metric('sluice_scaler_hold_seconds_total', { reason });
      assert.ok(held! > longS - 60, `${held} s were counted`);
      const [kind, type2, status] = ['sluice_scaler_condition', type, condition.split(' ')[0]!];
      assert.equal(await world.metric(kind, { type: type2, status }), 1);
    });
  }
});

test('time on a stale view is not idle time: after it, pods must be idle anew before they go', async () => {
  const world = await busy();
  const { replicas } = world.cluster;
  world.cluster.ageMs = 60_000;
  await world.run(longS, 1);
  world.cluster.ageMs = 0;
  await world.run(30, 1);
  assert.equal(world.cluster.replicas, replicas);
  assert.deepEqual(
    world.cluster.livePods.filter(({ draining }) => draining !== null),
    [],
  );
  await world.until('it scales down', () => world.cluster.replicas < replicas, 1, longS);
});

test('minReplicas is enforced without any report, and nothing else is done', async () => {
  const world = new World({ replicas: 2 });
  await world.run(30, 8);
  world.gateways[0]!.silent = true;
  await world.run(30);
  assert.equal(world.condition('ScalingActive'), 'False StaleReport');
  world.cluster.setScaling({ minReplicas: 4, mode: 'Paused' });
  await world.run(5);
  assert.equal(world.cluster.replicas, 2, 'paused');
  world.cluster.setScaling({ mode: 'Active' });
  await world.run(5);
  assert.equal(world.cluster.replicas, 4);
  const { reason, outcome, arithmetic } = world.decisions.findLast(({ kind }) => kind === 'scale')!;
  assert.deepEqual([reason, outcome], ['minimum', 'written']);
  assert.ok(arithmetic.includes('incomplete (stale-report): the numbers are lower bounds'), arithmetic.join('\n'));
  world.cluster.setScaling({ minReplicas: 1 });
  await world.run(1200);
  assert.equal(world.cluster.replicas, 4, 'unknown load never scales down');
  assert.equal(writesIn(world), 1);
});

test('with one of two gateways silent, the reports of the other may raise the pool but never lower it', async () => {
  const world = await busy({ gateways: 2 });
  const { replicas } = world.cluster;
  world.gateways[1]!.silent = true;
  await world.run(longS, 2);
  assert.equal(world.cluster.replicas, replicas);
  assert.equal(world.condition('GatewaysReporting'), 'False Missing');
  assert.match(world.pool.conditions.find(({ type }) => type === 'GatewaysReporting')!.message, /g-2/);
  assert.ok((await world.metric('sluice_scaler_gateways_missing_seconds'))! > longS - 30);
  await world.run(30, 400);
  assert.ok(world.cluster.replicas > replicas, `${world.cluster.replicas} replicas`);
});

for (const silentS of [1, 2, 3, 60]) {
  test(`a gateway of two that tells nothing for ${silentS} s, and then all at once, orders no pod and frees none`, async () => {
    const world = new World({ spec: { scaling: { minReplicas: 1, maxReplicas: 200 } }, replicas: 45, gateways: 2 });
    await world.run(400, 400);
    const { replicas } = world.cluster;
    const before = writesIn(world);
    world.gateways[1]!.silent = true;
    await world.run(silentS, 400);
    world.gateways[1]!.silent = false;
    const rates: number[] = [];
    for (let second = 0; second < 120; second += 1) {
      await world.run(1, 400);
      rates.push(Number(world.last.inputs['ratePerS']));
    }
    assert.deepEqual([world.cluster.replicas, writesIn(world)], [replicas, before]);
    const [least, most] = [Math.min(...rates), Math.max(...rates)];
    assert.ok(least > 395 && most < 405, `it saw ${least} to ${most} of 400 requests/s`);
  });
}

test('a gateway that was never ready and one that is deleted are not expected to report', async () => {
  const world = await busy({ gateways: 3 });
  Object.assign(world.gateways[1]!, { silent: true, lastReport: null, wasReady: false });
  world.gateways.pop();
  await world.run(longS, 1);
  assert.ok(world.cluster.replicas < 4, `${world.cluster.replicas} replicas`);
});

test('a restarted gateway costs one second of doubt, and its new totals do not count as traffic', async () => {
  const world = await busy();
  const { replicas } = world.cluster;
  world.gateways[0]!.restart();
  await world.run(1, 70);
  assert.equal(world.last.inputs['missing'], 'no-report');
  await world.run(60, 70);
  assert.ok(Math.abs(world.cluster.replicas - replicas) <= 1, `${replicas} → ${world.cluster.replicas}`);
  assert.equal(world.condition('ScalingActive'), 'True ValidReports');
});

test('a clock set forward an hour costs one second of doubt, and the skipped time does not count as idle', async () => {
  const world = await busy();
  const { replicas } = world.cluster;
  world.jumpMs = 3_600_000;
  await world.run(1, 70);
  assert.equal(world.last.reason, 'clock-went-forward');
  await world.run(longS, 70);
  assert.ok(Math.abs(world.cluster.replicas - replicas) <= 1, `${replicas} → ${world.cluster.replicas}`);
  await world.run(longS, 1);
  assert.ok(world.cluster.replicas < replicas);
});

test('a clock set back an hour after a write does not block the next writes', async () => {
  const world = await busy();
  const { replicas } = world.cluster;
  await world.until('it grows', () => world.cluster.replicas > replicas, 200, 20);
  world.jumpMs = -3_600_000;
  await world.run(60, 200);
  const grown = world.cluster.replicas;
  await world.until('it shrinks', () => world.cluster.replicas < grown, 1, longS);
});

test('a clock set back an hour costs one second of doubt, then scaling goes on', async () => {
  const world = await busy();
  const { replicas } = world.cluster;
  world.jumpMs = -3_600_000;
  await world.run(1, 70);
  assert.equal(world.last.reason, 'clock-went-back');
  await world.run(30, 70);
  assert.equal(world.cluster.replicas, replicas);
  assert.equal(world.condition('ScalingActive'), 'True ValidReports');
  await world.run(longS, 1);
  assert.ok(world.cluster.replicas < replicas);
});

test('a write that was made but whose answer is lost counts as ours, and its victims are released', async () => {
  const world = await busy();
  world.cluster.answersAreLost = true;
  world.cluster.failing.set('scale', { kind: 'failed', detail: 'no answer in 10000 ms' });
  const replicas = world.cluster.replicas;
  await world.until('it grows', () => world.cluster.replicas > replicas, 300, 20);
  await world.run(60, 300);
  await world.until('it shrinks', () => world.cluster.replicas <= 2, 1, longS);
  await world.run(60, 1);
  assert.ok(world.cluster.writes.length >= 3, `${world.cluster.writes.length} writes`);
  assert.deepEqual(
    world.cluster.events.filter(({ reason }) => reason === 'ReplicasChanged'),
    [],
  );
  assert.equal(world.lost, 0);
  assert.equal(world.condition('AbleToScale'), 'True ReadyForNewScale');
});

test('a write that failed for real: the same count much later is somebody else’s change', async () => {
  const world = await busy();
  const { replicas } = world.cluster;
  world.cluster.failing.set('scale', { kind: 'failed', detail: 'no answer in 10000 ms' });
  await world.run(5, 300);
  assert.equal(world.cluster.replicas, replicas);
  const failed = world.cluster.events.findLast(({ reason }) => reason === 'FailedRescale');
  const tried = Number(/→ (\d+) failed/.exec(failed!.message)![1]);
  // Paused, so that the scaler does not retry the write itself.
  world.cluster.setScaling({ mode: 'Paused' });
  await world.run(40, 70);
  world.cluster.setReplicas(tried);
  await world.run(2, 70);
  assert.ok(world.cluster.events.some(({ reason }) => reason === 'ReplicasChanged'));
});

test('a count that a person changed is accepted and reported; repeated changes stop our writes', async () => {
  const world = await busy();
  world.cluster.setReplicas(15);
  await world.run(1, 70);
  assert.equal(world.last.reason, 'replicas-changed');
  await world.run(20, 70);
  assert.equal(world.cluster.replicas, 15);
  const told = world.cluster.events.find(({ reason }) => reason === 'ReplicasChanged');
  assert.match(told!.message, /^Deployment m: \d+ → 15 by somebody else$/);
  // A script insists on two replicas, whatever the load.
  for (let time = 0; time < 3; time += 1) {
    world.cluster.setReplicas(2);
    await world.run(10, 70);
  }
  assert.equal(world.condition('AbleToScale'), 'False Conflict');
  const writes = world.cluster.writes.length;
  await world.run(120, 70);
  assert.deepEqual([world.cluster.replicas, world.cluster.writes.length], [2, writes]);
  // Five minutes after the script's last change the scaler writes again.
  await world.until('it scales again', () => world.cluster.replicas > 7, 70);
});

test('without a fit only the first pod starts, on the first request', async () => {
  const world = new World({ spec: { scaling: { minReplicas: 0, maxReplicas: 20 } }, replicas: 0 });
  world.gateways[0]!.fit = null;
  await world.run(5);
  assert.equal(world.cluster.replicas, 0);
  await world.run(3, 100);
  assert.deepEqual(
    world.cluster.writes.map(({ from, to }) => [from, to]),
    [[0, 1]],
  );
  assert.equal(world.last.reason, 'no-fit');
});

test('a pool deleted while a write is in flight leaves no metric series behind', async () => {
  const world = await busy();
  const { cluster, scaler, metrics } = world;
  scaler.see({ ...cluster.view, pools: [] });
  metrics.statusWrite('m', 'done');
  metrics.scaleWrite('m', 'up', 'done');
  assert.doesNotMatch(await metrics.registry.metrics(), /pool="m"/);
  assert.equal(scaler.decisions('m'), null);
  await world.run(5, 70);
  assert.match(await metrics.registry.metrics(), /pool="m"/);
});
