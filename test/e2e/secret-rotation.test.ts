/** Changes of the shared secret under traffic, on real gateways, scalers and pods: a rotation, and peers that know no secret yet. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { parseModelPool, type ModelPool } from '../../contract/model-pool.ts';
import { startParts, type PartsOptions } from '../support/local-parts.ts';
import { Metrics } from '../support/metrics.ts';
import { makeRepository } from '../support/repository.ts';
import { Client, json, readInferAnswer, simpleInputs } from '../support/requests.ts';
import { eventually } from '../support/scaling.ts';

const limitMs = 120_000;
const oldSecret = 'the-secret-of-last-year';
const newSecret = 'the-secret-of-this-year';

function poolOf(replicas: number): ModelPool {
  const { pool } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'simple' },
    spec: { models: ['simple'], scaling: { minReplicas: replicas, maxReplicas: replicas } },
  });
  return pool!;
}

/** Two pods, their gateway and scaler; each kind of process has settings of its own. */
async function start(t: TestContext, env: PartsOptions['env']) {
  const repository = await makeRepository({ zoo: ['simple'], files: {}, configured: {} });
  const parts = await startParts(t, { pool: poolOf(2), repository, env });
  parts.scaler();
  const { cluster, ready } = parts;
  await eventually('two pods are ready', ready, (pods) => pods.length === 2, limitMs);
  return {
    ...parts,
    pods: ready().map(({ origin }) => origin!),
    /** Makes one pod too many of the two, so that the scaler drains it. */
    allowOne: () => cluster.setPools([poolOf(1)], new Map()),
  };
}

/** Asks without pause until the test is over. @returns ends it, and tells how many answers were right */
function keepAsking(t: TestContext, origin: string): () => Promise<number> {
  const client = new Client(origin);
  let right = 0;
  let going = true;
  t.after(async () => {
    going = false;
    await client.close();
  });
  const loops = Array.from({ length: 4 }, async () => {
    while (going) {
      readInferAnswer(await client.infer('simple', json({ inputs: simpleInputs(1) })));
      right += 1;
    }
  });
  return async () => {
    going = false;
    await Promise.all(loops);
    return right;
  };
}

async function peers(origin: string, outcome: 'accepted' | 'refused'): Promise<number> {
  const metrics = await Metrics.scrape(origin);
  return metrics.value('sluice_unauthorized_requests_total', { outcome });
}

async function drain(origin: string, secret: string, method: 'POST' | 'DELETE'): Promise<number> {
  const headers = { authorization: `Bearer ${secret}` };
  return (await fetch(`${origin}/drain?holder=operator`, { method, headers })).status;
}

describe('changes of the shared secret', { concurrency: true }, () => {
  test('a rotation in three steps fails no request and refuses no peer', { timeout: limitMs }, async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'sluice-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const files = ['pods', 'gateway', 'scaler'].map((name) => path.join(folder, name));
    const write = (...secrets: readonly string[]): void => {
      for (const file of files) writeFileSync(file, `${secrets.join('\n')}\n`);
    };
    write(oldSecret);
    const [pods, gateway, scaler] = files.map((file) => ({ SLUICE_SECRET_FILE: file }));
    const system = await start(t, { pods: pods!, gateway: gateway!, scaler: scaler! });
    const stopAsking = keepAsking(t, system.origin);
    const changed = (): number => system.lines.filter((line) => line.includes('the shared secret has changed')).length;
    // Each process looks at its file at its own time, within five seconds: until then two generations are at work.
    for (const [index, step] of [[oldSecret, newSecret], [newSecret, oldSecret], [newSecret]].entries()) {
      write(...step);
      await eventually('all have taken the step', changed, (count) => count === 4 * (index + 1), limitMs);
    }
    for (const origin of [system.admin, ...system.pods]) assert.equal(await peers(origin, 'refused'), 0, origin);
    system.allowOne();
    await eventually('the scaler drains a pod, which ends', system.ready, (left) => left.length === 1, limitMs);
    const left = system.ready()[0]!.origin!;
    assert.equal(await peers(system.admin, 'refused'), 0);
    assert.equal(await peers(left, 'refused'), 0);
    assert.equal(await drain(left, oldSecret, 'POST'), 401, 'the old secret is still good');
    assert.ok((await stopAsking()) > 0);
  });

  test('a scaler without a secret drains pods that accept such peers', { timeout: limitMs }, async (t) => {
    const accepting = { SLUICE_SECRET: newSecret, SLUICE_ACCEPT_PEERS_WITHOUT_SECRET: 'true' };
    const system = await start(t, { pods: accepting, gateway: accepting, scaler: {} });
    const stopAsking = keepAsking(t, system.origin);
    system.allowOne();
    await eventually('it drains a pod, which ends', system.ready, (left) => left.length === 1, limitMs);
    const drains = () => system.lines.some((line) => line.includes('"msg":"draining"'));
    await eventually('its lines have arrived', drains, (told) => told, limitMs);
    assert.ok((await peers(system.admin, 'accepted')) > 0, 'its load stream is counted');
    assert.equal(await peers(system.admin, 'refused'), 0);
    assert.ok((await stopAsking()) > 0);
  });
});
