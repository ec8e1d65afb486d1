/** A pool as kubectl shows it: the columns of its status, its conditions, its events. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { KubernetesScaler } from '../../cluster/kubernetes/scaler-cluster.ts';
import type { PoolStatus } from '../../contract/pool-status.ts';
import { adapterNamespace, poolOf, scalerOf, skip } from './support/adapter.ts';
import { until, type Namespace } from './support/kubectl.ts';

const patienceMs = 60_000;
const status: PoolStatus = {
  observedGeneration: 1,
  replicas: 4,
  readyReplicas: 3,
  desiredReplicas: 5,
  drainingReplicas: 0,
  queued: 17,
  predictedWaitMs: 41.5,
  conditions: [
    {
      type: 'AbleToScale',
      status: 'True',
      reason: 'ReadyForNewScale',
      message: 'nothing is in the way',
      lastTransitionTime: '2026-01-01T00:00:00.000Z',
    },
  ],
  lastDecision: { replicas: 5, reason: 'backlog', at: '2026-01-01T00:00:00.000Z', inputs: { queued: 17 } },
};

describe('what kubectl shows of a pool', { skip }, () => {
  let namespace: Namespace;
  let scaler: KubernetesScaler;
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    namespace = await adapterNamespace('told');
    ends.unshift(() => namespace.delete());
    await namespace.apply(poolOf('told', { objective: { latencyMs: 100 } }));
    scaler = scalerOf(namespace);
    ends.unshift(() => scaler.close());
    await until('to lead', patienceMs, () => (scaler.leadership().leading ? true : null));
    await until('the pool', patienceMs, async () =>
      (await scaler.writeStatus('told', status)).kind === 'done' ? true : null,
    );
  });
  after(async () => {
    for (const end of ends) await end();
  });

  test('kubectl get: a column each for ready, desired, queue, wait, objective and reason', async () => {
    const [head, line] = (await namespace.kubectl(['get', 'modelpools'])).trim().split('\n');
    assert.deepEqual(head?.split(/\s+/), ['NAME', 'READY', 'DESIRED', 'QUEUE', 'WAIT', 'OBJECTIVE', 'REASON', 'AGE']);
    assert.deepEqual(line?.split(/\s+/).slice(0, -1), ['told', '3', '5', '17', '41.5', '100', 'backlog']);
    const [wide] = (await namespace.kubectl(['get', 'mp', '--output', 'wide'])).split('\n');
    assert.deepEqual(wide?.split(/\s+/).slice(8).slice(0, 3), ['MODELS', 'DEPLOYMENT', 'ABLE']);
  });

  test('kubectl wait knows its conditions', async () => {
    await namespace.kubectl(['wait', '--for=condition=AbleToScale', 'modelpool/told', '--timeout=10s']);
  });

  test('kubectl describe: events, equal ones counted', async () => {
    const rescaled = { pool: 'told', type: 'Normal', reason: 'SuccessfulRescale', message: '4 → 5, backlog' } as const;
    for (let times = 0; times < 3; times += 1) scaler.emit(rescaled);
    scaler.emit({ pool: 'told', type: 'Warning', reason: 'FailedRescale', message: 'no' });
    scaler.emit({ pool: 'unknown', type: 'Warning', reason: 'FailedRescale', message: 'of no pool' });
    const events = await until('both events', patienceMs, async () => {
      const { items } = await namespace.json<{
        items: { reason: string; message: string; type: string; count: number }[];
      }>(['get', 'events', '--field-selector', 'involvedObject.kind=ModelPool']);
      return items.length >= 2 ? items : null;
    });
    assert.deepEqual(events.map(({ type, reason, message, count }) => [type, reason, message, count]).toSorted(), [
      ['Normal', 'SuccessfulRescale', '4 → 5, backlog', 3],
      ['Warning', 'FailedRescale', 'no', 1],
    ]);
    const described = await namespace.kubectl(['describe', 'modelpool', 'told']);
    assert.match(described, /AbleToScale/);
    assert.match(described, /Normal\s+SuccessfulRescale\s.*\(x3 over .*\s+sluice-scaler\s+4 → 5, backlog/);
  });
});
