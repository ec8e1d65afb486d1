/** Real pods behind a real gateway: the repository extension over all of them, and versions that come while requests go on. */
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { PoolModel } from '../../contract/model-versions.ts';
import { multiplier } from '../../models/author/fixtures.ts';
import { floats, type TestServer } from '../../models/testing/model-server.ts';
import { withTestSecret } from '../../runtime/testing/secret.ts';
import { startGateway, until, type Answered, type Harness } from '../support/gateway-harness.ts';
import { startRealPods } from '../support/real-pods.ts';
import { readyPod } from '../support/stand-in-pod.ts';

interface System {
  readonly harness: Harness;
  readonly pods: readonly TestServer[];
}

/** Pods that look at their repository only when they are told to. */
async function startSystem(t: TestContext): Promise<System> {
  const harness = await startGateway(t, 0, { models: ['m', 'n'], health: { maxEjectedRatio: 0 } });
  const repository = { m: { versions: { 1: multiplier(2) } } };
  const pods = await startRealPods(t, harness, [repository, repository], { repositoryPollMs: '0' });
  return { harness, pods };
}

async function write(pods: readonly TestServer[], version: string, bytes: Uint8Array): Promise<void> {
  for (const { repository } of pods) {
    await mkdir(path.join(repository, 'm', version), { recursive: true });
    await writeFile(path.join(repository, 'm', version, 'model.onnx'), bytes);
  }
}

const json = { 'content-type': 'application/json' };
const operate = (harness: Harness, action: string, model = 'm', body: string | null = null): Promise<Answered> =>
  harness.call('POST', `/v2/repository/models/${model}/${action}`, body, { ...json, ...withTestSecret });
const index = async (harness: Harness, body: string | null = null): Promise<object[]> =>
  JSON.parse((await harness.call('POST', '/v2/repository/index', body, json)).body) as object[];
const factorOf = async (harness: Harness): Promise<number> => {
  const answer = await harness.predict(JSON.stringify(floats('x', [1, 1], [1])), {}, 'm');
  assert.equal(answer.status, 200, answer.body);
  return (JSON.parse(answer.body) as { outputs: [{ data: [number] }] }).outputs[0].data[0];
};

test('a model is indexed, loaded and unloaded over all pods, and requests go on', async (t) => {
  const { harness, pods } = await startSystem(t);
  const ready = { name: 'm', version: '1', state: 'READY', reason: '' };
  const unknown = { name: 'n', state: 'UNAVAILABLE', reason: 'no pod has told of it' };
  assert.deepEqual(await index(harness), [ready, unknown]);
  assert.deepEqual(await index(harness, '{"ready":true}'), [ready]);

  let going = true;
  const factors = new Set<number>();
  const traffic = Array.from({ length: 4 }, async () => {
    while (going) factors.add(await factorOf(harness));
  });
  for (const loop of traffic) loop.catch(() => undefined);
  await write(pods, '2', multiplier(3));
  const loaded = await operate(harness, 'load');
  assert.deepEqual(JSON.parse(loaded.body), {
    pods: [
      { name: 'pod-0', loaded: true },
      { name: 'pod-1', loaded: true },
    ],
  });
  await until('both pods answer by the new version', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => factorOf(harness)));
    return answers.every((factor) => factor === 3);
  });
  going = false;
  await Promise.all(traffic);
  assert.ok([...factors].every((factor) => factor === 2 || factor === 3));

  await write(pods, '3', Buffer.from('no model'));
  const failed = await operate(harness, 'load');
  assert.equal(failed.status, 400, failed.body);
  assert.match(failed.body, /failed to load \\"m\\" at pod pod-0: failed to load .*version 3: .*protobuf/i);
  assert.equal(await factorOf(harness), 3, 'what serves goes on');
  const { models } = pods[1]!.server.pod;
  assert.deepEqual(models.versionsOf('m'), ['1', '2'], 'the second pod was spared');

  await rm(path.join(pods[0]!.repository, 'm', '3'), { recursive: true });
  await rm(path.join(pods[1]!.repository, 'm', '3'), { recursive: true });
  assert.equal((await operate(harness, 'unload', 'm', '{"parameters":{"unload_dependents":true}}')).status, 200);
  assert.deepEqual(await index(harness, '{"ready":true}'), []);
  await until('requests are refused', async () => {
    const answer = await harness.predict(JSON.stringify(floats('x', [1, 1], [1])), { 'sluice-timeout-ms': '200' }, 'm');
    return answer.status === 503 || answer.status === 504;
  });
  assert.equal((await operate(harness, 'load')).status, 200);
  await until('it serves again', async () => {
    const answer = await harness.predict(JSON.stringify(floats('x', [1, 1], [1])), {}, 'm');
    return answer.status === 200;
  });
});

test('what cannot be done is refused in the words of the protocol', async (t) => {
  const { harness } = await startSystem(t);
  const error = ({ body }: Answered) => (JSON.parse(body) as { error: string }).error;
  const stranger = await harness.call('POST', '/v2/repository/models/m/unload', null, json);
  assert.equal(stranger.status, 401);
  const unknown = await operate(harness, 'load', 'nobody');
  assert.equal(unknown.status, 404);
  assert.equal(error(unknown), "Request for unknown model: 'nobody' is not found");
  const absent = await operate(harness, 'load', 'n');
  assert.equal(absent.status, 404, absent.body);
  assert.match(error(absent), /^failed to load "n" at pod pod-0: model "n" is not in the repository$/);
  const config = await operate(harness, 'load', 'm', '{"parameters":{"config":"{}"}}');
  assert.equal(config.status, 400);
  assert.match(error(config), /\/parameters\/config: is not taken/);
  for (const body of ['{', '[]', '{"ready":"yes"}']) {
    const refused = await harness.call('POST', '/v2/repository/index', body, json);
    assert.equal(refused.status, 400, refused.body);
  }
});

