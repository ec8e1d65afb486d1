/** A request that takes its pod seconds to read: it is right, so it is answered, no pod is blamed, and others are served. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeOnnx } from '../../models/author/onnx-writer.ts';
import { Metrics } from '../support/metrics.ts';
import { makeRepository } from '../support/repository.ts';
import { Client, json, readInferAnswer, simpleInputs } from '../support/requests.ts';
import { startSystem } from '../support/system.ts';

/** Numbers that are slow to read: their form makes each an exact conversion. */
const numbers = 6_000_000;

/** `x` INT32 [-1, -1] → `y` INT32 [-1, 1], the largest of each row. */
function largest(): Uint8Array {
  return writeOnnx({
    name: 'largest',
    inputs: [{ name: 'x', datatype: 'INT32', shape: ['batch', 'n'] }],
    outputs: [{ name: 'y', datatype: 'INT32', shape: ['batch', 1] }],
    nodes: [{ operator: 'ReduceMax', inputs: ['x'], outputs: ['y'], attributes: { axes: { ints: [1] } } }],
  });
}

test('a body that takes seconds to read is answered, and its pod goes on', { timeout: 300_000 }, async (t) => {
  const repository = await makeRepository({ zoo: ['simple'], files: { largest: largest() } });
  t.after(() => repository.remove());
  const system = await startSystem(['--repository', repository.directory, '--pods', '2']);
  t.after(() => system.stop());
  const client = new Client(system.origin, { limitMs: 250_000 });
  t.after(() => client.close());
  // The cost is known from the warm-up and from these, so that an answer is late after a second.
  const small = json({ inputs: [{ name: 'x', datatype: 'INT32', shape: [1, 3], data: [1, 3, 2] }] });
  for (let count = 0; count < 5; count += 1) assert.equal((await client.infer('largest', small)).status, 200);

  const data = `${'1e0,'.repeat(numbers - 1)}7e0`;
  const body = Buffer.from(`{"inputs":[{"name":"x","datatype":"INT32","shape":[1,${numbers}],"data":[${data}]}]}`);
  const state = { ended: false };
  const heavy = client
    .infer('largest', { body, headers: { 'content-type': 'application/json', 'sluice-timeout-ms': '200000' } })
    .finally(() => (state.ended = true));
  for (let count = 0; !state.ended; count += 1) {
    const answer = await client.infer('simple', json({ inputs: simpleInputs(count % 100) }));
    assert.equal(answer.status, 200, answer.text);
    readInferAnswer(answer);
  }
  const { status, text } = await heavy;
  assert.equal(status, 200, text);
  assert.deepEqual((JSON.parse(text) as { outputs: { data: number[] }[] }).outputs[0]!.data, [7]);
  const metrics = await Metrics.scrape(system.adminOrigin);
  for (const reason of ['hung', 'reset', 'garbage', 'overdue', 'probe-failed']) {
    assert.equal(metrics.value('sluice_pod_ejections_total', { reason }), 0, reason);
  }
});
