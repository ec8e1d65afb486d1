/**
 * One truth, told in many places: for pools in every state, the gateway's readiness, its list of models, the scaler's report and
 * conditions, the status of the cluster, metrics, and `sluice pools` say the same of each model and pool.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { contradictions, statements } from '../support/agreement.ts';
import { eventually } from '../support/scaling.ts';
import { StandInPod } from '../support/stand-in-pod.ts';
import { startSystem, type System } from '../support/system.ts';
import { readPlaces } from '../support/told.ts';

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

/** Statements about models and pools by place, and what any two places say differently. */
async function told() {
  const gateway = { name: 'gateway', origin: system.origin, adminOrigin: system.adminOrigin };
  const all = await readPlaces([gateway], system.scalerOrigin);
  const about = (subject: string) =>
    Object.fromEntries(
      statements(all)
        .filter((statement) => statement.about === subject)
        .map(({ place, says }) => [place, says]),
    );
  const places = { models: about('models that are answered'), down: about('pools that nobody answers for') };
  const inTable = (words: string) =>
    all.report.pools
      .map(({ name }) => name)
      .filter((pool) => all.table.split('\n').some((line) => line.startsWith(`${pool} `) && line.includes(words)));
  const table = { down: inTable('NoPodServes').toSorted(), unserved: inTable('NotServed') };
  return { ...places, table, contradictions: contradictions(all).map(({ words }) => words) };
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
    models: { report: models, 'gateway /v2/models/M/ready': models, 'gateway /v1/models': models },
    down: { 'condition Ready': down, report: down, 'gateway /v2/health/ready': down },
    table: { down, unserved: ['partly'] },
    contradictions: [],
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
