/** Content hash of a version: what changes it, and what must not. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { contentHash } from './content-hash.ts';

test('the hash follows the content of a version, wherever its folder is', async (t) => {
  const root = await mkdtemp(path.join(tmpdir(), 'sluice-hash-'));
  t.after(() => rm(root, { recursive: true }));
  const folder = path.join(root, 'one', '1');
  await mkdir(path.join(folder, 'weights'), { recursive: true });
  await writeFile(path.join(folder, 'model.onnx'), 'graph');
  await writeFile(path.join(folder, 'weights', 'part-0.bin'), 'numbers');
  const hashOf = (inside: string, configText: string | null = null): Promise<string> =>
    contentHash({ configText, triton: null, transformFile: null }, path.join(inside, 'model.onnx'));
  const first = await hashOf(folder);
  assert.match(first, /^[0-9a-f]{64}$/);

  const copy = path.join(root, 'elsewhere', '7');
  await cp(folder, copy, { recursive: true });
  await writeFile(path.join(copy, '..2026_mounted'), 'a link of a mounted volume');
  assert.equal(await hashOf(copy), first);
  assert.notEqual(await hashOf(folder, 'maxRows: 1'), first);

  await writeFile(path.join(copy, 'weights', 'part-0.bin'), 'Numbers');
  assert.notEqual(await hashOf(copy), first, 'weights beside the graph count');
  await rm(path.join(copy, 'weights'), { recursive: true });
  assert.notEqual(await hashOf(copy), first);
});
