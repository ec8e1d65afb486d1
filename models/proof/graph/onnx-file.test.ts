import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { longForm } from '../../../test/support/long-form.ts';
import { unbatchable, usedColumns } from '../../author/fixtures.ts';
import { writeOnnx } from '../../author/onnx-writer.ts';
import { bytes, integer, join, message, text, type Encoded } from '../../author/protobuf.ts';
import { bytesOf } from './bytes.ts';
import { readOnnx, readOnnxFile, type OnnxFile } from './onnx-file.ts';
import { OnnxReadError } from './protobuf.ts';
import { walk } from './walk.ts';

const read = (file: Uint8Array): OnnxFile => readOnnx(bytesOf(file));

test('nodes, attributes, constants, inputs and outputs are read', () => {
  const { graph, opset } = read(usedColumns());
  assert.equal(opset, 17);
  assert.deepEqual([graph.inputs, graph.outputs], [['x'], ['y']]);
  assert.deepEqual(
    graph.nodes.map(({ operator, inputs, outputs }) => [operator, inputs, outputs]),
    [
      ['ReduceSum', ['x', 'axes'], ['sums']],
      ['Cast', ['sums'], ['used']],
      ['Compress', ['x', 'used'], ['y']],
    ],
  );
  assert.equal(graph.nodes[2]!.attributes.get('axis')?.int, 1);
  assert.deepEqual(graph.constants.get('axes'), { shape: [1], values: [0] });
});

test('a negative axis, and weights that are too many to be kept', () => {
  const { graph } = read(
    writeOnnx({
      name: 'g',
      inputs: [],
      outputs: [],
      nodes: [{ operator: 'X', inputs: [], outputs: [], attributes: { axes: { ints: [-1, -(2 ** 40)] } } }],
      weights: [{ name: 'w', shape: [100, 100], data: new Float32Array(10_000) }],
    }),
  );
  assert.deepEqual(graph.nodes[0]!.attributes.get('axes')!.ints, [-1, -(2 ** 40)]);
  assert.deepEqual(graph.constants.get('w'), { shape: [100, 100], values: null });
});

/** A file of a graph with these fields. */
const fileOf = (...graph: Encoded[]): Uint8Array => join([message(7, graph)]);
const external = (location: string): Encoded =>
  message(5, [text(8, location), message(13, [text(1, 'location'), text(2, location)]), integer(14, 1)]);

test('files with further weights are named, those of constants within a subgraph too', () => {
  const body = message(6, [external('inner.bin')]);
  const node = message(1, [text(4, 'If'), message(5, [text(1, 'then_branch'), body])]);
  assert.deepEqual(read(fileOf(external('outer.bin'), node)).externalFiles, ['outer.bin', 'inner.bin']);
});

test('the numbers of a tree ensemble are passed over, and its name is kept', () => {
  const floats = Array.from({ length: 1_000 }, () => Buffer.from([7 * 8 + 5, 0, 0, 128, 63]));
  const node = message(1, [
    text(4, 'TreeEnsembleRegressor'),
    message(5, [text(1, 'nodes_values'), ...floats.map((float) => [float])]),
    message(5, [text(1, 'n_targets'), integer(3, 2)]),
  ]);
  const [read1] = read(fileOf(node)).graph.nodes;
  assert.deepEqual([...read1!.attributes.keys()], ['nodes_values', 'n_targets']);
  assert.equal(read1!.attributes.get('nodes_values')!.ints, null);
});

test('weights of a large file are not read into memory', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-onnx-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'model.onnx');
  const weights = message(5, [text(8, 'w'), bytes(9, new Uint8Array(64 * 1024 * 1024))]);
  const node = message(1, [text(2, 'y'), text(4, 'Relu')]);
  await writeFile(file, fileOf(weights, node));
  const before = process.memoryUsage().arrayBuffers;
  assert.equal(readOnnxFile(file).graph.nodes[0]!.operator, 'Relu');
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
});

/** Graphs within graphs. */
function nested(depth: number): Encoded[] {
  let graph: Encoded[] = [];
  for (let level = 0; level < depth; level += 1) {
    graph = [message(1, [text(4, 'If'), message(5, [text(1, 'then_branch'), message(6, graph)])])];
  }
  return graph;
}

test('what is no ONNX file, or a bottomless one, is refused by the error of this reader', () => {
  for (const [what, file, reason] of [
    ['nothing', new Uint8Array(0), /no graph/],
    ['text', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /./],
    ['a cut file', unbatchable().subarray(0, 60), /cut off/],
    ['graphs without end', fileOf(...nested(40)), /nested/],
    ['a length beyond the file', Buffer.from([7 * 8 + 2, 0xff, 0xff, 0xff, 0xff, 0x7f]), /cut off/],
    ['a number without end', Buffer.alloc(40, 0xff), /does not end/],
    ['a name of 100 kB', fileOf(message(1, [text(4, 'x'.repeat(100_000))])), /too much text/],
  ] as const) {
    assert.throws(
      () => read(file),
      (error) => error instanceof OnnxReadError && reason.test(error.message),
      what,
    );
  }
});

test('functions that call functions are not followed for ever', () => {
  const caller = (name: string, callee: string): Encoded =>
    message(25, [
      text(1, name),
      text(10, 'f'),
      ...Array.from({ length: 4 }, () => message(7, [text(4, callee), text(7, 'f')])),
    ]);
  const wide = Array.from({ length: 14 }, (_, index) => caller(`f${index}`, `f${index + 1}`));
  const call = message(7, [message(1, [text(4, 'f0'), text(7, 'f')])]);
  assert.throws(() => walk(read(join([call, ...wide])), []), OnnxReadError);
  const itself = join([message(7, [message(1, [text(4, 'g'), text(7, 'f')])]), caller('g', 'g')]);
  assert.throws(() => walk(read(itself), []), OnnxReadError);
});

const sound = [unbatchable(), usedColumns(), fileOf(...nested(5), external('a'))];
const runs = { numRuns: longForm ? 20_000 : 400 };

test('whatever the bytes, they are read or refused by the error of this reader', () => {
  const mutated = fc
    .record({
      file: fc.constantFrom(...sound),
      changes: fc.array(fc.record({ at: fc.nat(2_000), byte: fc.nat(255) }), { minLength: 1, maxLength: 8 }),
      cut: fc.option(fc.nat(2_000)),
    })
    .map(({ file, changes, cut }) => {
      const copy = Uint8Array.from(cut === null ? file : file.subarray(0, cut));
      for (const { at, byte } of changes) if (copy.length > 0) copy[at % copy.length] = byte;
      return copy;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), (file) => {
      try {
        walk(read(file), [{ name: 'x', datatype: 'FP32', shape: [-1, 3], batchAxis: 0 }]);
      } catch (error) {
        assert.ok(error instanceof OnnxReadError, String((error as Error).stack));
      }
    }),
    runs,
  );
});
