import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { PoolFiles } from './pool-files.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pool-files-'));
const noWarning = (message: string): void => assert.fail(message);
after(() => rmSync(folder, { recursive: true }));

test('what is kept is there for the next process, a file for each pool and no other', () => {
  const warnings: string[] = [];
  const state = path.join(folder, 'made', 'deep');
  const first = new PoolFiles(state, (message) => warnings.push(message));
  assert.equal(first.of('a'), null);
  first.keep('a', 'v1 one');
  first.keep('a', 'v1 two');
  first.keep('b', 'v1 three');
  assert.equal(first.of('a'), 'v1 two');
  const second = new PoolFiles(state, (message) => warnings.push(message));
  assert.deepEqual([second.of('a'), second.of('b'), second.of('c')], ['v1 two', 'v1 three', null]);
  assert.deepEqual(readdirSync(state).sort(), ['a.season', 'b.season']);
  assert.equal(readFileSync(path.join(state, 'a.season'), 'utf8'), 'v1 two\n');
  assert.deepEqual(warnings, []);
});

test('without a folder the text lasts as long as the process', () => {
  const files = new PoolFiles(null, noWarning);
  files.keep('a', 'v1 one');
  assert.equal(files.of('a'), 'v1 one');
  assert.equal(new PoolFiles(null, noWarning).of('a'), null);
});

test('a file that can be neither read nor written is a warning with its name; the text is kept in memory', () => {
  const warnings: string[] = [];
  mkdirSync(path.join(folder, 'bad', 'a.season'), { recursive: true });
  const files = new PoolFiles(path.join(folder, 'bad'), (message) => warnings.push(message));
  assert.equal(files.of('a'), null);
  files.keep('a', 'v1 one');
  assert.equal(files.of('a'), 'v1 one');
  assert.equal(warnings.length, 2);
  assert.ok(warnings.every((message) => message.includes('a.season')));
});

test('a folder that cannot be made is an error', () => {
  writeFileSync(path.join(folder, 'file'), '');
  assert.throws(() => new PoolFiles(path.join(folder, 'file'), noWarning), /EEXIST|ENOTDIR/);
});
