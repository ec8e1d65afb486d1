import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { allocatorEnv, gatewayAllocatorEnv, gatewayFlags } from './heap.ts';

const text = readFileSync(new URL('../../deploy/Containerfile', import.meta.url), 'utf8');

test('the image starts Node with the flags of a gateway', () => {
  const entrypoint = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(text)![1]!) as string[];
  assert.deepEqual(entrypoint, ['node', ...gatewayFlags, '/app/cli/sluice.js']);
});

test('the image starts Node with the variables of the allocator', () => {
  const [, variables] = /^ENV ((?:.*\\\n)*.*)$/m.exec(text)!;
  for (const [name, value] of Object.entries(allocatorEnv)) {
    assert.ok(variables!.split(/[\s\\]+/).includes(`${name}=${value}`), name);
  }
});

test('the gateway of the manifests has variables of its own where they differ from those of the image', () => {
  const manifest = readFileSync(new URL('../../deploy/base/gateway.yaml', import.meta.url), 'utf8');
  const image: Readonly<Record<string, string>> = allocatorEnv;
  const own = Object.entries(gatewayAllocatorEnv).filter(([name, value]) => image[name] !== value);
  assert.ok(own.length > 0);
  for (const [name, value] of own) assert.ok(manifest.includes(`- { name: ${name}, value: '${value}' }`), name);
});
