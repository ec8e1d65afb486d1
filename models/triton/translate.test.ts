import assert from 'node:assert/strict';
import test from 'node:test';
import type { FileSignature } from '../repository/signature.ts';
import { clientTensors } from './client-tensors.ts';
import { readConfigPbtxt } from './config-pbtxt.ts';
import { translate, type TritonConfig } from './translate.ts';

function translated(pbtxt: string): TritonConfig {
  const { config, unobeyed } = readConfigPbtxt(pbtxt);
  return translate(config, unobeyed, 'm');
}

const parameter = (key: string, value: string) => `parameters { key: "${key}" value: { string_value: "${value}" } }\n`;

const settings: readonly (readonly [pbtxt: string, settings: object])[] = [
  ['version_policy: { all { } }', { versionPolicy: 'all' }],
  ['version_policy: { latest { num_versions: 3 } }', { versionPolicy: { latest: 3 } }],
  ['version_policy: { specific { versions: [1, 3] } }', { versionPolicy: { specific: [1, 3] } }],
  ['max_batch_size: 8', { maxRows: 8, maxRequestRows: 8 }],
  ['max_batch_size: 8 dynamic_batching { preferred_batch_size: [2, 4] }', { maxRows: 4, maxRequestRows: 8 }],
  ['dynamic_batching { preferred_batch_size: 4 }', { maxRows: 4 }],
  ['max_batch_size: 0', { batching: 'never' }],
  ['default_model_filename: "net.ort"', { modelFile: 'net.ort' }],
  ['optimization { graph: { level: -1 } }', { runtime: { graphOptimization: 'basic' } }],
  ['optimization { graph { level: 2 } }', { runtime: { graphOptimization: 'disabled' } }],
  ['optimization { graph { level: 0 } }', {}],
  [parameter('intra_op_thread_count', '4'), { threads: 4 }],
  [parameter('inter_op_thread_count', '2'), { runtime: { interOpThreads: 2 } }],
  [parameter('execution_mode', '1'), { runtime: { executionMode: 'parallel' } }],
  [parameter('enable_mem_arena', '0'), { runtime: { memoryArena: false } }],
  [parameter('enable_mem_pattern', '0'), { runtime: { memoryPattern: false } }],
];

test('each obeyed field is a setting', () => {
  for (const [pbtxt, expected] of settings) {
    const { settings: found, unobeyed } = translated(pbtxt);
    assert.deepEqual(found, { versionPolicy: { latest: 1 }, ...expected }, pbtxt);
    assert.deepEqual(unobeyed, [], pbtxt);
  }
});

const unobeyedFields: readonly (readonly [pbtxt: string, field: string])[] = [
  ['dynamic_batching { max_queue_delay_microseconds: 1 }', 'dynamic_batching.max_queue_delay_microseconds'],
  ['dynamic_batching { preserve_ordering: true }', 'dynamic_batching.preserve_ordering'],
  ['dynamic_batching { priority_levels: 2 }', 'dynamic_batching.priority_levels'],
  ['dynamic_batching { default_priority_level: 1 }', 'dynamic_batching.default_priority_level'],
  [
    'dynamic_batching { default_queue_policy { max_queue_size: 2 } }',
    'dynamic_batching.default_queue_policy.max_queue_size',
  ],
  [
    'dynamic_batching { priority_queue_policy { key: 1 value { max_queue_size: 2 } } }',
    'dynamic_batching.priority_queue_policy',
  ],
  ['instance_group { count: 2 }', 'instance_group.count'],
  ['instance_group { kind: KIND_GPU }', 'instance_group.kind'],
  ['instance_group { gpus: [0, 1] }', 'instance_group.gpus'],
  ['instance_group { rate_limiter { priority: 2 } }', 'instance_group.rate_limiter'],
  ['optimization { cuda { graphs: true } }', 'optimization.cuda'],
  ['optimization { eager_batching: true }', 'optimization.eager_batching'],
  ['input { name: "x" allow_ragged_batch: true }', 'input.allow_ragged_batch'],
  ['metric_tags { key: "a" value: "b" }', 'metric_tags'],
  ['response_cache { enable: true }', 'response_cache'],
  [parameter('gpu_mem_limit', '1'), 'parameters.gpu_mem_limit'],
  [parameter('intra_op_thread_count', '0'), 'parameters.intra_op_thread_count'],
];

test('each field that is not obeyed is named with its line', () => {
  for (const [pbtxt, field] of unobeyedFields) {
    const { unobeyed } = translated(`\n${pbtxt}`);
    assert.deepEqual(
      unobeyed.map(({ line, field: name }) => `${line} ${name}`),
      [`2 ${field}`],
    );
  }
});

