import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { writeOnnx, type OnnxModel } from '../author/onnx-writer.ts';
import { readOnnxFile } from '../proof/graph/onnx-file.ts';
import { mapsAsTensors } from './map-outputs.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-maps-'));
after(() => rmSync(folder, { recursive: true }));

const file = path.join(folder, 'model.onnx');

function written(bytes: Uint8Array): string {
  writeFileSync(file, bytes);
  return file;
}

const classifier: OnnxModel = {
  name: 'classifier',
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['n', 3] }],
  outputs: [
    { name: 'label', datatype: 'INT64', shape: ['n'] },
    { name: 'probability', datatype: 'FP32', shape: [] },
  ],
  nodes: [
    { operator: 'ArgMax', inputs: ['x'], outputs: ['label'], attributes: { axis: { int: 1 } } },
    { operator: 'Softmax', inputs: ['x'], outputs: ['tensor'] },
    {
      operator: 'ZipMap',
      inputs: ['tensor'],
      outputs: ['probability'],
      attributes: { classlabels_int64s: { ints: [-1, 0, 7] } },
    },
  ],
  metadata: { behind: 'the graph' },
};

test('a map of probabilities becomes a tensor under the same name, and the rest stays as it was', () => {
  const rewritten = mapsAsTensors(written(writeOnnx(classifier)));
  assert.deepEqual(rewritten?.labels, new Map([['probability', ['-1', '0', '7']]]));
  const { graph } = readOnnxFile(written(rewritten.bytes));
  assert.deepEqual(
    graph.nodes.map(({ operator, inputs, outputs }) => ({ operator, inputs, outputs })),
    [
      { operator: 'ArgMax', inputs: ['x'], outputs: ['label'] },
      { operator: 'Softmax', inputs: ['x'], outputs: ['tensor'] },
      { operator: 'Identity', inputs: ['tensor'], outputs: ['probability'] },
    ],
  );
  assert.deepEqual(graph.outputs, ['label', 'probability']);
  const expected = {
    ...classifier,
    outputs: [classifier.outputs[0]!, { name: 'probability', datatype: 'FP32', shape: ['', 3] }],
    nodes: [...classifier.nodes.slice(0, 2), { operator: 'Identity', inputs: ['tensor'], outputs: ['probability'] }],
  } as const;
  assert.deepEqual(Buffer.from(rewritten.bytes), Buffer.from(writeOnnx(expected)));
});

test('a file without maps is loaded as it is', () => {
  const plain = { ...classifier, nodes: classifier.nodes.slice(0, 2), outputs: classifier.outputs.slice(0, 1) };
  assert.equal(mapsAsTensors(written(writeOnnx(plain))), null);
  assert.equal(mapsAsTensors(path.join(folder, 'missing.onnx')), null);
});

test('a map that is no output of the model is left to ONNX Runtime', () => {
  const inner = { ...classifier, outputs: classifier.outputs.slice(0, 1) };
  assert.equal(mapsAsTensors(written(writeOnnx(inner))), null);
});

test('any bytes are rewritten or left, and never an error here', () => {
  const bytes = writeOnnx(classifier);
  const edits = fc.array(fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) }), { maxLength: 4 });
  fc.assert(
    fc.property(edits, fc.integer({ min: 0, max: bytes.length }), (changes, length) => {
      const broken = Uint8Array.from(bytes);
      for (const { at, byte } of changes) broken[at] = byte;
      mapsAsTensors(written(broken.subarray(0, length)));
    }),
    { numRuns: 500 },
  );
});
