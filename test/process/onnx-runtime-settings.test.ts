/** Settings of ONNX Runtime by model, on real sessions: what each does, and what is said where one can't be obeyed. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import test, { after, before, type TestContext } from 'node:test';
import * as fixtures from '../../models/author/fixtures.ts';
import { writeOnnx } from '../../models/author/onnx-writer.ts';
import { bytes, integer, join, message, text } from '../../models/author/protobuf.ts';
import { SessionHost } from '../../models/session/session-host.ts';
import type { LoadOptions } from '../../models/session/session-protocol.ts';
import { floats, post, startModelServer, writeRepository, type TestServer } from '../../models/testing/model-server.ts';

/** `x` FP32 [-1, 2] → `y` = 2·(x + 1) + 0 by nodes that ONNX Runtime makes fewer of: constants are folded, identities left out. */
const foldable = writeOnnx({
  name: 'foldable',
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['n', 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: ['n', 2] }],
  nodes: [
    { operator: 'Add', inputs: ['one', 'zero'], outputs: ['sum'] },
    { operator: 'Add', inputs: ['x', 'sum'], outputs: ['shifted'] },
    { operator: 'Identity', inputs: ['shifted'], outputs: ['same'] },
    { operator: 'Add', inputs: ['same', 'same'], outputs: ['y'] },
  ],
  weights: [
    { name: 'one', shape: [1], data: Float32Array.of(1) },
    { name: 'zero', shape: [1], data: Float32Array.of(0) },
  ],
});

/** `x` FP32 [-1, 1] → `y` = x · factor, with the factor in a file beside the model. */
function withExternalData(location: string): Uint8Array {
  const entry = (key: string, value: string) => message(13, [text(1, key), text(2, value)]);
  const factor = message(5, [
    integer(1, 1),
    integer(2, 1),
    text(8, 'factor'),
    entry('location', location),
    integer(14, 1),
  ]);
  const value = (field: number, name: string) => {
    const axes = message(2, [message(1, [text(2, 'n')]), message(1, [integer(1, 1)])]);
    return message(field, [text(1, name), message(2, [message(1, [integer(1, 1), axes])])]);
  };
  const node = message(1, [text(1, 'x'), text(1, 'factor'), text(2, 'y'), text(4, 'Mul')]);
  const graph = message(7, [node, bytes(2, Buffer.from('g')), factor, value(11, 'x'), value(12, 'y')]);
  return join([integer(1, 8), graph, message(8, [text(1, ''), integer(2, 17)])]);
}

const runtime = (settings: string) => ({ versions: { 1: fixtures.multiplier(3) }, config: `runtime: ${settings}` });
const optimized = (settings: string) => ({
  versions: { 1: foldable },
  config: `runtime: { optimizedModelFolder: out, ${settings} }`,
});

let started: TestServer;
before(async () => {
  started = await startModelServer({
    everything: {
      versions: { 1: fixtures.multiplier(3) },
      config: `threads: 2
runtime:
  interOpThreads: 2
  executionMode: parallel
  graphOptimization: extended
  memoryArena: false
  memoryPattern: false
  sessionConfig: { session.intra_op.allow_spinning: '1' }
  executionProviders: [{ name: cpu, useArena: false }]
`,
    },
    external: {
      versions: { 1: withExternalData('weights.bin') },
      beside: { '1/weights.bin': new Uint8Array(Float32Array.of(9).buffer) },
    },
    fixed: {
      versions: { 1: fixtures.variableLength() },
      config: 'runtime: { freeDimensions: { length: 3 } }',
    },
    'fixed-external': {
      versions: { 1: withExternalData('weights.bin') },
      config: 'runtime: { freeDimensions: { n: 2 } }',
      beside: { '1/weights.bin': new Uint8Array(Float32Array.of(9).buffer) },
    },
    unnamed: { versions: { 1: fixtures.variableLength() }, config: 'runtime: { freeDimensions: { width: 3 } }' },
    zero: { versions: { 1: fixtures.variableLength() }, config: 'runtime: { freeDimensions: { length: 0 } }' },
    all: optimized('graphOptimization: basic'),
    none: optimized('graphOptimization: disabled'),
    ort: optimized('graphOptimization: basic, sessionConfig: { session.save_model_format: ORT }'),
    openvino: runtime('{ executionProviders: [openvino, cpu] }'),
    cuda: runtime('{ executionProviders: [{ name: cuda, deviceId: 1 }] }'),
    level: runtime('{ graphOptimization: most }'),
    mode: runtime('{ executionMode: both }'),
    entry: runtime('{ sessionConfig: { spinning: "1" } }'),
    number: runtime('{ sessionConfig: { session.intra_op.allow_spinning: 1 } }'),
    threads: runtime('{ interOpThreads: 0 }'),
    file: { versions: { 1: fixtures.multiplier(3) }, config: 'modelFile: ../model.onnx' },
    folder: {
      versions: { 1: fixtures.multiplier(3) },
      config: 'runtime: { optimizedModelFolder: taken }',
      beside: { taken: 'a file' },
    },
  });
});
after(() => started[Symbol.asyncDispose]());

const stateOf = (name: string) => started.server.pod.models.status().find((model) => model.name === name);
const answerOf = async (origin: string, name: string, x: number[]) => {
  const { json, text: body } = await post(`${origin}/v2/models/${name}/infer`, floats('x', [1, x.length], x));
  const { outputs } = json as { outputs?: { data: number[] }[] };
  assert.ok(outputs !== undefined, body);
  return outputs[0]!.data;
};

test('a model serves with all settings at once', async () => {
  assert.equal(stateOf('everything')?.ready, true, stateOf('everything')?.reason);
  assert.deepEqual(await answerOf(started.origin, 'everything', [2]), [6]);
});

