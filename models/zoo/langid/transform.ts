/** Transform of `langid`: from text to n-gram frequencies, and from probabilities to the likeliest language. */
import { isUtf8 } from 'node:buffer';
import { BadInput, type ClientTensor, type Tensor, type Tensors, type Transform } from 'sluice/transform';
import { createFrequencyCounter } from './frequencies.ts';
import tables from './tables.json' with { type: 'json' };

const labels: readonly Uint8Array[] = tables.labels.map((label) => Buffer.from(label));
const features = tables.ngrams.length;
const countFrequencies = createFrequencyCounter(tables.ngrams);

function rows(name: string, datatype: ClientTensor['datatype']): ClientTensor {
  return { name, datatype, shape: [-1] };
}

/** @throws BadInput for a text that is not UTF-8 */
function before(inputs: Tensors): Tensors {
  const texts = tensor(inputs, 'text').data as readonly Uint8Array[];
  const data = new Float32Array(texts.length * features);
  for (const [row, text] of texts.entries()) {
    if (!isUtf8(text)) throw new BadInput(`input "text": row ${row} is not valid UTF-8`);
    const { buffer, byteOffset, byteLength } = text;
    countFrequencies(Buffer.from(buffer, byteOffset, byteLength).toString('utf8'), data, row * features);
  }
  return new Map([['features', { datatype: 'FP32', shape: [texts.length, features], data }]]);
}

function after(outputs: Tensors): Tensors {
  const probabilities = tensor(outputs, 'probabilities');
  const data = probabilities.data as Float32Array;
  const count = probabilities.shape[0] ?? 0;
  const names: Uint8Array[] = [];
  const scores = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    const start = row * labels.length;
    let best = 0;
    for (let i = 1; i < labels.length; i++) if (data[start + i]! > data[start + best]!) best = i;
    names.push(labels[best]!);
    scores[row] = data[start + best]!;
  }
  return new Map<string, Tensor>([
    ['label', { datatype: 'BYTES', shape: [count], data: names }],
    ['score', { datatype: 'FP32', shape: [count], data: scores }],
  ]);
}

function tensor(tensors: Tensors, name: string): Tensor {
  const found = tensors.get(name);
  if (!found) throw new BadInput(`tensor "${name}" is missing`);
  return found;
}

export const transform = {
  inputs: [rows('text', 'BYTES')],
  outputs: [rows('label', 'BYTES'), rows('score', 'FP32')],
  before,
  after,
} satisfies Transform;