test("without envelopes too a request is answered by the pool's version, and where that is not ready by another pod", async (t) => {
  const harness = await startGateway(t, 0, { models: ['m'], batching: { enabled: false } });
  const repository = { m: { versions: { 1: multiplier(2), 2: multiplier(3) } } };
  const pods = await startRealPods(t, harness, [repository, repository], { repositoryPollMs: '0' });
  const { models } = pods[0]!.server.pod;
  const answers = async (): Promise<readonly string[]> => {
    const seen = new Set<string>();
    for (let turn = 0; turn < 8; turn += 1) {
      const two = await harness.predict(JSON.stringify(floats('x', [1, 1], [1])), {}, 'm');
      assert.equal(two.status, 200, two.body);
      const one = await harness.call('POST', '/v1/models/m:predict', '{"instances":[[1]]}', json);
      assert.equal(one.status, 200, one.body);
      seen.add(`${(JSON.parse(two.body) as { model_version: string }).model_version} ${one.body}`);
    }
    return [...seen];
  };
  assert.deepEqual(await answers(), ['2 {"predictions":[[3.0]]}'], "the pods' own default");
  const hash = models.hashOf('m', '1')!;
  const view = { pools: [harness.pool], pods: pods.map(({ origin }, index) => readyPod(String(index), origin)) };
  const versions = { [harness.pool.metadata.name]: [{ name: 'm', version: '1', hash, generation: 1 }] };
  harness.cluster.show({ ...view, versions });
  await until('the gateway has gone over', async () => (await answers()).join('') === '1 {"predictions":[[2.0]]}');
  // The gateway's list of the first pod is from before.
  models.remove('m', '1');
  assert.deepEqual(await answers(), ['1 {"predictions":[[2.0]]}']);
});

test('two contents under one number answer side by side in a skew, and no answer has rows of both', async (t) => {
  const harness = await startGateway(t, 0, { models: ['m'] });
  const contents = [{ m: { versions: { 1: multiplier(2) } } }, { m: { versions: { 1: multiplier(3) } } }];
  const pods = await startRealPods(t, harness, contents, { repositoryPollMs: '0' });
  const hash = pods[0]!.server.pod.models.hashOf('m', '1')!;
  assert.notEqual(pods[1]!.server.pod.models.hashOf('m', '1'), hash);
  const view = { pools: [harness.pool], pods: pods.map(({ origin }, index) => readyPod(String(index), origin)) };
  const show = (more: Partial<PoolModel>): void => {
    const versions = { [harness.pool.metadata.name]: [{ name: 'm', version: '1', hash, generation: 1, ...more }] };
    harness.cluster.show({ ...view, versions });
  };
  /** Factors by which the rows of 32 requests at once were answered, one for each request. */
  const factors = async (): Promise<number[]> => {
    const rows = Array.from({ length: 8 }, (_, row) => row + 1);
    const answers = await Promise.all(
      Array.from({ length: 32 }, () => harness.predict(JSON.stringify(floats('x', [8, 1], rows)), {}, 'm')),
    );
    return answers.map(({ status, body }) => {
      assert.equal(status, 200, body);
      const { data } = (JSON.parse(body) as { outputs: [{ data: number[] }] }).outputs[0];
      const [first] = data as [number];
      assert.deepEqual(
        data,
        rows.map((row) => row * first),
      );
      return first;
    });
  };
  show({});
  await until('the default alone answers', async () => (await factors()).every((factor) => factor === 2));
  show({ skewed: true });
  const seen = new Set<number>();
  await until('both answer', async () => {
    for (const factor of await factors()) seen.add(factor);
    return seen.size === 2;
  });
  assert.deepEqual([...seen].toSorted(), [2, 3]);
});

test('a model that the pool has unloaded is refused at once, whatever the pods list, and also without a pod', async (t) => {
  const { harness, pods } = await startSystem(t);
  const listed = pods.map(({ origin }, index) => readyPod(String(index), origin));
  const hash = pods[0]!.server.pod.models.hashOf('m', '1')!;
  const show = (unloaded: boolean, running = listed): void => {
    const model = { name: 'm', version: '1', hash, generation: 1, ...(unloaded ? { unloaded } : {}) };
    harness.cluster.show({ pools: [harness.pool], pods: running, versions: { [harness.pool.metadata.name]: [model] } });
  };
  assert.equal(await factorOf(harness), 2);
  for (const running of [listed, []]) {
    show(true, running);
    const refused = await harness.predict(JSON.stringify(floats('x', [1, 1], [1])), {}, 'm');
    assert.equal(refused.status, 503);
    assert.match(refused.body, /unloaded by request/);
  }
  show(false);
  await until('it answers again', async () => {
    const answer = await harness.predict(JSON.stringify(floats('x', [1, 1], [1])), {}, 'm');
    return answer.status === 200;
  });
});
