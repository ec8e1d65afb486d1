/** The watch of a real server with ONNX Runtime, over a model whose coupling of rows no proof at load can meet. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { PodStatus } from '../../contract/pod-status.ts';
import { rarelyCoupled } from '../../models/author/fixtures.ts';
import { floats, get, post, startModelServer, type TestServer } from '../../models/testing/model-server.ts';

const rare = 777.25;
/** Rounds that only a watch which finds nothing comes to. */
const hangRounds = 20_000;

/** Asks for eight rows at once, each a request. @returns how many answers were not what the row gets alone */
async function askTogether({ origin }: TestServer, firsts: readonly number[]): Promise<number> {
  const answers = await Promise.all(
    firsts.map((first) => post(`${origin}/v2/models/planted/infer`, floats('x', [1, 4], [first, 1, 2, 3]))),
  );
  let wrong = 0;
  for (const [index, { status, text, json }] of answers.entries()) {
    assert.equal(status, 200, text);
    const [{ data }] = (json as { outputs: readonly [{ data: readonly number[] }] }).outputs;
    const first = firsts[index]!;
    if (data[0] !== (first === rare ? first + 1 : first)) wrong += 1;
  }
  return wrong;
}

const usual = [1, 2, 3, 4, 5, 6, 7, 8];
const withRare = [1, 2, 3, rare, 5, 6, 7, 8];
const statusOf = async ({ origin }: TestServer) => (await get(`${origin}/v2/pod`)).json as PodStatus;

test('a model that couples rows only where clients send what no proof drew is unbatched in service', async () => {
  await using started = await startModelServer(
    { planted: { versions: { 1: rarelyCoupled() } } },
    { watchCpuShare: '1' },
  );
  const config = async () =>
    ((await get(`${started.origin}/v2/models/planted/config`)).json as { parameters: object }).parameters;
  assert.equal((await statusOf(started)).unbatched, undefined, 'the proof let it pass');
  assert.deepEqual(await config(), { batching: { string_value: 'batched: up to 64 rows a run' } });

  const [model] = [...started.server.pod.models.ready()];
  const { statistics } = model!;
  const maxRows = (): number => model!.maxRows;
  for (let round = 0; statistics.watchSamples < 3; round += 1) {
    assert.ok(round < hangRounds);
    assert.equal(await askTogether(started, usual), 0);
  }
  assert.equal(maxRows(), 64, 'rows that agree accuse nobody');

  let wrong = 0;
  for (let round = 0; maxRows() > 1; round += 1) {
    assert.ok(round < hangRounds);
    wrong += await askTogether(started, withRare);
  }
  assert.ok(wrong > 0, 'the planted model gives wrong answers while it is batched');
  for (let round = 0; round < 20; round += 1) assert.equal(await askTogether(started, withRare), 0);

  const { unbatchedReason } = model!;
  assert.match(
    String(unbatchedReason),
    /^outputs change with companions \(0\.\d+ of the scale of 'y', seen in service, inputs/,
  );
  const status = await statusOf(started);
  assert.deepEqual(status.unbatched, [{ name: 'planted', version: '1', reason: unbatchedReason }]);
  assert.equal(status.models[0]!.unbatchedReason, unbatchedReason);
  assert.equal(status.models[0]!.maxRows, 1);
  assert.deepEqual(await config(), { batching: { string_value: `not batched: ${unbatchedReason}` } });
  const lines = started.logged.filter(({ msg }) => msg === 'requests are no longer batched');
  assert.equal(lines.length, 1);
  assert.equal(lines[0]!.level, 50);
  assert.equal(lines[0]!.unbatchedReason, unbatchedReason);
  assert.match(String(lines[0]!.request), /^[0-9a-f]{16}$/);
  assert.ok((lines[0]!.companions as string[]).length > 0);
  const metrics = (await get(`${started.origin}/metrics`)).text;
  assert.match(metrics, /^sluice_pod_model_batched\{model="planted",version="1"\} 0$/m);
  assert.match(metrics, /^sluice_pod_watch_samples_total\{model="planted",version="1"\} [1-9]/m);
});

test('a pod takes the word of a gateway, for models that it has and for those that come later', async () => {
  await using started = await startModelServer({ planted: { versions: { 1: rarelyCoupled() } } });
  const notice = [
    { name: 'planted', version: '1', reason: 'outputs change with companions (0.5 of the scale of y)' },
    { name: 'later', version: '7', reason: 'no such model here yet' },
  ];
  const tell = (body: unknown) => post(`${started.origin}/v2/unbatched`, body);
  assert.equal((await tell({ models: notice })).status, 204);
  assert.equal((await tell({ models: [{ ...notice[0], reason: 'said again' }] })).status, 204);
  const status = await statusOf(started);
  assert.deepEqual(status.unbatched, notice);
  assert.equal(status.models[0]!.unbatchedReason, notice[0]!.reason);
  assert.equal(await askTogether(started, withRare), 0);
  for (const [body, message] of [
    [Buffer.from('{'), 'the notice is not JSON'],
    [{ models: [{ name: 'planted' }] }, /^\/models\/0: must have required properties version, reason, was:/],
  ] as const) {
    const { status, text } = await tell(body);
    assert.equal(status, 400);
    assert.match((JSON.parse(text) as { error: string }).error, new RegExp(message));
  }
});
