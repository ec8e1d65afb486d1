/** A real pod whose repository changes while it serves: versions come, are broken, replaced and removed, and no request fails. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { multiplier } from '../../models/author/fixtures.ts';
import { floats, get, post, startModelServer, type TestServer } from '../../models/testing/model-server.ts';
import { withTestSecret } from '../../runtime/testing/secret.ts';
import { until } from '../support/gateway-harness.ts';

const quick = { repositoryPollMs: '300' };

interface Status {
  readonly models: readonly {
    readonly name: string;
    readonly version: string;
    readonly ready: boolean;
    readonly isDefault: boolean;
    readonly state: string;
    readonly reason?: string;
    readonly hash: string;
    readonly next?: { readonly state: string; readonly hash: string; readonly reason?: string };
  }[];
}

const statusOf = async ({ origin }: TestServer): Promise<Status> => (await get(`${origin}/v2/pod`)).json as Status;

async function versionsOf(server: TestServer): Promise<string> {
  const { models } = await statusOf(server);
  return models.map(({ version, state, isDefault }) => `${version} ${state}${isDefault ? '*' : ''}`).join(', ');
}

async function settles(server: TestServer, wanted: string): Promise<void> {
  let last = '';
  await until(`versions are ${wanted}`, async () => (last = await versionsOf(server)) === wanted).catch(
    (error: unknown) => {
      throw new Error(`versions are ${last}, expected ${wanted}`, { cause: error });
    },
  );
}

async function write({ repository }: TestServer, version: string, bytes: Uint8Array): Promise<void> {
  await mkdir(path.join(repository, 'm', version), { recursive: true });
  await writeFile(path.join(repository, 'm', version, 'model.onnx'), bytes);
}

test('a config.pbtxt that changes is obeyed from then on, and its fields are named again', async () => {
  const pbtxt = 'max_batch_size: 8\n';
  await using server = await startModelServer({ m: { versions: { 1: multiplier(2) }, pbtxt } }, quick);
  const ready = () => [...server.server.pod.models.ready()][0];
  assert.equal(ready()?.maxRows, 8);
  await writeFile(
    path.join(server.repository, 'm', 'config.pbtxt'),
    'max_batch_size: 0\ninstance_group { count: 2 }\n',
  );
  await until('the model is not batched', () => ready()?.unbatchedReason !== null);
  assert.equal(ready()?.unbatchedReason, 'config.pbtxt says max_batch_size: 0');
  assert.deepEqual(
    server.logged.filter(({ field }) => field !== undefined).map(({ field, line }) => [field, line]),
    [['instance_group.count', 2]],
  );
});

const factorOf = async (server: TestServer, version?: string): Promise<number> => {
  const at = version === undefined ? '' : `/versions/${version}`;
  const answer = await post(`${server.origin}/v2/models/m${at}/infer`, floats('x', [1, 1], [1]));
  assert.equal(answer.status, 200, answer.text);
  return (answer.json as { outputs: [{ data: [number] }] }).outputs[0].data[0];
};

/** Sends requests without a pause until it is stopped. @returns answers by factor */
function traffic(server: TestServer, clients = 4) {
  const factors = new Map<number, number>();
  let stopped = false;
  const loops = Array.from({ length: clients }, async () => {
    while (!stopped) {
      const factor = await factorOf(server);
      factors.set(factor, (factors.get(factor) ?? 0) + 1);
    }
  });
  // Failures are told by `stop`, or by the assertion that ended the test before it.
  for (const loop of loops) loop.catch(() => undefined);
  return {
    /** Waits for an answer by this factor to one of the requests. */
    hears: (factor: number) => until(`a request is answered by ${factor}`, () => factors.has(factor)),
    stop: async (): Promise<Map<number, number>> => {
      stopped = true;
      await Promise.all(loops);
      return factors;
    },
  };
}

