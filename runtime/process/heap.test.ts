import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gatewayFlags } from './heap.ts';

test('the image starts Node with the flags of a gateway', () => {
  const text = readFileSync(new URL('../../deploy/Containerfile', import.meta.url), 'utf8');
  const entrypoint = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(text)![1]!) as string[];
  assert.deepEqual(entrypoint, ['node', ...gatewayFlags, '/app/cli/sluice.js']);
});
