import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import lande from 'lande';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { BadInput, type Tensor, type Tensors } from 'sluice/transform';
import { oddTexts, sentences } from './sentences.ts';
import { transform } from './transform.ts';

const features = 620;

interface LandeParts {
  readonly getNormalized: (text: string) => string;
  readonly getNgrams: (text: string, length: number) => Record<string, { frequency: number } | undefined>;
}

const landePart = async (name: string): Promise<unknown> => import(new URL(name, import.meta.resolve('lande')).href);
const { getNormalized, getNgrams } = (await landePart('utils.js')) as LandeParts;
const { default: listed } = (await landePart('t50-ngrams.js')) as { default: Record<string, string[]> };

/** Features that lande computes. */
function landeFeatures(text: string): Float32Array {
  const normalized = getNormalized(text);
  return Float32Array.from(
    ['unigrams', 'bigrams', 'trigrams', 'quadgrams'].flatMap((key, i) => {
      const found = getNgrams(normalized, i + 1);
      return listed[key]!.map((ngram) => found[ngram]?.frequency ?? 0);
    }),
  );
}

function texts(values: readonly (string | Uint8Array)[]): Tensors {
  const data = values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value));
  return new Map<string, Tensor>([['text', { datatype: 'BYTES', shape: [data.length], data }]]);
}

function ourFeatures(values: readonly string[]): Float32Array {
  const { datatype, shape, data } = transform.before(texts(values)).get('features')!;
  assert.deepEqual([datatype, shape], ['FP32', [values.length, features]]);
  return data as Float32Array;
}

test('features are those of lande, to the last bit', () => {
  const all = [...Object.values(sentences), ...oddTexts];
  const ours = ourFeatures(all);
  for (const [row, text] of all.entries()) {
    assert.deepEqual(ours.slice(row * features, (row + 1) * features), landeFeatures(text), text);
  }
});

test('features are those of lande for any text', () => {
  const fragment = fc.constantFrom(...oddTexts.join('').split(/(?:)/u), 'Σ', 'σ', 'ς', 'İ', '-', ' ', '\n', 'the ');
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.array(fragment, { maxLength: 30 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (value) => {
      assert.deepEqual(ourFeatures([value]), landeFeatures(value));
    }),
    { numRuns: 1000 },
  );
});

test('a text longer than the kept room is counted whole', () => {
  const long = Object.values(sentences).join(' ').repeat(40);
  assert.ok(long.length > 64 * 1024);
  assert.deepEqual(ourFeatures([long]), landeFeatures(long));
});

test('through ONNX Runtime in one batch, every probability is that of lande', async () => {
  const model = fileURLToPath(new URL('1/model.onnx', import.meta.url));
  const session = await InferenceSession.create(model);
  const all = [...Object.values(sentences), ...oddTexts];
  const input = new OrtTensor('float32', ourFeatures(all), [all.length, features]);
  const { probabilities } = await session.run({ features: input });
  await session.release();
  const data = probabilities!.data as Float32Array;
  const answer = transform.after(new Map([['probabilities', { datatype: 'FP32', shape: [all.length, 50], data }]]));
  const label = answer.get('label')!.data as readonly Uint8Array[];
  const score = answer.get('score')!.data as Float32Array;
  assert.deepEqual(answer.get('label')!.shape, [all.length]);
  assert.deepEqual(answer.get('score')!.shape, [all.length]);

  const order = Object.keys(sentences);
  for (const [row, text] of all.entries()) {
    const expected = lande(text);
    for (const [language, probability] of expected) {
      const difference = Math.abs(data[row * 50 + order.indexOf(language)]! - probability);
      assert.ok(difference <= 1e-5, `${language} of "${text}": off by ${difference}`);
    }
    assert.equal(Buffer.from(label[row]!).toString(), expected[0]![0], text);
    assert.ok(Math.abs(score[row]! - expected[0]![1]) <= 1e-5, text);
  }
  const right = order.filter((language, row) => Buffer.from(label[row]!).toString() === language);
  assert.ok(right.length >= 45, `only ${right.length} of 50 right`);
});

test('bytes that are not UTF-8 are refused with their row', () => {
  for (const bad of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    assert.throws(
      () => transform.before(texts(['fine', Uint8Array.from(bad)])),
      (error) => error instanceof BadInput && error.message === 'input "text": row 1 is not valid UTF-8',
    );
  }
});

test('no rows give no rows', () => {
  assert.equal(ourFeatures([]).length, 0);
  const none: Tensor = { datatype: 'FP32', shape: [0, 50], data: new Float32Array(0) };
  assert.deepEqual(transform.after(new Map([['probabilities', none]])).get('label'), {
    datatype: 'BYTES',
    shape: [0],
    data: [],
  });
});
