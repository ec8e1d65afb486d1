import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { holdReasons, scaleReasons } from './reasons.ts';

const scaler = fileURLToPath(new URL('../scaler/', import.meta.url));

test('every reason is returned somewhere in the scaler', () => {
  const files = globSync('**/*.ts', { cwd: scaler }).filter((file) => !file.endsWith('.test.ts'));
  const source = files.map((file) => readFileSync(path.join(scaler, file), 'utf8')).join('\n');
  for (const reason of [...Object.keys(scaleReasons), ...Object.keys(holdReasons)]) {
    assert.ok(source.includes(`'${reason}'`), `nothing returns ${reason}`);
  }
});

test('reasons are label values, texts are whole, and a blind hold is unsure', () => {
  for (const [reason, { text }] of Object.entries({ ...scaleReasons, ...holdReasons })) {
    assert.match(reason, /^[a-z]+(-[a-z]+)*$/);
    assert.match(text, /^\S.*[^.\s]$/, 'a text is continued by others, so it ends without a stop');
  }
  for (const [reason, { blind, unsure }] of Object.entries(holdReasons)) {
    if (blind === true) assert.equal(unsure, true, reason);
  }
});
