/** Real pods that do not serve the same models, behind a real gateway: each request goes where its model is ready. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { multiplier } from '../../models/author/fixtures.ts';
import { floats, get, type RepositoryFiles, type TestServer } from '../../models/testing/model-server.ts';
import { startGateway, until, type Answered, type Harness } from '../support/gateway-harness.ts';
import { acceptingPods, startRealPods } from '../support/real-pods.ts';

interface System {
  readonly harness: Harness;
  readonly pods: readonly TestServer[];
}

async function startSystem(
  t: TestContext,
  repositories: readonly RepositoryFiles[],
  settings: Readonly<Record<string, string>> = {},
): Promise<System> {
  const models = [...new Set(repositories.flatMap((repository) => Object.keys(repository)))];
  // Slowness is no subject here, and all share one process.
  const harness = await startGateway(t, 0, { models, health: { maxEjectedRatio: 0 } });
  const pods = await startRealPods(t, harness, repositories, settings);
  return { harness, pods };
}

const factors = { a: 2, b: 3, c: 5 };
const modelOf = (name: keyof typeof factors) => ({ versions: { 1: multiplier(factors[name]) } });

/** Asks for this value times the model's factor. @returns name of the pod that answered right */
async function ask(harness: Harness, model: keyof typeof factors, value: number): Promise<string> {
  const answer: Answered = await harness.predict(JSON.stringify(floats('x', [1, 1], [value])), {}, model);
  assert.equal(answer.status, 200, answer.body);
  const { outputs } = JSON.parse(answer.body) as { outputs: [{ data: number[] }] };
  assert.deepEqual(outputs[0].data, [value * factors[model]]);
  return String(answer.headers['sluice-pod']);
}

async function askMany(harness: Harness, models: readonly (keyof typeof factors)[]): Promise<Map<string, Set<string>>> {
  const pods = new Map<string, Set<string>>(models.map((model) => [model, new Set()]));
  await Promise.all(
    Array.from({ length: 300 }, async (_, value) => {
      const model = models[value % models.length]!;
      pods.get(model)!.add(await ask(harness, model, value));
    }),
  );
  return pods;
}

test('a pod with a broken model serves its others, and another pod serves that one', async (t) => {
  const broken = { versions: { 1: Buffer.from('no model') } };
  const { harness } = await startSystem(t, [{ a: modelOf('a'), b: modelOf('b'), c: broken }, { c: modelOf('c') }]);
  const pods = await askMany(harness, ['a', 'b', 'c']);
  assert.deepEqual(
    [...pods].map(([model, names]) => [model, [...names]]),
    [
      ['a', ['pod-0']],
      ['b', ['pod-0']],
      ['c', ['pod-1']],
    ],
  );
  assert.equal(acceptingPods(harness), 2);
});

test('a model that stops being ready at one pod loses no request, and comes back', async (t) => {
  const { harness, pods } = await startSystem(t, [
    { a: modelOf('a'), c: modelOf('c') },
    { a: modelOf('a'), c: modelOf('c') },
  ]);
  const [{ models }] = [pods[0]!.server.pod];
  const model = models.find('c');
  const traffic = askMany(harness, ['a', 'c']);
  models.set('c', '1', { kind: 'broken', reason: 'its transform was edited' });
  await traffic;
  const without = await askMany(harness, ['a', 'c']);
  assert.deepEqual([...without.get('c')!], ['pod-1']);
  assert.ok(without.get('a')!.has('pod-0'), 'it is no sick pod');
  models.set('c', '1', { kind: 'ready', model });
  await until('the pod is asked again', async () => (await askMany(harness, ['c'])).get('c')!.has('pod-0'));
  assert.equal(await harness.metric('sluice_request_retries_total{pool="pool",model="c",reason="error-answers"}'), 0);
});

test('the 503 of a model that no pod could load quotes the pod that says why', async (t) => {
  const broken = { versions: { 1: Buffer.from('no model') } };
  const { harness } = await startSystem(t, [{ a: modelOf('a'), c: broken }]);
  const answer = await harness.predict(JSON.stringify(floats('x', [1, 1], [1])), {}, 'c');
  assert.equal(answer.status, 503, answer.body);
  assert.match(answer.body, /model 'c' is not ready: no pod of pool 'pool' serves it \(pod-0: .*(protobuf|model)/i);
  assert.equal(await ask(harness, 'a', 4), 'pod-0');
});

test('a pod that lacks a required model is not ready, says why, and serves its others', async (t) => {
  const broken = { versions: { 1: Buffer.from('no model') } };
  const { harness, pods } = await startSystem(t, [{ a: modelOf('a'), b: modelOf('b'), c: broken }], {
    models: 'a,b,c',
  });
  const { origin } = pods[0]!;
  const health = await get(`${origin}/v2/health/ready`);
  assert.equal(health.status, 503);
  assert.match((health.json as { error: string }).error, /^model 'c' is required and .*: version 1: .*protobuf/i);
  const status = (await get(`${origin}/v2/pod`)).json as { state: string; notReadyReason: string };
  assert.deepEqual([status.state, status.notReadyReason], ['loading', (health.json as { error: string }).error]);
  assert.deepEqual([...(await askMany(harness, ['a', 'b'])).keys()], ['a', 'b']);
  const answer = await harness.predict(JSON.stringify(floats('x', [1, 1], [1])), {}, 'c');
  assert.equal(answer.status, 503, answer.body);
  assert.match(answer.body, /protobuf/i);
});