test('versions are added, corrupt, replaced and removed under traffic, and no request fails', async () => {
  await using server = await startModelServer({ m: { versions: { 1: multiplier(2) } } }, quick);
  const load = traffic(server);
  assert.equal(await versionsOf(server), '1 ready*');
  await load.hears(2);

  await write(server, '2', multiplier(3));
  await settles(server, '1 ready*, 2 ready');
  assert.deepEqual([await factorOf(server), await factorOf(server, '2')], [2, 3], 'nothing switches by itself');
  const said = server.logged.find(({ msg }) => String(msg).startsWith('no scaler leads the pod'));
  assert.deepEqual([said?.['version'], said?.['default']], ['2', '1'], 'and that is said');

  await write(server, '3', Buffer.from('no model'));
  await settles(server, '1 ready*, 2 ready, 3 failed');
  const metadata = (await get(`${server.origin}/v2/models/m`)).json as { parameters: { unserved_versions: object } };
  assert.match(JSON.stringify(metadata.parameters.unserved_versions), /"3":".*protobuf/i);
  const refused = await post(`${server.origin}/v2/models/m/versions/3/infer`, floats('x', [1, 1], [1]));
  assert.equal(refused.status, 503);
  assert.match(refused.text, /version 3 is not ready: .*protobuf/i);

  await write(server, '3', multiplier(5));
  await settles(server, '1 ready*, 2 ready, 3 ready');

  await write(server, '2', multiplier(7));
  await until('the content is replaced', async () => (await factorOf(server, '2')) === 7);
  await write(server, '2', Buffer.from('no model either'));
  await until('new content has failed', async () => (await statusOf(server)).models[1]!.next?.state === 'failed');
  assert.equal(await factorOf(server, '2'), 7, 'what serves goes on');

  // A person's word switches, where no pool does.
  assert.equal((await post(`${server.origin}/v2/repository/models/m/load`, {})).status, 400, 'version 2 is broken');
  await write(server, '2', multiplier(11));
  const loaded = await post(`${server.origin}/v2/repository/models/m/load`, {});
  assert.deepEqual([loaded.status, loaded.json], [200, {}], loaded.text);
  assert.equal(await versionsOf(server), '1 ready, 2 ready, 3 ready*');
  assert.deepEqual([await factorOf(server), await factorOf(server, '2')], [5, 11]);
  await load.hears(5);

  await rm(path.join(server.repository, 'm', '3'), { recursive: true });
  await rm(path.join(server.repository, 'm', '1'), { recursive: true });
  await settles(server, '2 ready*');
  await until('a released version is logged', () =>
    Promise.resolve(server.logged.filter(({ msg }) => String(msg).includes('is released')).length === 4),
  );
  await load.hears(11);
  const factors = await load.stop();
  assert.deepEqual(
    [...factors.keys()].toSorted((a, b) => a - b),
    [2, 5, 11],
  );
});

test('a ConfigMap changes by a link, and a folder that is away for a moment is no removal', async () => {
  await using server = await startModelServer({ other: { versions: { 1: multiplier(9) } } }, quick);
  // The layout of kubelet: files are links into `..data`, which is a link that is swapped.
  const root = server.repository;
  const publish = async (generation: string, factor: number): Promise<void> => {
    const data = path.join(root, `..${generation}`);
    await mkdir(path.join(data, 'm', '1'), { recursive: true });
    await writeFile(path.join(data, 'm', '1', 'model.onnx'), multiplier(factor));
    await symlink(`..${generation}`, path.join(root, '..next'));
    await rename(path.join(root, '..next'), path.join(root, '..data'));
  };
  await publish('one', 2);
  await symlink('..data/m', path.join(root, 'm'));
  await until('the model is found', async () => (await get(`${server.origin}/v2/models/m/ready`)).status === 200);
  assert.equal(await factorOf(server), 2);
  const load = traffic(server, 1);
  await load.hears(2);
  await publish('two', 3);
  await until('the new content serves', async () => (await factorOf(server)) === 3);
  await rename(path.join(root, 'm'), path.join(root, '.away'));
  await until('two looks have missed it', () => new Promise((resolve) => setTimeout(resolve, 1_000, true)));
  assert.equal(await factorOf(server), 3);
  await rename(path.join(root, '.away'), path.join(root, 'm'));
  await load.hears(3);
  assert.deepEqual([...(await load.stop()).keys()], [2, 3]);
});

test('the version policy says what is loaded, also where the newest version is broken', async () => {
  const config = 'versionPolicy: { latest: 1 }\n';
  const versions = { 1: multiplier(2), 2: multiplier(3), 3: Buffer.from('no model') };
  await using server = await startModelServer({ m: { versions, config } }, quick);
  assert.equal(await versionsOf(server), '3 failed, 2 ready*');
  await write(server, '4', multiplier(5));
  await settles(server, '3 failed, 2 ready*, 4 ready');
  assert.equal((await post(`${server.origin}/v2/repository/models/m/load`, {})).status, 200);
  await settles(server, '3 failed, 4 ready*');
  assert.equal(await factorOf(server), 5);
  await writeFile(path.join(server.repository, 'm', 'config.yaml'), 'versionPolicy: { newest: 1 }\n');
  await until('the wrong policy is logged', () =>
    Promise.resolve(server.logged.some(({ reason }) => String(reason).includes('/versionPolicy'))),
  );
  assert.equal(await factorOf(server), 5);
});

test('models are indexed, unloaded and loaded by request', async () => {
  await using server = await startModelServer(
    { m: { versions: { 1: multiplier(2) } }, bad: { versions: { 1: Buffer.from('no model') } } },
    { ...quick, repositoryPollMs: '0' },
  );
  const { origin } = server;
  const index = async (body: object = {}) => (await post(`${origin}/v2/repository/index`, body)).json as object[];
  assert.deepEqual(await index({ ready: true }), [{ name: 'm', version: '1', state: 'READY', reason: '' }]);
  assert.match(JSON.stringify(await index()), /"name":"bad","version":"1","state":"UNAVAILABLE","reason":".*protobuf/i);
  const act = async (model: string, action: string, body: unknown = {}) =>
    post(`${origin}/v2/repository/models/${model}/${action}`, body);
  assert.equal((await act('m', 'unload', { parameters: { unload_dependents: true } })).status, 200);
  const gone = await post(`${origin}/v2/models/m/infer`, floats('x', [1, 1], [1]));
  assert.deepEqual([gone.status, gone.json], [503, { error: "model 'm' version 1 is unloaded by request" }]);
  assert.deepEqual(await index({ ready: true }), []);
  assert.equal((await act('m', 'load')).status, 200);
  assert.equal(await factorOf(server), 2);
  const failed = await act('bad', 'load');
  assert.equal(failed.status, 400);
  assert.match(failed.text, /failed to load \\"bad\\", version 1: .*protobuf/i);
  assert.equal((await act('none', 'load')).status, 404);
  assert.equal((await act('none', 'unload')).status, 404);
  assert.equal((await act('..%2Fm', 'load')).status, 404);
  const config = await act('m', 'load', { parameters: { config: '{}' } });
  assert.equal(config.status, 400);
  assert.match(config.text, /\/parameters\/config/);
});

test('no name in a path leads out of the repository, and names of any script lead to their folder', async () => {
  const names = {
    'my model': { versions: { 1: multiplier(2) } },
    Größe: { versions: { 1: multiplier(3) } },
    ['Ähre'.normalize('NFD')]: { versions: { 1: multiplier(4) } },
  };
  await using server = await startModelServer(names, { repositoryPollMs: '0' });
  const touched = path.join(server.repository, 'touched');
  const generator = `import { writeFileSync } from 'node:fs';
export const generate = (): void => writeFileSync(${JSON.stringify(touched)}, '');`;
  await writeFile(path.join(server.repository, 'generate.ts'), generator);
  for (const name of ['%2E', '.', '%2E%2E', '..', 'my%20model%2F1', 'my%20model%5C1', 'a%00', 'a%0A', 'a%2Cb', '%20']) {
    const { status, text } = await postAsIs(server, `/v2/repository/models/${name}/load`);
    assert.ok(status === 404 && text.includes('must be letters, digits'), `${name}: ${status} ${text}`);
    assert.equal((await postAsIs(server, `/v2/models/${name}/infer`)).status, 404, name);
  }
  assert.ok(!existsSync(touched), 'nothing of the repository itself is run');
  for (const [name, factor] of [
    ['my%20model', 2],
    ['Gr%C3%B6%C3%9Fe', 3],
    [encodeURIComponent('Größe'.normalize('NFD')), 3],
    [encodeURIComponent('Ähre'), 4],
    [encodeURIComponent('Ähre'.normalize('NFD')), 4],
  ] as const) {
    assert.equal((await postAsIs(server, `/v2/repository/models/${name}/load`)).status, 200, name);
    const answer = await post(`${server.origin}/v2/models/${name}/infer`, floats('x', [1, 1], [1]));
    assert.deepEqual((answer.json as { outputs: { data: number[] }[] }).outputs[0]?.data, [factor], answer.text);
  }
});

/** POSTs to a path that no client's library has put in order. */
function postAsIs({ port }: TestServer, asked: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, method: 'POST', path: asked, headers: { ...withTestSecret } }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, text: answer }), reject);
    });
    sent.on('error', reject).end('{}');
  });
}

