import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { watchText } from './file-watch.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'file-watch-'));
after(() => rmSync(folder, { recursive: true }));

/** Watches a file; `next` resolves to what is told after everything that was told before. */
function watched(file: string, text: string) {
  const told: string[] = [];
  let wake = Promise.withResolvers<undefined>();
  const tell = (what: string): void => {
    told.push(what);
    wake.resolve(undefined);
    wake = Promise.withResolvers();
  };
  const stop = watchText({
    path: file,
    text,
    onChange: tell,
    onUnreadable: (why) => tell(why.split(':')[0]!),
    intervalMs: 20,
  });
  // Keeps the process alive, which the watch does not.
  const alive = setInterval(() => undefined, 1_000);
  let seen = 0;
  return {
    next: async () => {
      while (told.length === seen) await wake.promise;
      return told[seen++];
    },
    stop: () => {
      clearInterval(alive);
      stop();
    },
  };
}

test('a file that is written, replaced, removed and made again is told once for each text', async (t) => {
  const file = path.join(folder, 'a.yaml');
  writeFileSync(file, 'one');
  const { next, stop } = watched(file, 'one');
  t.after(stop);
  writeFileSync(file, 'two');
  assert.equal(await next(), 'two');
  // Editors write beside the file and rename.
  writeFileSync(`${file}.new`, 'three');
  renameSync(`${file}.new`, file);
  assert.equal(await next(), 'three');
  unlinkSync(file);
  assert.equal(await next(), 'ENOENT');
  writeFileSync(file, 'four');
  assert.equal(await next(), 'four');
});

test('a link that leads elsewhere is followed, as in a mounted ConfigMap', async (t) => {
  const link = path.join(folder, 'link.yaml');
  writeFileSync(path.join(folder, 'v1'), 'one');
  writeFileSync(path.join(folder, 'v2'), 'two, longer');
  symlinkSync(path.join(folder, 'v1'), link);
  const { next, stop } = watched(link, 'one');
  t.after(stop);
  symlinkSync(path.join(folder, 'v2'), `${link}.new`);
  renameSync(`${link}.new`, link);
  assert.equal(await next(), 'two, longer');
});

test('a change between the reading and the watching is not missed', async (t) => {
  const file = path.join(folder, 'early.yaml');
  writeFileSync(file, 'newer');
  const { next, stop } = watched(file, 'older');
  t.after(stop);
  assert.equal(await next(), 'newer');
});
