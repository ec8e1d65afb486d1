/** Multilayer perceptrons with seeded weights: Gemm and Relu in turn, ending with a Gemm. */
import { writeOnnx, type Node, type Weights } from './onnx-writer.ts';
import { weightNumbers } from './weight-numbers.ts';

/** @param widths widths of all layers from input to output: [784, 512, 10] makes two Gemms */
export function buildPerceptron(name: string, widths: readonly number[], seed: number): Uint8Array {
  const random = weightNumbers(seed);
  const nodes: Node[] = [];
  const weights: Weights[] = [];
  const last = widths.length - 2;
  let from = 'input';
  for (let layer = 0; layer <= last; layer++) {
    const [fanIn, fanOut] = [widths[layer]!, widths[layer + 1]!];
    // He initialisation (uniform): activations stay near 1 through any number of Relu layers.
    const bound = Math.sqrt(6 / fanIn);
    const uniform = () => (2 * random() - 1) * bound;
    weights.push({ name: `weight${layer}`, shape: [fanIn, fanOut], data: filled(fanIn * fanOut, uniform) });
    weights.push({ name: `bias${layer}`, shape: [fanOut], data: filled(fanOut, uniform) });
    const to = layer === last ? 'output' : `sum${layer}`;
    nodes.push({ operator: 'Gemm', inputs: [from, `weight${layer}`, `bias${layer}`], outputs: [to] });
    if (layer === last) break;
    from = `hidden${layer}`;
    nodes.push({ operator: 'Relu', inputs: [to], outputs: [from] });
  }
  return writeOnnx({
    name,
    inputs: [{ name: 'input', datatype: 'FP32', shape: ['batch', widths[0]!] }],
    outputs: [{ name: 'output', datatype: 'FP32', shape: ['batch', widths[last + 1]!] }],
    nodes,
    weights,
  });
}

/** Fills an array ten times faster than `Float32Array.from` with a callback, which matters for the 38 MB of `wide`. */
function filled(length: number, next: () => number): Float32Array {
  const out = new Float32Array(length);
  for (let i = 0; i < length; i++) out[i] = next();
  return out;
}
