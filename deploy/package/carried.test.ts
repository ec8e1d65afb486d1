import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carriedManifest, carriedPackages, isNeeded, platforms } from './carried.ts';

const lock = {
  'node_modules/a': { dependencies: { b: '1', '@types/b': '1' } },
  'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
  'node_modules/a/node_modules/c/node_modules/d': {},
  'node_modules/b': { dependencies: { d: '1' } },
  'node_modules/c': { dependencies: { d: '1', 'bare-fs': '1' } },
  'node_modules/d': { dependencies: { c: '1' } },
  'node_modules/other': {},
};

test('packages are found as Node finds them: in their own node_modules first, then above', () => {
  assert.deepEqual(
    carriedPackages(lock, ['a']).map(({ place }) => place),
    ['node_modules/a', 'node_modules/a/node_modules/b', 'node_modules/c', 'node_modules/d'],
  );
  assert.deepEqual(carriedPackages(lock, ['b', 'a']).length, 5);
});

test('a package that the lock file lacks is named, with the one that needs it', () => {
  assert.throws(
    () => carriedPackages({ 'node_modules/a': { dependencies: { x: '1' } } }, ['a']),
    /no 'x', which .*\/a/,
  );
});

test('of ONNX Runtime travel the libraries of the chosen platforms, once each', () => {
  const needed = (file: string, chosen: typeof platforms | readonly ['linux/x64'] = platforms): boolean =>
    isNeeded('onnxruntime-node', file, chosen);
  assert.ok(needed('bin/napi-v6/linux/arm64/libonnxruntime.so.1'));
  assert.ok(!needed('bin/napi-v6/linux/arm64/libonnxruntime.so.1', ['linux/x64']));
  assert.ok(!needed('bin/napi-v6/win32/x64/DirectML.dll'));
  assert.ok(needed('bin/napi-v6/darwin/arm64/libonnxruntime.1.dylib'));
  assert.ok(!needed('bin/napi-v6/darwin/arm64/libonnxruntime.1.30.0.dylib'));
  assert.ok(needed('dist/index.js') && !needed('script/install.js') && !needed('dist/index.js.map'));
});

test('licences travel with every package, documentation and types do not', () => {
  for (const file of ['LICENSE', 'LICENSE.md', 'licence', 'sub/LICENSE-MIT.txt', 'ThirdPartyNotices.txt']) {
    assert.ok(isNeeded('a', file, platforms), file);
  }
  for (const file of ['README.md', 'a.d.ts', 'a.js.map', 'test/a.js', '.github/a.js']) {
    assert.ok(!isNeeded('a', file, platforms), file);
  }
});

test('the manifest of a carried package has no script, and no dependency that is not there', () => {
  const manifest = { name: 'a', main: 'a.js', scripts: { postinstall: 'x' }, optionalDependencies: { y: '1' } };
  const [a] = carriedPackages(lock, ['a']);
  assert.deepEqual(carriedManifest(manifest, a!), { name: 'a', main: 'a.js', dependencies: { b: '1' } });
});
