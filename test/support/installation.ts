/**
 * One end-to-end test for every way to install Sluice: it knows addresses and the command line, and neither processes nor clusters.
 * Whoever calls it has installed something, and takes it away again.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { Metrics } from './metrics.ts';
import { eventually } from './scaling.ts';
import {
  binary,
  binaryTensor,
  bytesElements,
  Client,
  json,
  readInferAnswer,
  simpleInputs,
  type Answer,
} from './requests.ts';

/** Bundled models that the test knows right answers of. */
type BundledModel = 'langid' | 'simple' | 'mlp';

export interface Installation {
  /** Origins of a gateway, of the same gateway's admin port, and of the scaler that leads. */
  readonly gateway: string;
  readonly admin: string;
  readonly page: string;
  /** Models that are served; others may be, too. */
  readonly models: readonly BundledModel[];
  /** Runs the command line as its user has it, by default that of this checkout. */
  readonly sluice?: (args: readonly string[]) => Promise<string>;
}

/** Time for pods to start and the news of them to come round, which only a hang takes. */
const settleLimitMs = 120_000;

const sentence = 'Bonjour tout le monde';

/** Right answers, each with the number of requests that the gateway has counted for it. */
const answers: Readonly<Record<BundledModel, (client: Client) => Promise<number>>> = {
  async langid(client) {
    const predicted = await client.predict('langid', { instances: [sentence] });
    assert.equal(predicted.text, '{"predictions":[{"label":"fra","score":0.99911636}]}');
    const asJson = { name: 'text', datatype: 'BYTES', shape: [1], data: [sentence] } as const;
    const bytes = bytesElements(sentence);
    const asBytes = { inputs: [binaryTensor('text', 'BYTES', [1], bytes)], parameters: { binary_data_output: true } };
    const inJson = readInferAnswer(await client.infer('langid', json({ inputs: [asJson] })));
    const inBytes = readInferAnswer(await client.infer('langid', binary(asBytes, bytes)));
    assert.deepEqual(inJson.outputs[0]?.data, ['fra']);
    assert.deepEqual(inBytes.outputs[0]?.bytes, bytesElements('fra'));
    assert.equal(inBytes.outputs[1]?.bytes?.readFloatLE(), Math.fround(0.99911636));
    return 3;
  },
  async simple(client) {
    const inputs = simpleInputs(5, 2);
    const [one, other] = inputs.map(({ data }) => data as number[]) as [number[], number[]];
    const wanted = [one.map((value, at) => value + other[at]!), one.map((value, at) => value - other[at]!)];
    const inJson = readInferAnswer(await client.infer('simple', json({ inputs })));
    assert.deepEqual(
      inJson.outputs.map(({ data }) => data),
      wanted,
    );
    const bytes = [one, other].map((values) => Buffer.from(Int32Array.from(values).buffer));
    const tensors = inputs.map(({ name, datatype, shape }, at) => binaryTensor(name, datatype, shape, bytes[at]!));
    const head = { inputs: tensors, parameters: { binary_data_output: true } };
    const inBytes = readInferAnswer(await client.infer('simple', binary(head, ...bytes)));
    assert.deepEqual(
      inBytes.outputs.map((output) => output.bytes),
      wanted.map((values) => Buffer.from(Int32Array.from(values).buffer)),
    );
    return 2;
  },
  async mlp(client) {
    const row = Float32Array.from({ length: 784 }, (_, at) => (at % 7) / 7);
    const input = { name: 'input', datatype: 'FP32', shape: [1, 784] } as const;
    const inJson = readInferAnswer(await client.infer('mlp', json({ inputs: [{ ...input, data: [...row] }] })));
    const bytes = Buffer.from(row.buffer);
    const head = {
      inputs: [binaryTensor(input.name, input.datatype, input.shape, bytes)],
      parameters: { binary_data_output: true },
    };
    const inBytes = readInferAnswer(await client.infer('mlp', binary(head, bytes)));
    const floats = inBytes.outputs[0]!.bytes!;
    const wanted = Array.from({ length: 10 }, (_, at) => floats.readFloatLE(4 * at));
    assert.deepEqual(inJson.outputs[0]?.shape, [1, 10]);
    assert.deepEqual((inJson.outputs[0].data as number[]).map(Math.fround), wanted);
    return 2;
  },
};