const refusals: readonly (readonly [pbtxt: string, message: string])[] = [
  ['name: "other"', `line 1, column 1: name: is not the name of the folder 'm', was: "other"`],
  ['platform: "custom"', 'line 1, column 1: platform: only "onnxruntime_onnx" is served, was: "custom"'],
  ['\n backend: "python"', 'line 2, column 2: backend: only "onnxruntime" is served, was: "python"'],
  ['max_batch_size: many', 'line 1, column 17: must be a whole number from 0 to 2147483647, was: many'],
  ['max_batch_size: 1\nmax_batch_size: 2', `line 2, column 1: 'max_batch_size' comes twice`],
  ['inputs { name: "x" }', `line 1, column 1: 'inputs' is no field of Triton's ModelConfig; did you mean 'input'?`],
  [
    'max_batch_size: 4 dynamic_batching { preferred_batch_size: 8 }',
    'line 1, column 38: dynamic_batching.preferred_batch_size: is more than max_batch_size, 4, was: 8',
  ],
  [
    'input { name: "x" data_type: TYPE_BF16 }',
    'line 1, column 30: must be a datatype that JSON and binary tensors have, was: TYPE_BF16',
  ],
  ['input { dims: [ 0 ] }', 'line 1, column 1: input: has no name'],
  ['input { name: "x" dims: [ 0 ] }', `line 1, column 19: input 'x': dims must be -1 or from 1, was: 0`],
  [
    'output { name: "y" dims: [ 4 ] reshape { shape: [ 3 ] } }',
    `line 1, column 32: output 'y': reshape [3] does not hold the elements of dims [4]`,
  ],
  [
    'default_model_filename: "net.plan"',
    'line 1, column 1: default_model_filename: must be a name that ends in .onnx or .ort, was: "net.plan"',
  ],
  [parameter('execution_mode', '2'), 'line 1, column 1: parameters.execution_mode: must be "0" or "1", was: "2"'],
  [
    parameter('intra_op_thread_count', '-1'),
    'line 1, column 1: parameters.intra_op_thread_count: must be "0" to "256", was: "-1"',
  ],
  [
    'model_transaction_policy { decoupled: True }',
    'line 1, column 28: model_transaction_policy.decoupled: a request has one answer here',
  ],
  ['version_policy { all {} latest {} }', 'line 1, column 1: version_policy: takes one of latest, all and specific'],
];

test('what can not be served is told with its place and value', () => {
  for (const [pbtxt, message] of refusals) assert.throws(() => translated(pbtxt), { message });
  assert.throws(
    () => translated('ensemble_scheduling { }'),
    /^TextFormatError: line 1, column 1: ensemble_scheduling: ensembles are not/,
  );
  assert.throws(
    () => translated('model_operations { op_library_filename: ["lib.so"] }'),
    /op_library_filename: libraries of custom operators can't be loaded/,
  );
});

const file: FileSignature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2, 3], axisNames: ['n', null, null] }],
  outputs: [
    { name: 'y', datatype: 'FP32', shape: [-1, 6, 1], axisNames: ['n', null, null] },
    { name: 'z', datatype: 'FP32', shape: [-1, -1], axisNames: ['n', null] },
  ],
};
const batched = (tensors: FileSignature['inputs']) =>
  tensors.map(({ name, datatype, shape }) => ({ name, datatype, shape, batchAxis: 0 }));
const signature = { inputs: batched(file.inputs), outputs: batched(file.outputs) };
const tensor = (shape: readonly number[]) => ({ datatype: 'FP32' as const, shape, data: new Float32Array(0) });

test('clients see dims, and the model its own shapes', () => {
  const pbtxt = `max_batch_size: 4
    input { name: "x" data_type: TYPE_FP32 dims: [ 6 ] reshape { shape: [ 2, -1 ] } }`;
  assert.throws(() => translated(pbtxt), /reshape \[2, -1\] does not hold the elements of dims \[6\]/);
  const client = clientTensors(
    translated(`max_batch_size: 4
      input { name: "x" data_type: TYPE_FP32 dims: [ 6 ] reshape { shape: [ 2, 3 ] } }
      output { name: "z" dims: [ 5 ] }
      output { name: "y" dims: [ -1 ] reshape { shape: [ -1, 1 ] } }`),
    file,
  )!;
  assert.deepEqual(client.surface(signature), {
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 6], batchAxis: 0 }],
    outputs: [
      { name: 'z', datatype: 'FP32', shape: [-1, 5], batchAxis: 0 },
      { name: 'y', datatype: 'FP32', shape: [-1, -1], batchAxis: 0 },
    ],
  });
  assert.deepEqual(client.toModel(new Map([['x', tensor([7, 6])]])).get('x')?.shape, [7, 2, 3]);
  assert.deepEqual(client.toClient(new Map([['y', tensor([7, 6, 1])]])).get('y')?.shape, [7, 6]);
});

test('without rows a shape that varies is not made up', () => {
  const client = clientTensors(
    translated('max_batch_size: 4 output { name: "y" dims: [ -1 ] reshape { shape: [ -1, 1 ] } }'),
    file,
  )!;
  assert.deepEqual(client.toClient(new Map([['y', tensor([0, 6, 1])]])).get('y')?.shape, [0, 6]);
});

test('what the file contradicts is told', () => {
  const problems = [
    ['input { name: "w" }', /line 1, column 1: input 'w': the ONNX file has no such input, only 'x'$/],
    ['input { name: "x" data_type: TYPE_INT32 }', /data_type is INT32, and FP32 in the ONNX file$/],
    ['input { name: "x" dims: [ 2, 3 ] }', /dims \[2, 3\] does not fit the shape \[-1, 2, 3\] of the ONNX file$/],
    ['max_batch_size: 2 output { name: "y" dims: [ 7 ] }', /dims \[7\] after a batch axis does not fit/],
  ] as const;
  for (const [pbtxt, message] of problems) assert.throws(() => clientTensors(translated(pbtxt), file), { message });
});
