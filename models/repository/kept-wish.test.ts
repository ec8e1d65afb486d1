/** Wish that is kept for the next process: what is kept of it, for whom, and what becomes of a file that is broken. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { VersionWish, WishedModel } from '../../contract/model-versions.ts';
import { KeptWish } from './kept-wish.ts';

const id = (version: string) => ({ version, hash: version.repeat(64) });
const model = (more: Partial<WishedModel> = {}): WishedModel => ({
  name: 'm',
  default: id('1'),
  load: [id('1')],
  banned: [],
  ...more,
});
const wish = (...models: WishedModel[]): VersionWish => ({ term: 7, generation: 9, models });

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-kept-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function open(folder: string | null, more: { readonly repository?: string; readonly only?: string[] } = {}) {
  const lines: string[] = [];
  const log = { info: (_details: object, message: string) => void lines.push(message) };
  return { lines, kept: new KeptWish({ folder, repository: '/models', only: null, log, ...more }) };
}

test('what was proven and what is banned is kept, what one process was to try is not', (t) => {
  const folder = folderOf(t);
  const bans = [{ ...id('3'), reason: 'it ended a process' }];
  const unknown = model({ name: 'n', default: null });
  const { kept } = open(folder);
  assert.equal(kept.read(), null);
  kept.keep(wish(model({ tries: [id('2')], banned: bans }), unknown));
  const next = { term: 0, generation: 0, models: [model({ banned: bans, tries: [] })] };
  assert.deepEqual(open(folder).kept.read(), next, 'each wish of a scaler is later');
});

test('a wish is kept for its repository and choice of models', (t) => {
  const folder = folderOf(t);
  open(folder).kept.keep(wish(model()));
  assert.equal(open(folder, { repository: '/others' }).kept.read(), null);
  assert.equal(open(folder, { only: ['m'] }).kept.read(), null);
});

test('a file that was cut short counts as none; a folder that cannot be written costs a line of the log', (t) => {
  const folder = folderOf(t);
  open(folder).kept.keep(wish(model()));
  const [name] = readdirSync(path.join(folder, 'wishes'));
  const file = path.join(folder, 'wishes', name!);
  for (const text of ['', '{"term":1', '{"term":1,"generation":1,"models":[{"name":"m"}]}']) {
    writeFileSync(file, text);
    assert.equal(open(folder).kept.read(), null);
  }
  const { kept, lines } = open(file);
  kept.keep(wish(model()));
  assert.deepEqual(lines, ['the wish of the pool is not kept']);
  assert.equal(open(null).kept.read(), null);
});
