/**
 * The guides for a text model and for an image model, followed to the letter: their transforms, their packages and their
 * commands, on a whole system. The ONNX files are small ones of the same signature, since an export needs Python and the network.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import jpeg from 'jpeg-js';
import { writeOnnx } from '../../models/author/onnx-writer.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { installedPackage, readGuide, runCommand, type Guide } from '../support/guide.ts';
import { startSystem } from '../support/system.ts';

/** Words of the small model. Those of a mood add to its logit. */
const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'what', 'a', 'film', 'plot', 'good', 'bad', ','];

const tokenizerFiles = {
  'tokenizer.json': JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: vocabulary.slice(0, 4).map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
      },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])),
    },
  }),
  'tokenizer_config.json': JSON.stringify({
    tokenizer_class: 'BertTokenizer',
    do_lower_case: true,
    model_max_length: 512,
  }),
};

/** Sum of what each word says, [negative, positive], over the tokens that the mask keeps; a padded token would speak against the negative. */
function sentiment(): Uint8Array {
  const moods = vocabulary.flatMap((word) =>
    word === '[PAD]' ? [-9, 0] : word === 'good' ? [0, 2] : word === 'bad' ? [1.5, 0] : [0, 0],
  );
  return writeOnnx({
    name: 'sentiment',
    inputs: ['input_ids', 'attention_mask'].map((name) => ({ name, datatype: 'INT64', shape: ['batch', 'sequence'] })),
    outputs: [{ name: 'logits', datatype: 'FP32', shape: ['batch', 2] }],
    nodes: [
      { operator: 'Gather', inputs: ['moods', 'input_ids'], outputs: ['said'] },
      // TensorProto.DataType 1 is FLOAT.
      { operator: 'Cast', inputs: ['attention_mask'], outputs: ['kept'], attributes: { to: { int: 1 } } },
      { operator: 'Unsqueeze', inputs: ['kept', 'last'], outputs: ['weights'] },
      { operator: 'Mul', inputs: ['said', 'weights'], outputs: ['heard'] },
      { operator: 'ReduceSum', inputs: ['heard', 'tokens'], outputs: ['logits'], attributes: { keepdims: { int: 0 } } },
    ],
    weights: [
      { name: 'moods', shape: [vocabulary.length, 2], data: Float32Array.from(moods) },
      { name: 'last', shape: [1], data: BigInt64Array.of(-1n) },
      { name: 'tokens', shape: [1], data: BigInt64Array.of(1n) },
    ],
  });
}

/** Mean of each colour, as three classes. */
function photos(): Uint8Array {
  return writeOnnx({
    name: 'photos',
    inputs: [{ name: 'pixels', datatype: 'FP32', shape: ['batch', 3, 224, 224] }],
    outputs: [{ name: 'logits', datatype: 'FP32', shape: ['batch', 3] }],
    nodes: [
      { operator: 'GlobalAveragePool', inputs: ['pixels'], outputs: ['means'] },
      { operator: 'Flatten', inputs: ['means'], outputs: ['logits'] },
    ],
  });
}

/** Photo of one colour. */
function photo(red: number, green: number, blue: number): Buffer {
  const [width, height] = [320, 200];
  const data = Buffer.alloc(4 * width * height);
  for (let at = 0; at < data.length; at += 4) data.set([red, green, blue, 255], at);
  return jpeg.encode({ data, width, height }, 90).data;
}

/** Folder outside the checkout that holds what the guide shows, and the files that it tells its reader to bring. */
async function follow(
  t: TestContext,
  guide: Guide,
  model: string,
  brought: Readonly<Record<string, string | Uint8Array>>,
) {
  const directory = await mkdtemp(path.join(tmpdir(), 'sluice-guide-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const folder = path.join(directory, 'models', model);
  await mkdir(path.join(folder, '1'), { recursive: true });
  for (const [name, content] of guide.files) await writeFile(path.join(directory, name), content);
  for (const [name, content] of Object.entries(brought)) await writeFile(path.join(folder, name), content);
  for (const asked of guide.packages) {
    const [, name, version] = /^(.+)@([^@]+)$/.exec(asked)!;
    assert.equal(
      (packageJson.devDependencies as Record<string, string>)[name!],
      version,
      `the guide installs ${asked}`,
    );
    const link = path.join(folder, 'node_modules', name!);
    await mkdir(path.dirname(link), { recursive: true });
    await symlink(installedPackage(name!), link);
  }
  const system = await startSystem(['--repository', path.join(directory, 'models')]);
  t.after(() => system.stop());
  const run = (command: string): Promise<Buffer> => runCommand(command, system.origin, directory);
  return { directory, system, run };
}

const json = (body: Buffer): unknown => JSON.parse(body.toString());

test('a text model with its tokenizer', async (t) => {
  const guide = readGuide('text-model.md');
  const { run, system } = await follow(t, guide, 'sentiment', { ...tokenizerFiles, '1/model.onnx': sentiment() });
  const [texts, tokens] = guide.requests;
  const labels = (answer: unknown) =>
    (answer as { predictions: { label: string }[] }).predictions.map(({ label }) => label);
  assert.deepEqual(labels(json(await run(texts!.command))), labels(texts!.answer));
  const { outputs } = json(await run(tokens!.command)) as { outputs: { name: string; data: number[] }[] };
  assert.deepEqual(
    outputs.map(({ name, data }) => [name, data]),
    [['logits', [0, 2]]],
  );
  const tooLong = JSON.stringify({ instances: [Array<string>(600).fill('good').join(' ')] });
  const answer = await fetch(`${system.origin}/v1/models/sentiment:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: tooLong,
  });
  assert.equal(answer.status, 400);
  assert.match(await answer.text(), /text: 602 tokens, the model takes at most 512/);
});

test('an image model that takes JPEG', async (t) => {
  const guide = readGuide('image-model.md');
  const { directory, run } = await follow(t, guide, 'photos', {
    'labels.json': JSON.stringify(['tabby', 'frog', 'lake']),
    '1/model.onnx': photos(),
  });
  const [raw, base64] = guide.requests;
  for (const [bytes, label] of [
    [photo(250, 20, 20), 'tabby'],
    [photo(20, 250, 20), 'frog'],
  ] as const) {
    await writeFile(path.join(directory, 'photo.jpg'), bytes);
    assert.ok((await run(raw!.command)).toString().endsWith(label), label);
    const answer = json(await run(base64!.command));
    if (label === 'tabby') assert.deepEqual(answer, base64!.answer);
    else assert.deepEqual(answer, { predictions: [label] });
  }
  await writeFile(path.join(directory, 'photo.jpg'), 'no photo');
  assert.match((await run(base64!.command)).toString(), /photo: no JPEG that can be decoded/);
});
