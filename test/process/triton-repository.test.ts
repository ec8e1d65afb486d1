/**
 * A model repository made for Triton, served as it is by a real pod: the layouts of Triton's own examples for ONNX, with models of the
 * same tensors, and what their config.pbtxt asks for.
 */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import * as fixtures from '../../models/author/fixtures.ts';
import { writeOnnx } from '../../models/author/onnx-writer.ts';
import { build as simple } from '../../models/author/simple.ts';
import {
  floats,
  get,
  post,
  startModelServer,
  type ModelFiles,
  type TestServer,
} from '../../models/testing/model-server.ts';

const labels = Array.from({ length: 1000 }, (_, index) => `CLASS ${index}`);

/** Tensors of `densenet_onnx`: a fixed batch of one, and an output of four axes that clients get as one. */
const densenet: ModelFiles = {
  versions: {
    1: writeOnnx({
      name: 'densenet',
      inputs: [{ name: 'data_0', datatype: 'FP32', shape: [1, 3, 224, 224] }],
      outputs: [{ name: 'fc6_1', datatype: 'FP32', shape: [1, 1000, 1, 1] }],
      nodes: [
        { operator: 'GlobalAveragePool', inputs: ['data_0'], outputs: ['pooled'] },
        { operator: 'Conv', inputs: ['pooled', 'weights'], outputs: ['fc6_1'] },
      ],
      weights: [
        { name: 'weights', shape: [1000, 3, 1, 1], data: Float32Array.from({ length: 3000 }, (_, i) => i / 3000) },
      ],
    }),
  },
  pbtxt: `name: "densenet_onnx"
platform: "onnxruntime_onnx"
max_batch_size : 1
input [
  {
    name: "data_0"
    data_type: TYPE_FP32
    format: FORMAT_NCHW
    dims: [ 3, 224, 224 ]
  }
]
output [
  {
    name: "fc6_1"
    data_type: TYPE_FP32
    dims: [ 1000 ]
    reshape { shape: [ 1000, 1, 1 ] }
    label_filename: "densenet_labels.txt"
  }
]
`,
  beside: { 'densenet_labels.txt': `${labels.join('\n')}\n` },
};

const tensorLines = (role: string, name: string, type: string) =>
  `${role} [ { name: "${name}" data_type: ${type} dims: [ 16 ] } ]`;

const simplePbtxt = (name: string, type: string, more = '') => `name: "${name}"
platform: "onnxruntime_onnx"
max_batch_size: 8
${['INPUT0', 'INPUT1'].map((each) => tensorLines('input', each, type)).join('\n')}
${['OUTPUT0', 'OUTPUT1'].map((each) => tensorLines('output', each, type)).join('\n')}
${more}`;

/** Tensors of `simple_int8`: sums and differences, computed in INT32. */
const int8 = writeOnnx({
  name: 'simple_int8',
  inputs: ['INPUT0', 'INPUT1'].map((name) => ({ name, datatype: 'INT8', shape: ['n', 16] })),
  outputs: ['OUTPUT0', 'OUTPUT1'].map((name) => ({ name, datatype: 'INT8', shape: ['n', 16] })),
  nodes: [
    ...['0', '1'].map((digit) => ({
      operator: 'Cast',
      inputs: [`INPUT${digit}`],
      outputs: [`wide${digit}`],
      attributes: { to: { int: 6 } },
    })),
    { operator: 'Add', inputs: ['wide0', 'wide1'], outputs: ['sum'] },
    { operator: 'Sub', inputs: ['wide0', 'wide1'], outputs: ['difference'] },
    { operator: 'Cast', inputs: ['sum'], outputs: ['OUTPUT0'], attributes: { to: { int: 3 } } },
    { operator: 'Cast', inputs: ['difference'], outputs: ['OUTPUT1'], attributes: { to: { int: 3 } } },
  ],
});

const inceptionOutput = 'InceptionV3/Predictions/Softmax';