test('weights in a file of their own are found', async () => {
  assert.deepEqual(await answerOf(started.origin, 'external', [2]), [18]);
});

test('an axis that a person fixes has one length, and the others vary as before', async () => {
  const [model] = [...started.server.pod.models.ready()].filter(({ name }) => name === 'fixed');
  assert.deepEqual(model?.signature.inputs[0]?.shape, [-1, 3], stateOf('fixed')?.reason);
  assert.equal(model.unbatchedReason, null);
  assert.deepEqual(await answerOf(started.origin, 'fixed', [1, 2, 3]), [6]);
  const longer = await post(`${started.origin}/v2/models/fixed/infer`, floats('x', [1, 4], [1, 2, 3, 4]));
  assert.equal(longer.status, 400);
});

test('a fixed axis leaves the weights beside the file where they are', async () => {
  const answer = await post(`${started.origin}/v2/models/fixed-external/infer`, floats('x', [2, 1], [1, 2]));
  assert.deepEqual((answer.json as { outputs: { shape: number[]; data: number[] }[] }).outputs[0], {
    name: 'y',
    datatype: 'FP32',
    shape: [2, 1],
    data: [9, 18],
  });
});

const fileOf = (...names: string[]) => path.join(started.repository, ...names);

test('the optimised graph is written as the level has it, and nothing else beside it', async () => {
  assert.deepEqual(await readdir(fileOf('all', 'out')), ['1.onnx']);
  const [all, none] = await Promise.all(
    ['all', 'none'].map((name) => readFile(fileOf(name, 'out', '1.onnx'), 'latin1')),
  );
  assert.ok(none!.includes('Identity') && !all!.includes('Identity'), 'basic optimisation leaves identities out');
  for (const name of ['all', 'none']) assert.deepEqual(await answerOf(started.origin, name, [1, 2]), [4, 6]);
});

test('a saved optimised model is served, an .ort file too', async (t) => {
  const repository = await writeRepository({
    onnx: { versions: {}, beside: { '1/model.onnx': await readFile(fileOf('all', 'out', '1.onnx')) } },
    ort: { versions: {}, beside: { '1/model.ort': await readFile(fileOf('ort', 'out', '1.ort')) } },
    named: {
      versions: { 1: fixtures.multiplier(3) },
      config: 'modelFile: small.ort',
      beside: { '1/small.ort': await readFile(fileOf('ort', 'out', '1.ort')) },
    },
  });
  t.after(() => rm(repository, { recursive: true }));
  await using second = await startModelServer({}, { repository });
  for (const name of ['onnx', 'ort', 'named']) assert.deepEqual(await answerOf(second.origin, name, [1, 2]), [4, 6]);
  const ort = [...second.server.pod.models.ready()].find(({ name }) => name === 'ort');
  assert.equal(ort?.unbatchedReason, null, 'the trial needs no graph to read');
});

const problems: readonly (readonly [model: string, reason: RegExp])[] = [
  [
    'openvino',
    /\/runtime\/executionProviders: 'openvino' is not in this build of ONNX Runtime; it has cpu\b.*, and with further libraries cuda/,
  ],
  ['cuda', /\/runtime\/executionProviders: .*Failed to load shared library.*; it has cpu\b/],
  ['level', /\/runtime\/graphOptimization: must be one of disabled, basic, extended, layout, all, was: "most"/],
  ['mode', /\/runtime\/executionMode: must be one of sequential, parallel, was: "both"/],
  ['entry', /\/runtime\/sessionConfig\/spinning: is not a field/],
  ['number', /\/runtime\/sessionConfig\/session\.intra_op\.allow_spinning: must be string, was: 1/],
  ['threads', /\/runtime\/interOpThreads: must be >= 1, was: 0/],
  ['unnamed', /\/runtime\/freeDimensions\/width: no axis of an input has this name, only 'batch', 'length'/],
  ['zero', /\/runtime\/freeDimensions\/length: must be >= 1, was: 0/],
  ['file', /\/modelFile: must be the name of a file that ends in \.onnx or \.ort, was: "\.\.\/model\.onnx"/],
  ['folder', /\/runtime\/optimizedModelFolder: .*taken can't be written \((EEXIST|ENOTDIR)\)/],
];

test('what can not be obeyed is said by field and value, and stops no other model', () => {
  for (const [name, reason] of problems) assert.match(stateOf(name)?.reason ?? '', reason, name);
});

/** Threads of this process that ONNX Runtime has started for sessions with these options. */
async function threadsOf(t: TestContext, options: Partial<LoadOptions>): Promise<number> {
  const repository = await writeRepository({ m: { versions: { 1: fixtures.multiplier(3) } } });
  const count = async () => (await readdir('/proc/self/task')).length;
  const fail = (): never => assert.fail('the thread is lost');
  const host = new SessionHost({ runLimitMs: 60_000, onStuck: fail, onLost: fail });
  t.after(async () => {
    await host.close();
    await rm(repository, { recursive: true });
  });
  const file = path.join(repository, 'm', '1', 'model.onnx');
  const plain = { threads: 1, delayRunMs: 0, delayRowMs: 0 };
  await host.load(file, plain);
  const before = await count();
  await host.load(file, { ...plain, ...options });
  return (await count()) - before;
}

test('threads are started as many as asked', { skip: process.platform !== 'linux' }, async (t) => {
  assert.equal(await threadsOf(t, {}), 0);
  assert.equal(await threadsOf(t, { threads: 4 }), 3);
  const parallel = { runtime: { executionMode: 'parallel', interOpThreads: 3 } } as const;
  assert.equal(await threadsOf(t, parallel), 2, 'branches of the graph have threads of their own');
});
