/**
 * Words of a person on a model, said to the gateway of a real system, as a state of the pool: pods that start later heed them, and a scaler
 * that starts again goes by the spec. A version that is banned is tried again by such a word.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { PoolModel } from '../../contract/model-versions.ts';
import type { IndexEntry } from '../../contract/repository.ts';
import type { PoolReport, PoolsReport } from '../../contract/scaler-api.ts';
import { multiplier, traps } from '../../models/author/fixtures.ts';
import { withTestSecret } from '../../runtime/testing/secret.ts';
import { Client, json } from '../support/requests.ts';
import { eventually } from '../support/scaling.ts';
import { startSystem } from '../support/system.ts';

/** Longest wait for any step: only a step that never comes reaches it. */
const limitMs = 120_000;
const payload = json({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [3] }] });
const folder = await mkdtemp(path.join(tmpdir(), 'sluice-unloaded-'));
const repository = path.join(folder, 'models');
after(() => rm(folder, { recursive: true, force: true }));

/** Puts a version into the repository whole, by a rename. */
async function add(model: string, version: string, content: Uint8Array): Promise<void> {
  const draft = path.join(repository, model, `.${version}`);
  await mkdir(draft, { recursive: true });
  await writeFile(path.join(draft, 'model.onnx'), content);
  await rename(draft, path.join(repository, model, version));
}

test('an unloaded model stays out at pods that start later; a scaler that starts again lets it in', async (t) => {
  await add('m', '1', multiplier(1));
  await add('n', '1', multiplier(1));
  const spec = { models: ['m', 'n'], scaling: { minReplicas: 2, maxReplicas: 2 } };
  const pools = path.join(folder, 'pools.yaml');
  await writeFile(
    pools,
    JSON.stringify({ apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name: 'p' }, spec }),
  );
  const ends: string[] = [];
  const system = await startSystem(
    ['--repository', repository, '--pools', pools, '--state-folder', `${folder}/state`],
    {
      env: { SLUICE_VERDICT_FOLDER: path.join(folder, 'kept'), SLUICE_REPOSITORY_POLL_MS: '500' },
      onLine: (line) => {
        if (/"source":"sluice".*"pod [^"]* killed by SIG/.test(line)) ends.push(line);
      },
    },
  );
  t.after(() => system.stop());
  const client = new Client(system.origin, { connections: 2, limitMs });
  const until = (what: string, condition: () => Promise<boolean> | boolean): Promise<boolean> =>
    eventually(what, condition, (isSo) => isSo, limitMs);
  const pool = async (): Promise<PoolReport | undefined> =>
    ((await (await fetch(`${system.scalerOrigin}/api/pools`)).json()) as PoolsReport).pools[0];
  const stateOf = async (model: string): Promise<PoolModel | undefined> =>
    (await pool())?.versions?.find(({ name }) => name === model);
  const say = async (action: string): Promise<readonly [number, string]> => {
    const url = `${system.origin}/v2/repository/models/m/${action}`;
    const answer = await fetch(url, { method: 'POST', headers: withTestSecret });
    return [answer.status, await answer.text()];
  };
  const statusOf = async (model: string): Promise<number> => (await client.infer(model, payload)).status;
  const indexed = async (): Promise<IndexEntry | undefined> => {
    const answer = await fetch(`${system.origin}/v2/repository/index`, { method: 'POST' });
    return ((await answer.json()) as IndexEntry[]).find(({ name }) => name === 'm');
  };
  await until('the default is known', async () => (await stateOf('m'))?.version === '1');
  assert.equal((await say('unload'))[0], 200);
  await until('the pool has it', async () => (await stateOf('m'))?.unloaded === true);

  const before = system.podPids();
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await until('both pods run anew', async () => {
    const running = system.podPids();
    return running.length === 2 && running.every((pid) => !before.includes(pid)) && (await pool())?.readyReplicas === 2;
  });
  assert.equal(await statusOf('n'), 200, 'its other model goes on');
  const { status, text } = await client.infer('m', payload);
  assert.equal(status, 503);
  assert.match(text, /unloaded by request/);
  await until('every pod has taken it out', async () => {
    const entry = await indexed();
    return entry?.state === 'UNAVAILABLE' && entry.reason === 'unloaded by request';
  });

  for (const pid of system.pidsOf('scaler')) process.kill(pid, 'SIGKILL');
  await until('the spec counts again', async () => (await statusOf('m')) === 200);
  assert.equal((await say('unload'))[0], 200);
  assert.equal(await statusOf('m'), 503);
  assert.equal((await say('load'))[0], 200);
  await until('it was loaded', async () => (await statusOf('m')) === 200);

  const ended = ends.length;
  await add('m', '2', traps());
  const isBanned = async (): Promise<boolean> =>
    (await stateOf('m'))?.unsettled?.some(({ version, state }) => version === '2' && state === 'banned') === true;
  await until('the version that ends its process is banned', isBanned);
  assert.equal(ends.length - ended, 1);
  const [refused, why] = await say('load');
  assert.notEqual(refused, 200, why);
  await until('it was tried again', () => ends.length - ended === 2);
  await until('it is banned again', isBanned);
  assert.equal(await statusOf('m'), 200, 'what serves goes on');
});