/** Tensors of `inception_onnx`: images with the channels last, 1001 classes. */
const inception: ModelFiles = {
  versions: {
    1: writeOnnx({
      name: 'inception',
      inputs: [{ name: 'input', datatype: 'FP32', shape: ['batch', 299, 299, 3] }],
      outputs: [{ name: inceptionOutput, datatype: 'FP32', shape: ['batch', 1001] }],
      nodes: [
        {
          operator: 'ReduceMean',
          inputs: ['input'],
          outputs: ['pooled'],
          attributes: { axes: { ints: [1, 2] }, keepdims: { int: 0 } },
        },
        { operator: 'MatMul', inputs: ['pooled', 'weights'], outputs: ['logits'] },
        { operator: 'Softmax', inputs: ['logits'], outputs: [inceptionOutput], attributes: { axis: { int: 1 } } },
      ],
      weights: [
        { name: 'weights', shape: [3, 1001], data: Float32Array.from({ length: 3003 }, (_, i) => (i % 1001) / 1001) },
      ],
    }),
  },
  pbtxt: `name: "inception_onnx"
platform: "onnxruntime_onnx"
max_batch_size: 128
input [
  {
    name: "input"
    data_type: TYPE_FP32
    format: FORMAT_NHWC
    dims: [ 299, 299, 3 ]
  }
]
output [
  {
    name: "${inceptionOutput}"
    data_type: TYPE_FP32
    dims: [ 1001 ]
    label_filename: "inception_labels.txt"
  }
]
`,
  beside: { 'inception_labels.txt': ['DUMMY', ...labels].join('\n') },
};

const strings = writeOnnx({
  name: 'simple_string',
  inputs: ['INPUT0', 'INPUT1'].map((name) => ({ name, datatype: 'BYTES', shape: ['n', 16] })),
  outputs: ['OUTPUT0', 'OUTPUT1'].map((name) => ({ name, datatype: 'BYTES', shape: ['n', 16] })),
  nodes: ['0', '1'].map((digit) => ({ operator: 'Identity', inputs: [`INPUT${digit}`], outputs: [`OUTPUT${digit}`] })),
});

/** `x` FP32 [-1, 1] → `y` = x · factor, where the factor is an input with a default of 3. */
const overridable = writeOnnx({
  name: 'overridable',
  inputs: [
    { name: 'x', datatype: 'FP32', shape: ['batch', 1] },
    { name: 'factor', datatype: 'FP32', shape: [1] },
  ],
  outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 1] }],
  nodes: [{ operator: 'Mul', inputs: ['x', 'factor'], outputs: ['y'] }],
  weights: [{ name: 'factor', shape: [1], data: Float32Array.of(3) }],
});

const warmupOf = (file: string) => `max_batch_size: 8
model_warmup [ {
  name: "ids"
  batch_size: 2
  inputs { key: "ids" value: { data_type: TYPE_INT64 dims: [ 2 ] input_data_file: "${file}" } }
} ]`;

let started: TestServer;
before(async () => {
  started = await startModelServer({
    densenet_onnx: densenet,
    inception_onnx: inception,
    simple_int8: { versions: { 1: int8 }, pbtxt: simplePbtxt('simple_int8', 'TYPE_INT8') },
    simple: { versions: { 1: simple() }, pbtxt: simplePbtxt('simple', 'TYPE_INT32') },
    simple_string: { versions: { 1: strings }, pbtxt: simplePbtxt('simple_string', 'TYPE_STRING') },
    // Without a batch axis, whatever the file has.
    alone: { versions: { 1: simple() }, pbtxt: 'max_batch_size: 0 # never' },
    undecided: { versions: { 1: simple() }, pbtxt: 'backend: "onnxruntime"' },
    overruled: { versions: { 1: simple() }, pbtxt: 'max_batch_size: 0', config: 'batching: proven\nmaxRows: 4' },
    many: {
      versions: { 1: fixtures.multiplier(1), 2: fixtures.multiplier(2), 3: fixtures.multiplier(3) },
      pbtxt: `name: "many"
max_batch_size: 32
version_policy: { specific { versions: [1, 3] } }
dynamic_batching { preferred_batch_size: [ 4, 16 ] max_queue_delay_microseconds: 100 }
instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0 ] } ]
optimization { execution_accelerators { gpu_execution_accelerator : [ { name : "tensorrt" } ] } }
response_cache { enable: true }
parameters { key: "intra_op_thread_count" value: { string_value: "2" } }
parameters { key: "gpu_mem_limit" value: { string_value: "1" } }`,
    },
    named: {
      versions: {},
      pbtxt: 'default_model_filename: "net.onnx"',
      beside: { '1/net.onnx': fixtures.multiplier(5), '2/net.onnx': fixtures.multiplier(7) },
    },
    foldered: {
      versions: {},
      pbtxt: 'name: "foldered"',
      beside: { '1/model.onnx/model.onnx': fixtures.multiplier(6) },
    },
    warmed: {
      versions: { 1: fixtures.picky() },
      pbtxt: warmupOf('ids.bin'),
      beside: { 'warmup/ids.bin': new Uint8Array(BigInt64Array.of(5000n, 5002n).buffer) },
    },
    'warmed-short': {
      versions: { 1: fixtures.picky() },
      pbtxt: warmupOf('ids.bin'),
      beside: { 'warmup/ids.bin': 'short' },
    },
    'warmed-outside': { versions: { 1: fixtures.picky() }, pbtxt: warmupOf('../config.pbtxt') },
    default: {
      versions: { 1: overridable },
      pbtxt: `max_batch_size: 8
input [ { name: "x" dims: 1 }, { name: "factor" dims: 1 optional: true } ]`,
    },
    needed: { versions: { 1: simple() }, pbtxt: 'input { name: "INPUT1" optional: true }' },
    sequence: { versions: { 1: simple() }, pbtxt: 'name: "sequence"\nsequence_batching { direct {} }' },
    python: { versions: {}, pbtxt: 'name: "python"\nbackend: "python"', beside: { '1/model.py': 'pass' } },
    typed: { versions: { 1: simple() }, pbtxt: 'max_batchsize: 0' },
    misfit: { versions: { 1: simple() }, pbtxt: 'max_batch_size: 8\ninput { name: "INPUT0" dims: 17 }' },
    unlabelled: { versions: { 1: simple() }, pbtxt: '\noutput { name: "OUTPUT0" label_filename: "no.txt" }' },
  });
});
after(() => started[Symbol.asyncDispose]());

