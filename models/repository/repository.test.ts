import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { afterEach, beforeEach } from 'node:test';
import { scanRepository } from './repository.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'sluice-repository-'));
});
afterEach(() => rm(root, { recursive: true }));

async function file(name: string, content = ''): Promise<void> {
  await mkdir(path.dirname(path.join(root, name)), { recursive: true });
  await writeFile(path.join(root, name), content);
}

test('versions come in the order of their numbers, with config and transform beside them', async () => {
  for (const version of ['10', '9', '1']) await file(`m/${version}/model.onnx`);
  await file('m/config.yaml', 'maxRows: 3');
  await file('m/transform.ts');
  await file('m/notes/readme.txt');
  const [model, ...others] = await scanRepository(root, null);
  assert.deepEqual(others, []);
  assert.deepEqual(
    model?.versions.map(({ version }) => version),
    ['1', '9', '10'],
  );
  assert.equal(model.configText, 'maxRows: 3');
  assert.equal(model.transformFile, path.join(root, 'm/transform.ts'));
  assert.equal(model.problem, null);
});

test('folders that hold no model are passed over; those that nearly do say what is missing', async () => {
  await file('good/1/model.onnx');
  await file('docs/readme.md');
  await file('.hidden/1/model.onnx');
  await file('flat/model.onnx');
  await file('empty/2/weights.bin');
  await file('a+b/1/model.onnx');
  await file('my model/1/model.onnx');
  await file('Größe/1/model.onnx');
  await file('twice/1/model.onnx');
  await file('twice/01/model.onnx');
  const problems = Object.fromEntries((await scanRepository(root, null)).map(({ name, problem }) => [name, problem]));
  assert.deepEqual(Object.keys(problems), ['Größe', 'a+b', 'empty', 'flat', 'good', 'my model', 'twice'].sort());
  assert.equal(problems['good'], null);
  assert.match(problems['flat']!, /has no version folder.*flat\/1\/model\.onnx/);
  assert.match(problems['empty']!, /2\/model\.onnx: no such file/);
  assert.deepEqual([problems['my model'], problems['Größe']], [null, null]);
  assert.match(problems['a+b']!, /model name "a\+b" must be letters, digits, /);
  assert.match(problems['twice']!, /versions 01, 1 name the same number twice/);
});

test('a model without a version makes its own, where it has a generate.ts', async () => {
  const source = `import { mkdirSync, writeFileSync } from 'node:fs';
export async function generate(directory: string): Promise<void> {
  mkdirSync(directory + '/1');
  writeFileSync(directory + '/1/model.onnx', '');
}`;
  await file('made/generate.ts', source);
  const [made] = await scanRepository(root, null);
  assert.deepEqual(made?.versions, [{ version: '1', file: path.join(root, 'made/1/model.onnx') }]);
});

test('a repository that cannot serve what was asked for says so', async () => {
  await assert.rejects(scanRepository(path.join(root, 'absent'), null), /absent does not exist/);
  await assert.rejects(scanRepository(root, null), /holds no model: expected <model>\/<version>\/model\.onnx/);
  await file('a/1/model.onnx');
  await file('b/1/model.onnx');
  await assert.rejects(scanRepository(root, ['a', 'c', 'd']), /has no model c, d; it holds: a, b/);
  const only = await scanRepository(root, ['b']);
  assert.deepEqual(
    only.map(({ name }) => name),
    ['b'],
  );
});