/** Number and hash of what the pod has found last under a number. */
async function idOf(server: TestServer, version: string): Promise<{ readonly version: string; readonly hash: string }> {
  const found = (await statusOf(server)).models.find((model) => model.version === version)!;
  return { version, hash: (found.next ?? found).hash };
}

function sendWish({ origin }: TestServer, wish: object) {
  return post(`${origin}/v2/repository/versions`, wish);
}

test('a pod of a pool loads what the pool wishes and when, and answers by its default', async () => {
  await using server = await startModelServer({ m: { versions: { 1: multiplier(2) } } }, quick);
  const one = await idOf(server, '1');
  interface Wished {
    readonly default: object;
    readonly load: readonly object[];
    readonly banned?: readonly object[];
  }
  const wish = async (generation: number, { banned = [], ...wished }: Wished, term = 2) =>
    sendWish(server, { term, generation, models: [{ name: 'm', banned, ...wished }] });
  assert.equal((await wish(1, { default: one, load: [one] })).status, 200);

  const load = traffic(server, 2);
  await write(server, '2', multiplier(3));
  await settles(server, '1 ready*, 2 found');
  const two = await idOf(server, '2');
  await wish(2, { default: one, load: [one, { ...two, hash: one.hash }] });
  assert.equal(await versionsOf(server), '1 ready*, 2 found', 'other content is meant');
  await wish(3, { default: one, load: [one, two] });
  await settles(server, '1 ready*, 2 ready');
  await wish(4, { default: two, load: [one, two] });
  assert.deepEqual([await versionsOf(server), await factorOf(server)], ['1 ready, 2 ready*', 3]);
  await wish(3, { default: one, load: [one] });
  await wish(9, { default: one, load: [one] }, 1);
  assert.equal(await factorOf(server), 3, 'wishes of before, and of a leader before, are ignored');
  await load.hears(3);

  // Content under a number that serves waits as well, and the old one is there for those who name it.
  await write(server, '2', multiplier(5));
  await until('new content waits', async () => (await statusOf(server)).models[1]!.next?.state === 'found');
  const other = await idOf(server, '2');
  assert.equal(await factorOf(server), 3);
  await wish(5, { default: two, load: [one, two, other] });
  await until('new content serves', async () => (await factorOf(server)) === 5);
  const { models } = server.server.pod;
  assert.notEqual(models.find('m', '2', two.hash), models.find('m', '2', other.hash));

  await write(server, '3', multiplier(7));
  await settles(server, '1 ready, 2 ready*, 3 found');
  const three = await idOf(server, '3');
  await wish(6, { default: other, load: [one, other], banned: [{ ...three, reason: 'it ended a process' }] });
  assert.equal(await versionsOf(server), '1 ready, 2 ready*, 3 banned');
  await load.hears(5);
  assert.deepEqual([...(await load.stop()).keys()], [2, 3, 5]);

  // A person unloads and loads what the pool wishes.
  await rm(path.join(server.repository, 'm', '3'), { recursive: true });
  assert.equal((await post(`${server.origin}/v2/repository/models/m/unload`, {})).status, 200);
  assert.equal((await post(`${server.origin}/v2/repository/models/m/load`, {})).status, 200);
  assert.equal(await factorOf(server), 5);
});