const modelOf = (name: string) => [...started.server.pod.models.ready()].find((model) => model.name === name)!;
const infer = (name: string, body: unknown) => post(`${started.origin}/v2/models/${name}/infer`, body);
const reasonOf = (name: string) => started.server.pod.models.status().find((model) => model.name === name)?.reason;

test('densenet_onnx takes images and gives scores by class, with the names of its classes', async () => {
  const { json } = await get(`${started.origin}/v2/models/densenet_onnx`);
  const { inputs, outputs } = json as {
    inputs: { shape: number[] }[];
    outputs: { shape: number[]; parameters: object }[];
  };
  assert.deepEqual(inputs[0]!.shape, [1, 3, 224, 224]);
  assert.deepEqual(outputs[0]!.shape, [1, 1000]);
  assert.deepEqual(outputs[0]!.parameters, { labels });
  const config = (await get(`${started.origin}/v2/models/densenet_onnx/config`)).json as Record<string, unknown>;
  assert.equal(config['max_batch_size'], 1);
  assert.deepEqual((config['input'] as { dims: unknown }[])[0]!.dims, [3, 224, 224]);
  const image = new Array<number>(3 * 224 * 224).fill(1);
  const answer = (await infer('densenet_onnx', floats('data_0', [1, 3, 224, 224], image))).json as {
    outputs: { shape: number[]; data: number[] }[];
  };
  assert.deepEqual(answer.outputs[0]!.shape, [1, 1000]);
  assert.ok(Math.abs(answer.outputs[0]!.data[999]! - (2997 + 2998 + 2999) / 3000) < 1e-3);
});

test('the highest classes are given by name where a request asks for them', async () => {
  const inputs = [
    { name: 'data_0', datatype: 'FP32', shape: [1, 3, 224, 224], data: new Array(3 * 224 * 224).fill(1) },
  ];
  const ask = async (classification: number) =>
    infer('densenet_onnx', { inputs, outputs: [{ name: 'fc6_1', parameters: { classification } }] });
  const { outputs } = (await ask(2)).json as { outputs: object[] };
  assert.deepEqual(outputs, [
    { name: 'fc6_1', datatype: 'BYTES', shape: [1, 2], data: ['2.998000:999:CLASS 999', '2.995000:998:CLASS 998'] },
  ]);
});

test('inception_onnx shares runs, and has the names of its classes', async () => {
  assert.equal(modelOf('inception_onnx').unbatchedReason, null);
  const { json } = await get(`${started.origin}/v2/models/inception_onnx`);
  const [output] = (json as { outputs: { shape: number[]; parameters: { labels: string[] } }[] }).outputs;
  assert.deepEqual(output!.shape, [-1, 1001]);
  assert.deepEqual(output!.parameters.labels, ['DUMMY', ...labels]);
});

test('simple, simple_int8 and simple_string share runs of at most 8 rows, and refuse more', async () => {
  for (const name of ['simple', 'simple_int8', 'simple_string']) {
    const { unbatchedReason, maxRows, maxRequestRows } = modelOf(name);
    assert.deepEqual(
      { unbatchedReason, maxRows, maxRequestRows },
      { unbatchedReason: null, maxRows: 8, maxRequestRows: 8 },
    );
  }
  const ints = (name: string, rows: number) => ({
    name,
    datatype: 'INT32',
    shape: [rows, 16],
    data: new Array(16 * rows).fill(2),
  });
  const good = await infer('simple', { inputs: [ints('INPUT0', 8), ints('INPUT1', 8)] });
  assert.equal(good.status, 200, good.text);
  const refused = await infer('simple', { inputs: [ints('INPUT0', 9), ints('INPUT1', 9)] });
  assert.equal(refused.status, 400);
});

