/**
 * Makes `langid`: the network of the lande package (MIT, a development dependency) as ONNX, and the tables of its features.
 * Its layers are 620 n-gram frequencies → dense 120, Relu → dense 50, softmax.
 */
import { readFileSync } from 'node:fs';
import { writeOnnx, type Weights } from './onnx-writer.ts';

const features = 620;
const hidden = 120;
const languages = 50;

interface FloatWeights extends Weights {
  readonly data: Float32Array;
}

interface DenseLayer {
  readonly _biases: string;
  readonly _filters: readonly string[];
}

/** Files of the model: `1/model.onnx`, the tables that `transform.ts` reads, and the licence of both. */
export interface LangidFiles {
  readonly model: Uint8Array;
  readonly tables: string;
  readonly licence: string;
}

export async function build(): Promise<LangidFiles> {
  const labels = (await landeModule('t50-langs.js')) as string[];
  const ngrams = (await landeModule('t50-ngrams.js')) as Record<string, readonly string[]>;
  const { layers } = (await landeModule('t50-options.js')) as { layers: readonly Partial<DenseLayer>[] };
  const [first, second] = layers.filter((layer): layer is DenseLayer => layer._filters !== undefined);
  if (!first || !second || labels.length !== languages)
    throw new Error('lande is not the version that this was made for');

  const order = ['unigrams', 'bigrams', 'trigrams', 'quadgrams'].flatMap((key) => ngrams[key] ?? []);
  const model = writeOnnx({
    name: 'langid',
    inputs: [{ name: 'features', datatype: 'FP32', shape: ['batch', features] }],
    outputs: [{ name: 'probabilities', datatype: 'FP32', shape: ['batch', languages] }],
    nodes: [
      gemm(['features', 'weight0', 'bias0'], 'sum'),
      { operator: 'Relu', inputs: ['sum'], outputs: ['hidden'] },
      gemm(['hidden', 'weight1', 'bias1'], 'logits'),
      { operator: 'Softmax', inputs: ['logits'], outputs: ['probabilities'], attributes: { axis: { int: -1 } } },
    ],
    weights: [...dense(first, 0, features, hidden), ...dense(second, 1, hidden, languages).map(centred)],
    metadata: { labels: labels.join(','), source: 'npm package lande 1.0.10', licence: 'MIT, © Fabio Spampinato' },
  });
  const tables = `${JSON.stringify({ labels, ngrams: order }, null, 2)}\n`;
  return { model, tables, licence: readFileSync(landeFile('../license'), 'utf8') };
}

function gemm(inputs: readonly string[], output: string) {
  return { operator: 'Gemm', inputs, outputs: [output], attributes: { transB: { int: 1 } } } as const;
}

function dense(layer: DenseLayer, index: number, fanIn: number, fanOut: number): FloatWeights[] {
  const filters = new Float32Array(fanIn * fanOut);
  for (const [row, filter] of layer._filters.entries()) filters.set(decode(filter), row * fanIn);
  return [
    { name: `weight${index}`, shape: [fanOut, fanIn], data: filters },
    { name: `bias${index}`, shape: [fanOut], data: decode(layer._biases) },
  ];
}

/**
 * Subtracts from each column its mean over the languages, which softmax cancels. lande's logits are near -900, where an
 * FP32 step of 6e-5 shows in the probabilities; after this they are near 0.
 */
function centred({ name, shape, data }: FloatWeights): FloatWeights {
  const columns = data.length / languages;
  const out = new Float32Array(data.length);
  for (let column = 0; column < columns; column++) {
    let sum = 0;
    for (let row = 0; row < languages; row++) sum += data[row * columns + column]!;
    for (let row = 0; row < languages; row++) {
      const at = row * columns + column;
      out[at] = data[at]! - sum / languages;
    }
  }
  return { name, shape, data: out };
}

/** Decodes lande's parameters, `1<scale>|<base64>`: each byte stands for (byte − 127) ÷ scale. */
function decode(encoded: string): Float32Array {
  const match = /^1([\d.]+)\|(.*)$/.exec(encoded);
  if (!match) throw new Error(`not one byte a parameter: ${encoded.slice(0, 20)}`);
  const scale = Number(match[1]);
  return Float32Array.from(Buffer.from(match[2]!, 'base64'), (byte) => (byte - 127) / scale);
}

/** Path of a file of lande, found beside its main file, which exports nothing but a function. */
function landeFile(name: string): URL {
  return new URL(name, import.meta.resolve('lande'));
}

async function landeModule(name: string): Promise<unknown> {
  const module = (await import(landeFile(name).href)) as { readonly default: unknown };
  return module.default;
}