test('the last word of a pool on a model counts, though it comes while a version loads', async () => {
  await using server = await startModelServer({ m: { versions: { 1: multiplier(2) } } }, quick);
  const one = await idOf(server, '1');
  let generation = 0;
  const wish = async (load: readonly object[], unloaded = false): Promise<void> => {
    const model = { name: 'm', banned: [], default: one, load, unloaded };
    generation += 1;
    const { status } = await sendWish(server, { term: 1, generation, models: [model] });
    assert.equal(status, 200);
  };
  await wish([one]);
  await write(server, '2', multiplier(3));
  await settles(server, '1 ready*, 2 found');
  const two = await idOf(server, '2');
  await Promise.all([wish([one, two]), wish([one, two], true), wish([one, two])]);
  await settles(server, '1 ready*, 2 ready');
  await write(server, '3', multiplier(5));
  await settles(server, '1 ready*, 2 ready, 3 found');
  const all = [one, two, await idOf(server, '3')];
  await Promise.all([wish(all), wish(all, true), wish(all), wish(all, true)]);
  await until('nothing is served', async () => (await statusOf(server)).models.every(({ ready }) => !ready));
  await wish(all);
  await settles(server, '1 ready*, 2 ready, 3 ready');
});

test('a version that is removed while the pod starts has not failed: it is gone, and comes back as a new one', async () => {
  const versions = { 1: multiplier(2), 2: multiplier(3) };
  await using server = await startModelServer({ m: { versions } }, quick, async (starting) => {
    const areHashed = async (): Promise<boolean> => {
      const { models } = await statusOf(starting);
      return models.length === 2 && models.every(({ hash }) => (hash as string | undefined) !== undefined);
    };
    await until('the pod has read what is there', areHashed);
    const [one, two] = [await idOf(starting, '1'), await idOf(starting, '2')];
    await rm(path.join(starting.repository, 'm', '2'), { recursive: true });
    // The pod has waited for this word before it loads anything.
    const models = [{ name: 'm', banned: [], default: two, load: [one, two] }];
    assert.equal((await sendWish(starting, { term: 1, generation: 1, models })).status, 200);
  });
  assert.equal(await versionsOf(server), '1 ready*');
  assert.ok(
    server.logged.some(({ msg }) => String(msg) === 'a version was removed from the repository while it was read'),
  );
  await write(server, '2', multiplier(3));
  await settles(server, '1 ready, 2 ready*');
});