test('max_batch_size 0 is never batched, and says so; without it the proof decides; config.yaml wins', () => {
  assert.equal(modelOf('alone').unbatchedReason, 'config.pbtxt says max_batch_size: 0');
  assert.equal(modelOf('alone').maxRows, 1);
  assert.equal(modelOf('undecided').unbatchedReason, null);
  assert.equal(modelOf('overruled').unbatchedReason, null);
  assert.equal(modelOf('overruled').maxRows, 4);
});

test('versions, caps and threads are those of the file', async () => {
  const served = started.server.pod.models.status().filter(({ name }) => name === 'many');
  assert.deepEqual(served.map(({ version }) => version).sort(), ['1', '3']);
  assert.equal(modelOf('many').maxRows, 16);
  assert.equal(modelOf('many').maxRequestRows, 32);
  const { json } = await infer('many', floats('x', [1, 1], [2]));
  assert.deepEqual((json as { outputs: { data: number[] }[] }).outputs[0]!.data, [6]);
});

test('each field that is not obeyed is named once, with its line', () => {
  const named = started.logged
    .filter(({ model, field }) => model === 'many' && field !== undefined)
    .map(({ field, line }) => `${String(line)} ${String(field)}`);
  assert.deepEqual(named, [
    '4 dynamic_batching.max_queue_delay_microseconds',
    '5 instance_group.gpus',
    '5 instance_group.count',
    '5 instance_group.kind',
    '6 optimization.execution_accelerators.gpu_execution_accelerator',
    '7 response_cache',
    '9 parameters.gpu_mem_limit',
  ]);
  const [first] = started.logged.filter(({ field }) => field === 'response_cache');
  assert.deepEqual([first!['msg'], first!['why']], ['a field of config.pbtxt is not obeyed', 'answers are not kept']);
  assert.deepEqual(
    started.logged.filter(({ model, field }) => model === 'simple' && field !== undefined),
    [],
  );
});

test('files of model_warmup are what the trial goes by where random inputs are refused', () => {
  assert.equal(modelOf('warmed').unbatchedReason, null);
  assert.equal(modelOf('warmed').warmup.at(-1)?.rows, 8);
  assert.match(
    reasonOf('warmed-short')!,
    /^config\.pbtxt: line 2, column 1: model_warmup input 'ids': .*unexpected size, 5 bytes/,
  );
  assert.match(
    reasonOf('warmed-outside')!,
    /input_data_file: must lie in the folder warmup, was: "\.\.\/config\.pbtxt"$/,
  );
});

test('optional inputs are told of for what they are', async () => {
  const told = started.logged
    .filter(({ field }) => String(field).startsWith('input.optional'))
    .map(({ model, line, why }) => `${String(model)} ${String(line)} ${String(why)}`);
  assert.deepEqual(told.sort(), [
    'default 2 its default of the ONNX file always counts, and requests can not send it',
    'needed 1 the ONNX file has no default for it, so requests need it',
  ]);
  const { json } = await infer('default', floats('x', [1, 1], [2]));
  assert.deepEqual((json as { outputs: { data: number[] }[] }).outputs[0]!.data, [6]);
});

test('the file of a version has the name that the config gives it, or lies in a folder', async () => {
  const answerOf = async (name: string) =>
    ((await infer(name, floats('x', [1, 1], [2]))).json as { outputs: { data: number[] }[] }).outputs[0]!.data;
  assert.deepEqual(await answerOf('named'), [14]);
  assert.deepEqual(started.server.pod.models.versionsOf('named'), ['2'], 'Triton serves the latest version by default');
  assert.deepEqual(await answerOf('foldered'), [12]);
});

test('what can not be served says why, with line and column, and stops no other model', () => {
  assert.match(reasonOf('sequence')!, /^config\.pbtxt: line 2, column 1: sequence_batching: models that keep state/);
  assert.match(
    reasonOf('python')!,
    /^config\.pbtxt: line 2, column 1: backend: only "onnxruntime" is served, was: "python"$/,
  );
  assert.match(
    reasonOf('typed')!,
    /^config\.pbtxt: line 1, column 1: 'max_batchsize' is no field of Triton's ModelConfig; did you mean 'max_batch_size'\?$/,
  );
  assert.match(
    reasonOf('misfit')!,
    /^config\.pbtxt: line 2, column 1: input 'INPUT0': dims \[17\] after a batch axis does not fit the shape \[-1, 16\] of the ONNX file$/,
  );
  assert.match(
    reasonOf('unlabelled')!,
    /^config\.pbtxt: line 2, column 1: output 'OUTPUT0': label_filename: "no\.txt" can't be read \(ENOENT\)$/,
  );
});