async function checkout(args: readonly string[]): Promise<string> {
  const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
  return (await promisify(execFile)(process.execPath, [sluice, ...args])).stdout;
}

/** Asks an installation everything that it must answer. */
export async function testInstallation(t: TestContext, installation: Installation): Promise<void> {
  const { models, sluice = checkout } = installation;
  const gateway = new Client(installation.gateway);
  const admin = new Client(installation.admin);
  const page = new Client(installation.page);
  const arrived = async (model: string): Promise<number> =>
    new Metrics((await admin.get('/metrics')).text).value('sluice_requests_arrived_total', { model });

  await t.test('is live, ready, and says who it is and which models it serves', async () => {
    const isReady = async (): Promise<boolean> => {
      const asked = models.map((model) => gateway.get(`/v2/models/${model}/ready`));
      return (await Promise.all([gateway.get('/v2/health/ready'), ...asked])).every(({ status }) => status === 200);
    };
    await eventually('all models are ready', isReady, (ready) => ready, settleLimitMs);
    for (const client of [admin, page]) assert.equal((await client.get('/readyz')).status, 200);
    const { name, version } = JSON.parse((await gateway.get('/v2')).text) as { name: string; version: string };
    assert.deepEqual([name, version], ['sluice', packageJson.version]);
    const listed = (JSON.parse((await gateway.get('/v1/models')).text) as { models: string[] }).models;
    assert.deepEqual(
      models.filter((model) => !listed.includes(model)),
      [],
    );
    assert.match((await gateway.get('/')).text, new RegExp(`\\n {2}${models[0]}\\n`));
  });

  for (const model of models) {
    await t.test(`${model}: metadata, right answers in JSON and in binary, each counted`, async () => {
      const { inputs, outputs } = JSON.parse((await gateway.get(`/v2/models/${model}`)).text) as {
        inputs: object[];
        outputs: object[];
      };
      assert.ok(inputs.length > 0 && outputs.length > 0);
      const before = await arrived(model);
      const sent = await answers[model](gateway);
      assert.equal((await arrived(model)) - before, sent);
    });
  }

  await t.test('an error names the field and the value', async () => {
    const { inputs } = JSON.parse((await gateway.get(`/v2/models/${models[0]!}`)).text) as {
      inputs: { name: string }[];
    };
    const refused = (answer: Answer, ...named: string[]): void => {
      const { error } = JSON.parse(answer.text) as { error: string };
      for (const word of named) assert.ok(error.includes(word), `${word} in: ${error}`);
    };
    const wrong = inputs.map(({ name }) => ({ name, datatype: 'INT7', shape: [1], data: [1] }));
    const bad = await gateway.infer(models[0]!, json({ inputs: wrong }));
    assert.equal(bad.status, 400);
    refused(bad, inputs[0]!.name, 'INT7');
    const unknown = await gateway.infer('no-such-model', json({ inputs: [] }));
    assert.equal(unknown.status, 404);
    refused(unknown, 'no-such-model');
  });

  await t.test('the page comes with all that it links to, a runbook, and metrics', async () => {
    const { text } = await page.get('/');
    assert.match(text, /<html/);
    const linked = [...text.matchAll(/(?:href|src)="(page\/[^"]+)"/g)].map(([, file]) => file!);
    assert.ok(linked.length > 3, linked.join());
    for (const file of linked) assert.equal((await page.get(`/${file}`)).status, 200, file);
    assert.match((await page.get('/runbooks/SluiceErrorRate')).text, /SluiceErrorRate/);
    assert.match((await page.get('/metrics')).text, /^sluice_scaler_replicas\{/m);
  });

  await t.test('sluice pools and sluice status tell of a pool with a ready pod', async () => {
    const where = ['--url', installation.page];
    const ready = /^\S+ +([1-9]\d*)\/\1 /m;
    const pools = await eventually(
      'a pool is whole',
      () => sluice(['pools', ...where]),
      ready.test.bind(ready),
      60_000,
    );
    assert.match(pools, /^pool +ready +desired /);
    const status = await sluice(['status', ...where]);
    assert.match(status, /1 gateway/);
    assert.match(status, / serving /);
  });

  await Promise.all([gateway, admin, page].map((client) => client.close()));
}
