/** One bad request in a batch fails alone: 1,000 good ones at 64 connections, with bad ones among them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { variableLength } from '../../models/author/fixtures.ts';
import { distance, RawModel } from '../support/raw-model.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { binary, binaryTensor, Client, json, readInferAnswer, type Answer, type Payload } from '../support/requests.ts';
import { startSystem, type System } from '../support/system.ts';

const count = 1_000;
const connections = 64;
const width = 784;
const tolerance = 1e-5;

let repository: Repository;
let system: System;
let client: Client;
let pods: readonly number[];
let expected: Float32Array[];

before(async () => {
  repository = await makeRepository({ zoo: ['mlp'], files: { variable: variableLength() } });
  const raw = await RawModel.load(new URL('../../models/zoo/mlp/1/model.onnx', import.meta.url));
  system = await startSystem(['--repository', repository.directory]);
  client = new Client(system.origin, { connections });
  pods = system.podPids();
  expected = [];
  for (let index = 0; index < count; index += 1) expected.push(await raw.row(rowOf(index)));
});

after(async () => {
  await client.close();
  assert.equal(await system.stop(), 0);
  await repository.remove();
});

/** Distinct for each index, and repeatable. */
function rowOf(index: number, length = width): Float32Array {
  return Float32Array.from({ length }, (_, at) => ((index * 7919 + at * 104729) % 1009) / 1009);
}

const asJson = (row: Float32Array, shape = [1, row.length]): Payload =>
  json({ inputs: [{ name: 'input', datatype: 'FP32', shape, data: Array.from(row) }] });
const asBinary = (row: Float32Array, shape = [1, row.length]): Payload => {
  const bytes = Buffer.from(row.buffer);
  return binary(
    { parameters: { binary_data_output: true }, inputs: [binaryTensor('input', 'FP32', shape, bytes)] },
    bytes,
  );
};

function values(answer: Answer): ArrayLike<number> {
  const [output] = readInferAnswer(answer).outputs;
  if (output?.bytes === undefined) return output?.data as readonly number[];
  return new Float32Array(output.bytes.buffer.slice(output.bytes.byteOffset, output.bytes.byteOffset + 40));
}

/** Sends all requests at once, with the bad ones spread evenly among the good. */
async function assertGoodUnhurt(
  good: (row: Float32Array) => Payload,
  bad: readonly Payload[],
  says: string,
): Promise<void> {
  const every = Math.floor(count / bad.length);
  const refused: Promise<Answer>[] = [];
  const answers = Array.from({ length: count }, (_, index) => {
    const wrong = index % every === Math.floor(every / 2) ? bad[Math.floor(index / every)] : undefined;
    if (wrong !== undefined) refused.push(client.infer('mlp', wrong));
    return client.infer('mlp', good(rowOf(index)));
  });
  for (const [index, answer] of (await Promise.all(answers)).entries()) {
    const off = distance(values(answer), expected[index]!);
    assert.ok(off <= tolerance, `request ${index} is off by ${off}`);
  }
  assert.equal(refused.length, bad.length);
  for (const answer of await Promise.all(refused)) {
    assert.equal(answer.status, 400, answer.text);
    const { error } = JSON.parse(answer.text) as { error: string };
    assert.ok(error.includes("input 'input'") && error.includes(says), error);
  }
}

const short = rowOf(0, width - 1);
const withText = json(asJson(rowOf(0)).body.toString().replace('"data":[0', '"data":["x"'));

for (const [kind, good] of [
  ['JSON', asJson],
  ['binary', asBinary],
] as const) {
  test(`${kind}: one malformed row among 1,000`, async () => {
    const malformed = kind === 'JSON' ? withText : asBinary(short, [1, width]);
    await assertGoodUnhurt(good, [malformed], kind === 'JSON' ? '"x"' : '3132 bytes');
  });

  test(`${kind}: a hundred malformed rows among 1,000`, async () => {
    const malformed = kind === 'JSON' ? asJson(short, [1, width]) : asBinary(short, [1, width]);
    await assertGoodUnhurt(good, new Array<Payload>(100).fill(malformed), '[1,784]');
  });

  test(`${kind}: a hundred rows of other shapes among 1,000`, async () => {
    const others = Array.from({ length: 100 }, (_, index) => good(rowOf(index, 1 + index * 10)));
    await assertGoodUnhurt(good, others, 'does not fit');
  });
}

test('the good ones were batched, on the pods that were there from the start', async () => {
  const metrics = await system.metrics();
  const mean =
    metrics.value('sluice_batch_rows_sum', { model: 'mlp' }) /
    metrics.value('sluice_batch_rows_count', { model: 'mlp' });
  assert.ok(mean > 2, `mean batch of ${mean.toFixed(1)} rows`);
  assert.deepEqual(system.podPids(), pods);
});

test('rows of every length at once, where the model takes them: each gets its own sum', async () => {
  const answers = Array.from({ length: count }, (_, index) => {
    const row = rowOf(index, 1 + (index % 7));
    const data = Array.from(row);
    return client.infer('variable', json({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, data.length], data }] }));
  });
  for (const [index, answer] of (await Promise.all(answers)).entries()) {
    const sum = rowOf(index, 1 + (index % 7)).reduce((total, value) => total + value, 0);
    assert.ok(distance(values(answer), [sum]) <= tolerance, `request ${index}: ${answer.text}, not ${sum}`);
  }
});
