import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { afterEach, beforeEach } from 'node:test';
import { lookAt } from './look.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'sluice-look-'));
});
afterEach(() => rm(root, { recursive: true }));

async function file(name: string, content = ''): Promise<void> {
  await mkdir(path.dirname(path.join(root, name)), { recursive: true });
  await writeFile(path.join(root, name), content);
}
/** Links to another place of the repository by its whole path: Node 22's permissions, under which unit tests run, allow no other. */
const link = (target: string, name: string): Promise<void> => symlink(path.join(root, target), path.join(root, name));
const printOf = async (version = '1') => (await lookAt(root, null)).get('m')?.versions.get(version);

test('versions are those with a file; others, hidden folders and models that are not asked for are passed over', async () => {
  for (const name of ['m/1/model.onnx', 'm/2/weights.bin', 'm/.3/model.onnx', 'm/notes/model.onnx', 'n/1/model.onnx']) {
    await file(name);
  }
  await mkdir(path.join(root, 'm', '4'));
  assert.deepEqual([...(await lookAt(root, null)).keys()], ['m', 'n']);
  const only = await lookAt(root, ['m']);
  assert.deepEqual([...only.keys()], ['m']);
  assert.deepEqual([...only.get('m')!.versions.keys()], ['1']);
  await assert.rejects(lookAt(path.join(root, 'absent'), null), { code: 'ENOENT' });
});

test('another size, time or inode is another print, of weights in a file of their own too', async () => {
  await file('m/1/model.onnx', 'same');
  await file('m/1/data/weights.bin', 'same');
  const first = await printOf();
  assert.equal(await printOf(), first);
  await file('m/1/data/weights.bin', 'longer');
  const second = await printOf();
  assert.notEqual(second, first);
  await utimes(path.join(root, 'm/1/model.onnx'), 1, 1);
  const third = await printOf();
  assert.notEqual(third, second);
  await file('m/1/new', 'same');
  await utimes(path.join(root, 'm/1/new'), 1, 1);
  await rename(path.join(root, 'm/1/new'), path.join(root, 'm/1/model.onnx'));
  assert.notEqual(await printOf(), third, 'same size, same time, another file');
});

test('a link that is swapped is seen, though nothing in its own folder has changed', async () => {
  for (const generation of ['..one', '..two']) {
    await file(`${generation}/m/1/model.onnx`, 'same');
    await utimes(path.join(root, generation, 'm/1/model.onnx'), 1, 1);
  }
  await link('..one', '..data');
  await link('..data/m', 'm');
  const first = await printOf();
  assert.ok(first !== undefined);
  await link('..two', '..next');
  await rename(path.join(root, '..next'), path.join(root, '..data'));
  assert.notEqual(await printOf(), first);
});

test('a circle of links has an end', async () => {
  await file('m/1/model.onnx');
  await link('m/1', 'm/1/again');
  assert.ok((await printOf())!.length < 1_000);
});
