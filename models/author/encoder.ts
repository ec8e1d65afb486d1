/**
 * `encoder`: a small text classifier with attention, whose rows are token ids of any number, with random weights. A row of 512
 * tokens takes about 60 times as long as one of 8. For tests and the bench; it does not come with Sluice.
 */
import { writeOnnx, type Node, type Weights } from './onnx-writer.ts';
import { weightNumbers } from './weight-numbers.ts';

const vocabulary = 1_000;
const width = 64;
const inner = 256;
const layers = 2;
const labels = 4;

/** `ids` INT64 [-1, -1] → `scores` FP32 [-1, 4]. */
export function build(): Uint8Array {
  const random = weightNumbers(1);
  const weights: Weights[] = [];
  const matrix = (name: string, rows: number, columns: number): string => {
    const data = Float32Array.from({ length: rows * columns }, () => (random() - 0.5) / Math.sqrt(rows));
    weights.push({ name, shape: [rows, columns], data });
    return name;
  };
  const nodes: Node[] = [
    { operator: 'Gather', inputs: [matrix('embedding', vocabulary, width), 'ids'], outputs: ['x0'] },
  ];
  weights.push({ name: 'scale', shape: [1], data: Float32Array.of(1 / Math.sqrt(width)) });
  for (let layer = 0; layer < layers; layer += 1) {
    const at = (name: string): string => `${name}${layer}`;
    const project = (input: string, name: string, from: number, to: number): Node => ({
      operator: 'MatMul',
      inputs: [input, matrix(at(`w_${name}`), from, to)],
      outputs: [at(name)],
    });
    nodes.push(
      project(at('x'), 'query', width, width),
      project(at('x'), 'key', width, width),
      project(at('x'), 'value', width, width),
      { operator: 'Transpose', inputs: [at('key')], outputs: [at('keys')], attributes: { perm: { ints: [0, 2, 1] } } },
      { operator: 'MatMul', inputs: [at('query'), at('keys')], outputs: [at('pairs')] },
      { operator: 'Mul', inputs: [at('pairs'), 'scale'], outputs: [at('scaled')] },
      { operator: 'Softmax', inputs: [at('scaled')], outputs: [at('weights')], attributes: { axis: { int: 2 } } },
      { operator: 'MatMul', inputs: [at('weights'), at('value')], outputs: [at('attended')] },
      { operator: 'Add', inputs: [at('x'), at('attended')], outputs: [at('middle')] },
      project(at('middle'), 'wide', width, inner),
      { operator: 'Relu', inputs: [at('wide')], outputs: [at('active')] },
      project(at('active'), 'narrow', inner, width),
      { operator: 'Add', inputs: [at('middle'), at('narrow')], outputs: [`x${layer + 1}`] },
    );
  }
  nodes.push(
    {
      operator: 'ReduceMean',
      inputs: [`x${layers}`],
      outputs: ['pooled'],
      attributes: { axes: { ints: [1] }, keepdims: { int: 0 } },
    },
    { operator: 'MatMul', inputs: ['pooled', matrix('w_scores', width, labels)], outputs: ['scores'] },
  );
  return writeOnnx({
    name: 'encoder',
    inputs: [{ name: 'ids', datatype: 'INT64', shape: ['batch', 'tokens'] }],
    outputs: [{ name: 'scores', datatype: 'FP32', shape: ['batch', labels] }],
    nodes,
    weights,
  });
}
