/** The Open Inference Protocol and KServe V1 as clients meet them, from end to end on the models that come with Sluice. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { typesEcho } from '../../models/author/fixtures.ts';
import { distance, RawModel } from '../support/raw-model.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import {
  binary,
  binaryTensor,
  bytesElements,
  Client,
  json,
  readInferAnswer,
  simpleInputs,
  typesRequest,
  type Answer,
} from '../support/requests.ts';
import { startSystem, type System } from '../support/system.ts';

let repository: Repository;
let system: System;
let client: Client;

before(async () => {
  repository = await makeRepository({ zoo: ['simple', 'mlp', 'langid'], files: { types: typesEcho() } });
  system = await startSystem(['--repository', repository.directory]);
  client = new Client(system.origin);
});

after(async () => {
  await client.close();
  assert.equal(await system.stop(), 0);
  await repository.remove();
});

const read = async (path: string): Promise<unknown> => {
  const answer = await client.get(path);
  assert.equal(answer.status, 200, `${path}: ${answer.text}`);
  assert.match(String(answer.headers['content-type']), /^application\/json/);
  return JSON.parse(answer.text);
};

describe('server and models', () => {
  test('metadata and health, with and without the last slash, whatever the query', async () => {
    for (const path of ['/v2', '/v2/', '/v2?from=here']) {
      const { name, version, extensions } = (await read(path)) as Record<string, unknown>;
      assert.equal(name, 'sluice');
      assert.match(String(version), /^\d+\.\d+\.\d+$/);
      for (const extension of ['binary_tensor_data', 'model_configuration', 'schedule_policy']) {
        assert.ok((extensions as string[]).includes(extension), extension);
      }
    }
    for (const slash of ['', '/']) {
      assert.deepEqual(await read(`/v2/health/live${slash}`), { live: true });
      assert.deepEqual(await read(`/v2/health/ready${slash}`), { ready: true });
    }
  });

  test('a model: ready, its tensors and its configuration, by its version too', async () => {
    for (const version of ['', '/versions/1']) {
      for (const slash of ['', '/']) {
        const model = `/v2/models/simple${version}`;
        assert.deepEqual(await read(`${model}/ready${slash}`), { name: 'simple', ready: true });
        const tensors = (names: string[]) => names.map((name) => ({ name, datatype: 'INT32', shape: [-1, 16] }));
        assert.deepEqual(await read(`${model}${slash}`), {
          name: 'simple',
          versions: ['1'],
          platform: 'onnxruntime_onnx',
          inputs: tensors(['INPUT0', 'INPUT1']),
          outputs: tensors(['OUTPUT0', 'OUTPUT1']),
        });
        const config = (await read(`${model}/config${slash}`)) as Record<string, unknown>;
        assert.equal(config['max_batch_size'], 8);
        assert.deepEqual(
          (config['output'] as Record<string, unknown>[]).map((output) => output['dims']),
          [[16], [16]],
        );
      }
    }
  });

  test('a model with a transform shows what a person sends and gets, and its own tensors beside', async () => {
    assert.deepEqual(await read('/v2/models/langid'), {
      name: 'langid',
      versions: ['1'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
      outputs: [
        { name: 'label', datatype: 'BYTES', shape: [-1] },
        { name: 'score', datatype: 'FP32', shape: [-1] },
      ],
      parameters: {
        native_inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 620] }],
        native_outputs: [{ name: 'probabilities', datatype: 'FP32', shape: [-1, 50] }],
      },
    });
  });

  test('V1: the list, and the state of one', async () => {
    assert.deepEqual(await read('/v1/models'), { models: ['langid', 'mlp', 'simple', 'types'] });
    assert.deepEqual(await read('/v1/models/mlp'), { name: 'mlp', ready: true });
  });

  test('HEAD is GET without the body; OPTIONS names what is allowed', async () => {
    for (const path of ['/v2', '/v2/health/ready', '/v2/models/simple', '/v1/models']) {
      const [head, get] = [await client.send('HEAD', path), await client.get(path)];
      assert.equal(head.status, 200, path);
      assert.equal(head.body.length, 0);
      assert.equal(head.headers['content-length'], String(get.body.length), path);
    }
    for (const [path, allow] of [
      ['/v2/models/simple', 'GET, HEAD'],
      ['/v2/models/simple/infer', 'POST'],
    ] as const) {
      assert.equal((await client.send('OPTIONS', path)).headers['allow'], allow);
    }
  });
});

const numbers = (step: number) => Buffer.from(Int32Array.from({ length: 16 }, (_, index) => index * step).buffer);
const sum = Array.from({ length: 16 }, (_, index) => index * 10);
const difference = Array.from({ length: 16 }, (_, index) => index * 4);
const asJson = (name: string, step: number) => ({
  name,
  datatype: 'INT32' as const,
  shape: [1, 16],
  data: Array.from(new Int32Array(numbers(step).buffer.slice(0, 64))),
});

describe('infer', () => {
  test('JSON or binary, each tensor by itself, in and out', async () => {
    for (const mask of Array.from({ length: 16 }, (_, index) => index)) {
      const [first, second, third, fourth] = [1, 2, 4, 8].map((bit) => (mask & bit) !== 0);
      const bytes = [first ? numbers(7) : null, second ? numbers(3) : null].filter((part) => part !== null);
      const head = {
        inputs: [
          first ? binaryTensor('INPUT0', 'INT32', [1, 16], numbers(7)) : asJson('INPUT0', 7),
          second ? binaryTensor('INPUT1', 'INT32', [1, 16], numbers(3)) : asJson('INPUT1', 3),
        ],
        outputs: [
          { name: 'OUTPUT1', parameters: { binary_data: third } },
          { name: 'OUTPUT0', parameters: { binary_data: fourth } },
        ],
      };
      const answer = await client.infer('simple', bytes.length === 0 ? json(head) : binary(head, ...bytes));
      const { model_name: name, model_version: version, outputs } = readInferAnswer(answer);
      assert.deepEqual([name, version], ['simple', '1']);
      assert.deepEqual(
        outputs.map((output) => [output.name, output.datatype, output.shape]),
        [
          ['OUTPUT1', 'INT32', [1, 16]],
          ['OUTPUT0', 'INT32', [1, 16]],
        ],
      );
      for (const [index, expected] of [difference, sum].entries()) {
        const output = outputs[index]!;
        assert.equal(output.bytes !== undefined, index === 0 ? third : fourth);
        assert.deepEqual(output.bytes === undefined ? output.data : Array.from(int32(output.bytes)), expected);
      }
      const isBinary = third === true || fourth === true;
      assert.equal(answer.headers['content-type'], isBinary ? 'application/octet-stream' : 'application/json');
      assert.equal(answer.headers['inference-header-content-length'] !== undefined, isBinary);
    }
  });

  test('nested or flat, with or without a version, fields in any order, unknown ones ignored', async () => {
    const { data, ...rest } = asJson('INPUT0', 7);
    const nested = { data: [data], extra: { deep: [1, { a: null }] }, ...rest };
    for (const path of [
      '/v2/models/simple/infer',
      '/v2/models/simple/versions/1/infer',
      '/v2/models/simple/infer/?a=b',
    ]) {
      const answer = await client.send('POST', path, json({ later: 1, inputs: [nested, asJson('INPUT1', 3)] }));
      assert.deepEqual(readInferAnswer(answer).outputs[0]!.data, sum);
    }
  });

  test('id and x-request-id come back; traceparent is taken; answers name their pod', async () => {
    const payload = json({ id: 'ä "quoted"', inputs: simpleInputs() });
    const headers = {
      'x-request-id': 'mine-1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    };
    const answer = await client.infer('simple', { ...payload, headers: { ...payload.headers, ...headers } });
    assert.equal(readInferAnswer(answer).id, 'ä "quoted"');
    assert.equal(answer.headers['x-request-id'], 'mine-1');
    assert.match(String(answer.headers['sluice-pod']), /^default-/);
    assert.match(String(answer.headers['sluice-batch']), /^[1-9]\d*$/);
    const other = await client.infer('simple', json({ inputs: simpleInputs() }));
    assert.ok(!('id' in readInferAnswer(other)));
    assert.match(String(other.headers['x-request-id']), /\S+/);
  });

  test('compressed in each way, JSON and binary', async () => {
    const payloads = [
      json({ inputs: [asJson('INPUT0', 7), asJson('INPUT1', 3)] }),
      binary(
        { inputs: ['INPUT0', 'INPUT1'].map((name) => binaryTensor(name, 'INT32', [1, 16], numbers(7))) },
        numbers(7),
        numbers(7),
      ),
    ];
    for (const [coding, squeeze] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['deflate', deflateRawSync],
      ['identity', (body: Buffer) => body],
    ] as const) {
      for (const [index, { body, headers }] of payloads.entries()) {
        const encoded = { body: squeeze(Buffer.from(body)), headers: { ...headers, 'content-encoding': coding } };
        const { outputs } = readInferAnswer(await client.infer('simple', encoded));
        assert.deepEqual(outputs[0]!.data, index === 0 ? sum : Array.from({ length: 16 }, (_, at) => at * 14));
      }
    }
  });

  test('all datatypes keep their values: 64-bit integers every digit, NaN comes out as null', async () => {
    const given = {
      BOOL: '[true,false]',
      UINT8: '[0,255]',
      UINT16: '[0,65535]',
      UINT32: '[0,4294967295]',
      UINT64: '[9007199254740993,18446744073709551615]',
      INT8: '[-128,127]',
      INT16: '[-32768,32767]',
      INT32: '[-2147483648,2147483647]',
      INT64: '[-9223372036854775808,9223372036854775807]',
      FP16: '[0.5,-65504.0]',
      FP32: '[0.1,-3.4028235e38]',
      FP64: '[0.1,-1.7976931348623157e+308]',
      BYTES: '["Grüße\\n","\\"\\\\"]',
    } as const;
    const { text } = await client.infer('types', json(typesRequest(given)));
    for (const [datatype, data] of Object.entries(given)) {
      assert.ok(
        text.includes(`"name":"${datatype.toLowerCase()}_out","datatype":"${datatype}","shape":[1,2],"data":${data}`),
        `${datatype} in ${text}`,
      );
    }
    const nan = Buffer.from(Float64Array.of(Number.NaN, Number.NEGATIVE_INFINITY).buffer);
    const inputs = (JSON.parse(typesRequest({})) as { inputs: { name: string }[] }).inputs.map((input) =>
      input.name === 'fp64' ? binaryTensor('fp64', 'FP64', [1, 2], nan) : input,
    );
    for (const binaryOut of [false, true]) {
      const outputs = [{ name: 'fp64_out', parameters: { binary_data: binaryOut } }];
      const [output] = readInferAnswer(await client.infer('types', binary({ inputs, outputs }, nan))).outputs;
      if (binaryOut) assert.deepEqual(output!.bytes, nan);
      else assert.deepEqual(output!.data, [null, null]);
    }
  });

  test('64-bit integers and text in binary, both ways', async () => {
    const big = Buffer.from(BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n).buffer);
    const texts = bytesElements('', 'Добрый день');
    const inputs = (JSON.parse(typesRequest({})) as { inputs: { name: string }[] }).inputs.map((input) => {
      if (input.name === 'int64') return binaryTensor('int64', 'INT64', [1, 2], big);
      return input.name === 'bytes' ? binaryTensor('bytes', 'BYTES', [1, 2], texts) : input;
    });
    const payload = binary({ inputs, parameters: { binary_data_output: true } }, big, texts);
    const { outputs } = readInferAnswer(await client.infer('types', payload));
    assert.deepEqual(outputs.find(({ name }) => name === 'int64_out')?.bytes, big);
    assert.deepEqual(outputs.find(({ name }) => name === 'bytes_out')?.bytes, texts);
  });

  test('raw requests: a row of elements, a text', async () => {
    const raw = { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' };
    const row = Float32Array.from({ length: 784 }, (_, index) => (index % 13) / 13);
    const answer = readInferAnswer(await client.infer('mlp', { body: Buffer.from(row.buffer), headers: raw }));
    const model = await RawModel.load(new URL('../../models/zoo/mlp/1/model.onnx', import.meta.url));
    assert.ok(distance(float32(answer.outputs[0]!.bytes!), await model.row(row)) <= 1e-5);
    const text = readInferAnswer(await client.infer('langid', { body: 'Bonjour tout le monde', headers: raw }));
    assert.deepEqual(text.outputs[0]!.bytes, bytesElements('fra'));
  });
});

describe('langid', () => {
  test('text in, label and score out; its own tensors skip the transform', async () => {
    const text = ['Bonjour tout le monde', 'Wie spät ist es jetzt?'];
    const answer = await client.infer(
      'langid',
      json({ inputs: [{ name: 'text', datatype: 'BYTES', shape: [2], data: text }] }),
    );
    const [label, score] = readInferAnswer(answer).outputs;
    assert.deepEqual(label, { name: 'label', datatype: 'BYTES', shape: [2], data: ['fra', 'deu'] });
    for (const value of score!.data as number[]) assert.ok(value > 0.5 && value <= 1);

    const features = Float32Array.from({ length: 620 }, (_, index) => (index % 31) / 310);
    const data = Array.from(features);
    const own = await client.infer(
      'langid',
      json({ inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 620], data }] }),
    );
    const [probabilities] = readInferAnswer(own).outputs;
    assert.equal(probabilities!.name, 'probabilities');
    assert.deepEqual(probabilities!.shape, [1, 50]);
    const model = await RawModel.load(new URL('../../models/zoo/langid/1/model.onnx', import.meta.url));
    assert.ok(distance(probabilities!.data as number[], await model.row(features)) <= 1e-5);
  });

  test('V1: by rows, by name, in base64, by columns; the order is kept', async () => {
    const says = async (value: unknown): Promise<Record<string, unknown>> => {
      const answer: Answer = await client.predict('langid', value);
      assert.equal(answer.status, 200, answer.text);
      return JSON.parse(answer.text) as Record<string, unknown>;
    };
    const labels = ({ predictions }: Record<string, unknown>) =>
      (predictions as { label: string; score: number }[]).map(({ label, score }) =>
        score > 0.5 ? label : `${label}?`,
      );
    const french = 'Bonjour tout le monde';
    const b64 = Buffer.from('Добрый день, как у вас дела сегодня?').toString('base64');
    assert.deepEqual(labels(await says({ instances: [french, { b64 }] })), ['fra', 'rus']);
    assert.deepEqual(labels(await says({ signature_name: 'x', instances: [{ text: french }] })), ['fra']);
    const { outputs } = await says({ inputs: { text: [french] } });
    assert.deepEqual((outputs as { label: string[] }).label, ['fra']);
  });

  test('V1: a model without a transform, two inputs, one output', async () => {
    const { text } = await client.predict('simple', {
      instances: [{ INPUT0: asJson('INPUT0', 7).data, INPUT1: asJson('INPUT1', 3).data }],
    });
    assert.deepEqual(JSON.parse(text), { predictions: [{ OUTPUT0: sum, OUTPUT1: difference }] });
    const row = Float32Array.from({ length: 784 }, (_, index) => (index % 17) / 17);
    const answer = await client.predict('mlp', { instances: [Array.from(row), Array.from(row)] });
    const { predictions } = JSON.parse(answer.text) as { predictions: number[][] };
    const model = await RawModel.load(new URL('../../models/zoo/mlp/1/model.onnx', import.meta.url));
    for (const prediction of predictions) assert.ok(distance(prediction, await model.row(row)) <= 1e-5);
    assert.equal(predictions.length, 2);
  });
});

function int32(bytes: Buffer): Int32Array {
  return new Int32Array(Uint8Array.from(bytes).buffer);
}

function float32(bytes: Buffer): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}
