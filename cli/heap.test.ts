import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { serverFlags } from './heap.ts';

test('the image starts Node with the same flags as a machine of its own', () => {
  const text = readFileSync(new URL('../deploy/Containerfile', import.meta.url), 'utf8');
  const entrypoint = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(text)![1]!) as string[];
  assert.deepEqual(entrypoint, ['node', ...serverFlags, '/app/cli/sluice.js']);
});
