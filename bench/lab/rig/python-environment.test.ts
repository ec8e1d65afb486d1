import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { peers } from '../peers/peers.ts';
import { fingerprint } from './python-environment.ts';

test('other packages or another Python need another environment', () => {
  const prints = [fingerprint('3.11', 'a==1'), fingerprint('3.11', 'a==2'), fingerprint('3.12', 'a==1')];
  assert.equal(new Set(prints).size, 3);
  assert.equal(fingerprint('3.11', 'a==1'), prints[0]);
});

test('every package of every peer is pinned', () => {
  for (const { name } of peers) {
    const text = readFileSync(new URL(`../peers/${name}/requirements.txt`, import.meta.url), 'utf8');
    const packages = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    assert.ok(packages.length > 10, name);
    for (const line of packages) assert.match(line, /^[A-Za-z0-9._-]+==[A-Za-z0-9.]+$/, name);
    assert.ok(packages.includes('onnxruntime==1.32.0'), `${name} runs another ONNX Runtime than its neighbours`);
  }
});
