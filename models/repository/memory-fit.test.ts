/** Memory that a load may take: the arithmetic, and files of a size that no machine has. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { checkFree, checkSize, misfit } from './memory-fit.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-memory-'));
after(() => rmSync(folder, { recursive: true }));
const mebibyte = 2 ** 20;

test('a version is too large when twice its files are over what is free, and the reason has the numbers', () => {
  const memory = { limitBytes: 512 * mebibyte, usedBytes: 312 * mebibyte };
  assert.equal(misfit(100 * mebibyte, memory), null);
  assert.equal(
    misfit(101 * mebibyte, memory),
    'too large: its files have 101 MiB and loading them takes up to 202 MiB, but of the limit of 512 MiB only 200 MiB are free',
  );
});

test('files beyond the memory are refused by their size alone', async () => {
  const file = path.join(folder, 'model.onnx');
  writeFileSync(file, 'small');
  await checkSize(file);
  await checkFree(file);
  const data = path.join(folder, 'weights.data');
  writeFileSync(data, '');
  truncateSync(data, 2 ** 42);
  await assert.rejects(checkSize(file), /^Error: too large: its files have 4194305 MiB .* MiB are free$/);
  await assert.rejects(checkFree(file), /^Error: too large/);
});
