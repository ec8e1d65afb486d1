/**
 * 10,000 requests at once, each with an input of its own, over two pods, JSON and binary mixed: every answer is the one
 * that ONNX Runtime gives to that input alone. Then the same while a pod is killed.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Agent, request } from 'undici';
import { distance, RawModel } from '../support/raw-model.ts';
import { until } from '../support/gateway-harness.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { startSystem, type System } from '../support/system.ts';

const count = 10_000;
const width = 784;
const tolerance = 1e-5;
/** Patience for what only a hang keeps away. */
const patienceMs = 300_000;

let repository: Repository;
let system: System;
let raw: RawModel;
let client: Agent;
let expected: Float32Array[];

before(async () => {
  // Runs take so long that requests wait for them on any machine, however slowly this process sends.
  const mlp = { zoo: 'mlp', config: 'delay: { runMs: 50 }\n' };
  repository = await makeRepository({ zoo: ['langid'], files: {}, configured: { mlp } });
  [system, raw] = await Promise.all([
    startSystem(['--repository', repository.directory, '--pods', '2', '--models', 'mlp,langid']),
    RawModel.load(new URL('../../models/zoo/mlp/1/model.onnx', import.meta.url)),
  ]);
  // One connection a request: all of them are in the gateway at the same time.
  client = new Agent({ connections: null, headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 60_000 } });
  expected = [];
  for (let index = 0; index < count; index += 1) expected.push(await raw.row(inputOf(index)));
});

after(async () => {
  await client.destroy();
  assert.equal(await system.stop(), 0, 'the system drains and exits 0');
  await repository.remove();
});

/** Distinct for each index, and repeatable. */
function inputOf(index: number): Float32Array {
  const row = new Float32Array(width);
  let state = (index + 1) * 2654435761;
  for (let at = 0; at < width; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    row[at] = (state >>> 8) / (1 << 24);
  }
  return row;
}

async function predict(index: number): Promise<ArrayLike<number>> {
  const input = inputOf(index);
  const url = `${system.origin}/v2/models/mlp/infer`;
  const tensor = { name: 'input', shape: [1, width], datatype: 'FP32' };
  if (index % 2 === 0) {
    const answer = await request(url, {
      method: 'POST',
      dispatcher: client,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: [{ ...tensor, data: Array.from(input) }] }),
    });
    const text = await answer.body.text();
    assert.equal(answer.statusCode, 200, text);
    return (JSON.parse(text) as { outputs: { data: number[] }[] }).outputs[0]!.data;
  }
  const bytes = Buffer.from(input.buffer);
  const head = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [{ ...tensor, parameters: { binary_data_size: bytes.length } }],
    }),
  );
  const answer = await request(url, {
    method: 'POST',
    dispatcher: client,
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(head.length) },
    body: Buffer.concat([head, bytes]),
  });
  const body = Buffer.from(await answer.body.arrayBuffer());
  assert.equal(answer.statusCode, 200, body.toString());
  const values = body.subarray(Number(answer.headers['inference-header-content-length']));
  return new Float32Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.length));
}

async function all(): Promise<void> {
  const answers = await Promise.all(Array.from({ length: count }, (_, index) => predict(index)));
  answers.forEach((answer, index) => {
    const off = distance(answer, expected[index]!);
    assert.ok(off <= tolerance, `request ${index} is off by ${off}`);
  });
}

test('10,000 at once: each answer is its own, and batches form', async () => {
  await all();
  const metrics = await system.metrics();
  const rows = metrics.value('sluice_batch_rows_sum', { model: 'mlp' });
  const runs = metrics.value('sluice_batch_rows_count', { model: 'mlp' });
  assert.equal(rows, count);
  assert.ok(rows / runs > 4, `mean batch of ${(rows / runs).toFixed(1)} rows`);
});

test('kill -9 of a pod in the middle: still every answer, right, and the pod comes back', async () => {
  const running = all();
  await until(
    'half of the work is done',
    async () => {
      const metrics = await system.metrics();
      return metrics.value('sluice_batch_rows_sum', { model: 'mlp' }) > count * 1.2;
    },
    patienceMs,
  );
  const [victim] = system.podPids();
  process.kill(victim!, 'SIGKILL');
  await running;
  await until(
    'two pods serve again',
    async () => {
      await predict(1);
      const metrics = await system.metrics();
      return metrics.value('sluice_pods', { state: 'serving' }) === 2;
    },
    patienceMs,
  );
  assert.ok(!system.podPids().includes(victim!));
});
