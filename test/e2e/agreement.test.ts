/**
 * One truth, told in many places: for pools in every state, the gateway's readiness, its list of models, the scaler's report and
 * conditions, the status of the cluster, metrics, and `sluice pools` say the same of each model and pool.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { poolsTable } from '../../cli/pools.ts';
import type { PoolsReport } from '../../contract/scaler-api.ts';
import { Metrics } from '../support/metrics.ts';
import { eventually } from '../support/scaling.ts';
import { StandInPod } from '../support/stand-in-pod.ts';
import { startSystem, type System } from '../support/system.ts';

/** Models by pool, and whether requests for each are answered. `rests` has no pod, and starts one with the next request. */
const expected = {
  well: { well: true },
  partly: { good: true, bad: false },
  never: { never: false },
  lost: { lost: false },
  rests: { simple: true },
} as const;
/** Pools of which no pod answers, though some should. */
const down = ['lost', 'never'];

const standIns = {
  well: new StandInPod('well', ['well']),
  partly: new StandInPod('partly', ['good']),
  never: new StandInPod('never', ['never']),
  lost: new StandInPod('lost', ['lost']),
};
let system: System;
let folder: string;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-agreement-'));
  for (const pod of Object.values(standIns)) await pod.start();
  standIns.never.stop();
  const pools = Object.entries(expected).map(([name, models]) => {
    const pod = name === 'rests' ? undefined : standIns[name as keyof typeof standIns];
    const place =
      pod === undefined
        ? { scaling: { minReplicas: 0 } }
        : { endpoints: [pod.pod.origin], shareSecretWithEndpoints: true };
    const spec = { models: Object.keys(models), ...place };
    return JSON.stringify({ apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name }, spec });
  });
  const file = path.join(folder, 'pools.yaml');
  await writeFile(file, pools.join('\n---\n'));
  system = await startSystem(['--pools', file]);
});

after(async () => {
  await system.stop();
  for (const pod of Object.values(standIns)) pod.stop();
  await rm(folder, { recursive: true });
});

/** Statements of each place: the models that are answered for, and the pools that are down, as far as it tells of them. */
async function told() {
  const names = Object.values(expected).flatMap((models) => Object.keys(models));
  const ready: string[] = [];
  for (const name of names) {
    if ((await fetch(`${system.origin}/v2/models/${name}/ready`)).ok) ready.push(name);
  }
  const listed = (await (await fetch(`${system.origin}/v1/models`)).json()) as { models: string[] };
  const health = await fetch(`${system.origin}/v2/health/ready`);
  const { error = '' } = (await health.json()) as { error?: string };
  const report = (await (await fetch(`${system.scalerOrigin}/api/pools`)).json()) as PoolsReport;
  const metrics = new Metrics(await (await fetch(`${system.scalerOrigin}/metrics`)).text());
  const pools = report.pools.map(({ name }) => name);
  const condition = (pool: string, type: string) =>
    report.pools.find(({ name }) => name === pool)?.conditions.find((one) => one.type === type)?.status;
  const inMetrics = (type: string) =>
    pools.filter((pool) => metrics.value('sluice_scaler_condition', { pool, type, status: 'False' }) === 1);
  const table = poolsTable(report).split('\n');
  const inTable = (words: string) =>
    pools.filter((pool) => table.some((line) => line.startsWith(`${pool} `) && line.includes(words)));
  const served = report.pools.flatMap(({ name, models, unserved, readyReplicas, replicas }) =>
    models.filter(
      (model) => unserved[model] === undefined && (readyReplicas > 0 || (name === 'rests' && replicas === 0)),
    ),
  );
  const sorted = (list: readonly string[]) => list.toSorted();
  return {
    models: { ready: sorted(ready), listed: sorted(listed.models), report: sorted(served) },
    down: {
      health: sorted([...error.matchAll(/'(\w+)'/g)].map(([, pool]) => pool!)),
      conditions: sorted(pools.filter((pool) => condition(pool, 'Ready') === 'False')),
      metrics: sorted(inMetrics('Ready')),
      table: sorted(inTable('NoPodServes')),
    },
    unserved: {
      conditions: pools.filter((pool) => condition(pool, 'ModelsServed') === 'False'),
      metrics: inMetrics('ModelsServed'),
      table: inTable('NotServed'),
    },
  };
}

test('all places say the same of each model and pool, in every state', { timeout: 180_000 }, async () => {
  await eventually(
    'the pod is reached',
    () => fetch(`${system.origin}/v2/models/lost/ready`),
    ({ ok }) => ok,
    60_000,
  );
  standIns.lost.die();
  // A gateway learns of the loss by a request.
  await fetch(`${system.origin}/v2/models/lost/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'sluice-timeout-ms': '2000' },
    body: '{"inputs":[]}',
  });
  const models = Object.values(expected)
    .flatMap((of) => Object.entries(of).filter(([, isServed]) => isServed))
    .map(([model]) => model)
    .toSorted();
  const agreed = {
    models: { ready: models, listed: models, report: models },
    down: { health: down, conditions: down, metrics: down, table: down },
    unserved: { conditions: ['partly'], metrics: ['partly'], table: ['partly'] },
  };
  let last: unknown;
  await eventually(
    'they agree',
    async () => (last = await told()),
    (all) => JSON.stringify(all) === JSON.stringify(agreed),
    60_000,
  ).catch(() => undefined);
  assert.deepEqual(last, agreed);
});
