import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { replaceFile, replaceFileSync, type Writers } from './replace-file.ts';

const root = mkdtempSync(path.join(tmpdir(), 'sluice-replace-'));
after(() => rmSync(root, { recursive: true }));

let folders = 0;
function newFolder(): string {
  const folder = path.join(root, String((folders += 1)));
  mkdirSync(folder);
  return folder;
}

const forms = {
  replaceFile,
  replaceFileSync: (...given: Parameters<typeof replaceFileSync>) =>
    new Promise<void>((resolve) => resolve(replaceFileSync(...given))),
};

for (const [name, replace] of Object.entries(forms)) {
  test(`${name}: the new content is there, and nothing beside it`, async () => {
    for (const writers of ['one', 'several'] satisfies Writers[]) {
      const folder = newFolder();
      const file = path.join(folder, 'kept.json');
      // A draft of a process that was killed while it wrote.
      writeFileSync(path.join(folder, '.kept.json.new'), 'half of i');
      for (const content of ['first', 'the second']) await replace(file, content, writers);
      assert.equal(readFileSync(file, 'utf8'), 'the second');
      assert.deepEqual(readdirSync(folder), writers === 'one' ? ['kept.json'] : ['.kept.json.new', 'kept.json']);
    }
  });

  test(`${name}: what can't be put in place is thrown, and leaves no draft`, async () => {
    const folder = newFolder();
    mkdirSync(path.join(folder, 'taken', 'by-a-folder'), { recursive: true });
    await assert.rejects(replace(path.join(folder, 'taken'), 'x', 'several'), /EISDIR|ENOTEMPTY|EEXIST/);
    assert.deepEqual(readdirSync(folder), ['taken']);
    await assert.rejects(replace(path.join(folder, 'absent', 'file'), 'x', 'one'), { code: 'ENOENT' });
  });
}
