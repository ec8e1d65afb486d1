/** Memory that a load may take: the arithmetic, and files of a size that no machine has. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { checkFree, checkSize, groupMemory, misfit } from './memory-fit.ts';

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

test('the limit of a control group of either version counts, and its file cache is free', async () => {
  const stats = (of: string): string =>
    `rss 5\n${of}inactive_file ${40 * mebibyte}\n${of}active_file ${20 * mebibyte}\n`;
  const kinds = {
    v2: { 'memory.max': '256', 'memory.current': '160', 'memory.stat': stats('') },
    v1: {
      'memory/memory.limit_in_bytes': '256',
      'memory/memory.usage_in_bytes': '160',
      'memory/memory.stat': stats('total_'),
    },
  };
  for (const [kind, files] of Object.entries(kinds)) {
    const root = path.join(folder, kind);
    mkdirSync(path.join(root, 'memory'), { recursive: true });
    assert.equal(await groupMemory(root), null, 'no files');
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(path.join(root, name), /^\d+$/.test(text) ? `${Number(text) * mebibyte}\n` : text);
    }
    assert.deepEqual(await groupMemory(root), { limitBytes: 256 * mebibyte, usedBytes: 100 * mebibyte }, kind);
  }
  for (const [file, text] of [
    ['v2/memory.max', 'max\n'],
    ['v1/memory/memory.limit_in_bytes', '9223372036854771712\n'],
  ] as const) {
    writeFileSync(path.join(folder, file), text);
    assert.equal(await groupMemory(path.join(folder, file.slice(0, 2))), null, 'no limit');
  }
});
