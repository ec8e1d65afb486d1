/** The first minutes of a stranger: the request at the end of the start screen, run by a shell for models of all kinds, and `GET /` of the gateway. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { request } from 'undici';
import type { Datatype } from '../../contract/datatypes.ts';
import { exampleRequest, type ExampleInput } from '../../deploy/example-request.ts';
import { axisOne, fixedBatch, lookup, typesEcho, variableLength } from '../../models/author/fixtures.ts';
import { writeOnnx } from '../../models/author/onnx-writer.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { startSystem, type System } from '../support/system.ts';

function identity(datatype: Datatype, shape: readonly (number | string)[]): Uint8Array {
  return writeOnnx({
    name: 'identity',
    inputs: [{ name: 'x', datatype, shape }],
    outputs: [{ name: 'y', datatype, shape }],
    nodes: [{ operator: 'Identity', inputs: ['x'], outputs: ['y'] }],
  });
}

const files = {
  types: typesEcho(),
  fixed: fixedBatch(),
  free: variableLength(),
  lookup: lookup(),
  'axis-one': axisOne(),
  image: identity('FP32', ['batch', 3, 32, 32]),
  half: identity('FP16', ['batch', 100]),
  scalar: identity('INT64', []),
  text: identity('BYTES', ['batch', 1]),
  texts: identity('BYTES', ['batch', 2]),
  'my model': fixedBatch(),
  Größe: fixedBatch(),
};

let models: Repository;
let system: System;
before(async () => {
  models = await makeRepository({ zoo: ['langid'], files });
  system = await startSystem(['--repository', models.directory]);
});
after(async () => {
  await system.stop();
  await models.remove();
});

for (const model of ['langid', ...Object.keys(files)]) {
  test(`the request that is shown for ${model} is answered`, async () => {
    const metadata = await request(`${system.origin}/v2/models/${encodeURIComponent(model)}`);
    const { inputs } = (await metadata.body.json()) as { inputs: readonly ExampleInput[] };
    const command = exampleRequest(system.origin, model, inputs);
    assert.ok(command.length < 2_000, `${command.length} characters`);
    const { stdout } = await promisify(execFile)('sh', ['-c', command], { maxBuffer: 16 * 1024 * 1024 });
    const { outputs } = JSON.parse(stdout) as { outputs?: readonly object[] };
    assert.ok((outputs?.length ?? 0) > 0, `${command}\n${stdout.slice(0, 300)}`);
  });
}

test('GET / tells a person which models answer, and what to ask', async () => {
  const { statusCode, headers, body } = await request(system.origin);
  const text = await body.text();
  assert.equal(statusCode, 200);
  assert.match(String(headers['content-type']), /^text\/plain; charset=utf-8$/);
  for (const model of Object.keys(files)) assert.ok(text.includes(`\n  ${model}\n`), text);
  assert.match(text, /^POST \/v2\/models\/MODEL\/infer /m);
});

test('models whose names have spaces and umlauts are served by their percent-encoded names, in all faces', async () => {
  const rows = [1, 2, 3, 4].map((row) => [row, row, row]);
  for (const model of ['my model', 'Größe']) {
    const name = encodeURIComponent(model);
    const ask = async (origin: string, path: string, json?: object): Promise<unknown> => {
      const sent = json === undefined ? {} : { method: 'POST' as const, body: JSON.stringify(json) };
      const { statusCode, body } = await request(`${origin}${path}`, {
        ...sent,
        headers: { 'content-type': 'application/json' },
      });
      const answer = await body.text();
      assert.equal(statusCode, 200, `${path}: ${answer}`);
      return JSON.parse(answer);
    };
    const doubled = rows.map((row) => row.map((value) => 2 * value));
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [4, 3], data: rows.flat() }];
    const { model_name, outputs } = (await ask(system.origin, `/v2/models/${name}/versions/1/infer`, { inputs })) as {
      model_name: string;
      outputs: { data: number[] }[];
    };
    assert.deepEqual([model_name, outputs[0]?.data], [model, doubled.flat()]);
    assert.deepEqual(await ask(system.origin, `/v1/models/${name}:predict`, { inputs: rows }), { outputs: doubled });
    assert.deepEqual(await ask(system.origin, `/v1/models/${name}`), { name: model, ready: true });
    assert.equal(((await ask(system.scalerOrigin, `/api/models/${name}`)) as { name: string }).name, model);
    const labels = { model };
    const metrics = await system.metrics();
    assert.ok(metrics.value('sluice_batch_rows_count', labels) >= 2, 'its runs are counted under its name');
  }
  for (const name of ['my%2Fmodel', '%2E%2E%2Fmy%20model', 'my%00model', 'my%20model%20']) {
    const { statusCode, body } = await request(`${system.origin}/v2/models/${name}`);
    assert.deepEqual([statusCode, name], [404, name], await body.text());
  }
});
