/** Processes that end while a system grows or shrinks: every request is accounted for, and nothing is done twice. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually, offer, startScaling, type LogLine, type ScalingSystem } from '../support/scaling.ts';

/** Runs so long that a pod which is told to drain always holds something; one pod carries all of the load. */
const model = { runMs: 1_500, rowMs: 10, maxRows: 8 };
const limitMs = 300_000;

interface Asking extends AsyncDisposable {
  /** @returns how many got which status */
  stop(): Promise<Map<number, number>>;
}

/** Sends one after the other in each of `width` loops until it is told to stop. */
function keepAsking(scaling: ScalingSystem, width: number): Asking {
  const statuses = new Map<number, number>();
  let going = true;
  const loops = Array.from({ length: width }, async () => {
    while (going) {
      const status = await scaling.predict().catch(() => -1);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  const stop = async (): Promise<Map<number, number>> => {
    going = false;
    await Promise.all(loops);
    return statuses;
  };
  return {
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}

function startsWith(lines: readonly LogLine[], start: string): LogLine[] {
  return lines.filter(({ msg }) => msg.startsWith(start));
}

/**
 * Resolves when the first of four busy pods drains. By policy a pool shrinks over minutes; a lower bound has the scaler drain pods at
 * once, by the same way.
 */
async function untilDraining(scaling: ScalingSystem) {
  const { pods } = await eventually(
    'all pods are busy',
    () => scaling.pool(),
    (pool) => pool.pods.length === 4 && pool.pods.every(({ inFlight }) => inFlight > 0),
    limitMs,
  );
  assert.ok(pods.every(({ state }) => state === 'serving'));
  await scaling.bound({ minReplicas: 1, maxReplicas: 1 });
  return eventually(
    'a pod drains',
    () => scaling.pool(),
    ({ drainingReplicas }) => drainingReplicas > 0,
    limitMs,
  );
}

describe('a drain', { concurrency: 2 }, () => {
  test(
    'kill -9 of the scaler in a drain: the next one ends it, with one write, and no pod goes that holds a request',
    { timeout: 4 * limitMs },
    async () => {
      await using scaling = await startScaling(
        model,
        { scaling: { minReplicas: 1, maxReplicas: 4 } },
        { SLUICE_PODS: '4' },
      );
      await using asking = keepAsking(scaling, 4);
      await untilDraining(scaling);
      const [scaler] = scaling.system.pidsOf('scaler');
      process.kill(scaler!, 'SIGKILL');
      await eventually(
        'another scaler runs',
        () => scaling.system.pidsOf('scaler'),
        (pids) => pids.length === 1 && pids[0] !== scaler,
        30_000,
      );
      const pool = await eventually(
        'the drain is over',
        () => scaling.pool().catch(() => null),
        (seen) =>
          seen !== null && seen.replicas < 4 && seen.pods.length === seen.replicas && seen.drainingReplicas === 0,
        limitMs,
      );
      assert.ok(pool!.replicas >= 1);
      const statuses = await asking.stop();
      assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]));
      const writes = startsWith(scaling.lines, 'pool slow: SuccessfulRescale: ');
      const shrinks = new Set(writes.map(({ msg }) => msg));
      assert.equal(writes.length, shrinks.size, 'no write was made twice');
      for (const { source, inFlight } of scaling.lines.filter(({ msg }) => msg === 'draining')) {
        assert.equal(inFlight, 0, `${source} was told to go`);
      }
    },
  );

  test(
    'a pod that hangs in its drain: what it held is answered by another, and it goes in the end',
    { timeout: 4 * limitMs },
    async () => {
      await using scaling = await startScaling(
        model,
        { scaling: { minReplicas: 1, maxReplicas: 4 }, requests: { timeoutMs: 120_000 } },
        { SLUICE_PODS: '4', SLUICE_DRAIN_LIMIT_MS: '5000' },
      );
      await using asking = keepAsking(scaling, 4);
      const { pods } = await untilDraining(scaling);
      const hung = pods.find(({ state }) => state === 'draining')!;
      process.kill(scaling.pidOf(hung.name)!, 'SIGSTOP');
      // Where what waits for it makes the pool want its drains back, it is found hung and its process ends for another one
      // of the same name; the uid is of the process.
      await eventually(
        `${hung.uid} is gone`,
        () => scaling.pool(),
        (seen) => seen.pods.every(({ uid }) => uid !== hung.uid),
        limitMs,
      );
      const statuses = await asking.stop();
      assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]));
    },
  );
});

describe('growth', { concurrency: 2 }, () => {
  test('pods are killed while the pool grows: no request is lost', { timeout: 2 * limitMs }, async () => {
    const slow = { runMs: 300, rowMs: 50, maxRows: 2 };
    await using scaling = await startScaling(slow, {
      scaling: { minReplicas: 1, maxReplicas: 6 },
      requests: { timeoutMs: 120_000 },
    });
    const killed = new Set<number>();
    const load = offer(scaling, 20, { total: 300 });
    for (let count = 0; count < 4; count += 1) {
      const pid = await eventually(
        'a pod that can be killed',
        () => scaling.system.podPids().find((candidate) => !killed.has(candidate)),
        (found) => found !== undefined,
        60_000,
      );
      process.kill(pid!, 'SIGKILL');
      killed.add(pid!);
      await eventually(
        'another is ready',
        () => scaling.pool(),
        ({ readyReplicas }) => readyReplicas > 0,
        60_000,
      );
      // Requests of the killed pod are retried alone, before others. After repeated kills a request counts as poison.
      assert.equal(await scaling.predict(), 200);
    }
    assert.deepEqual([...(await load)], [[200, 300]]);
  });

  test(
    'a gateway that is restarted while the pool grows: what it took is answered, and pods stay',
    { timeout: 2 * limitMs },
    async () => {
      const slow = { runMs: 300, rowMs: 50, maxRows: 2 };
      await using scaling = await startScaling(slow, {
        scaling: { minReplicas: 1, maxReplicas: 5 },
        requests: { timeoutMs: 120_000 },
      });
      const load = offer(scaling, 20, { total: 100 });
      await eventually(
        'it grows',
        () => scaling.pool(),
        ({ replicas }) => replicas >= 3,
        60_000,
      );
      const [gateway] = scaling.system.pidsOf('gateway');
      process.kill(gateway!, 'SIGTERM');
      const statuses = await load;
      // Requests sent while no gateway listened were refused a connection (-1), or told on an idle one that it ends (408). All others
      // were answered.
      const refused = (statuses.get(-1) ?? 0) + (statuses.get(408) ?? 0);
      assert.equal(statuses.get(200), 100 - refused, JSON.stringify([...statuses]));
      await eventually(
        'another gateway serves',
        () => scaling.predict().catch(() => -1),
        (status) => status === 200,
        60_000,
      );
      const told = await eventually(
        'it reports',
        () => scaling.pool(),
        ({ conditions }) => conditions.some(({ type, status }) => type === 'GatewaysReporting' && status === 'True'),
        60_000,
      );
      assert.ok(told.replicas >= 3, `${told.replicas} pods are left`);
    },
  );
});
