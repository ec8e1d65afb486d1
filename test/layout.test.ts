/** Every file keeps the layout rules, and planted violations are caught. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import packageJson from '../package.json' with { type: 'json' };
import {
  developmentReached,
  importCycles,
  importsOf,
  rooms,
  subjectlessComments,
  violations,
} from './support/layout-rules.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const skipped = /^(node_modules|dist|docs|\..*)$/;

const sources = new Map(
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !skipped.test(entry.name))
    .flatMap(({ name }) =>
      readdirSync(path.join(root, name), { recursive: true, encoding: 'utf8' }).map((file) => path.join(name, file)),
    )
    .filter((file) => /\.[tj]s$/.test(file) && !file.includes('/node_modules/'))
    .map((file) => [file.replaceAll(path.sep, '/'), readFileSync(path.join(root, file), 'utf8')]),
);

const files = new Map([...sources].filter(([file]) => file.endsWith('.ts')));

test('every file keeps to its room, the package fences and the naming rules', () => {
  assert.ok(files.size > 100, `only ${files.size} files were found`);
  assert.deepEqual(
    [...files].flatMap(([file, text]) => violations(file, text)),
    [],
  );
});

test('nothing that runs after an install needs a development dependency', () => {
  assert.deepEqual(developmentReached(files, Object.keys(packageJson.devDependencies)), []);
});

test('rooms import only rooms above them in the table', () => {
  const names = Object.keys(rooms);
  for (const [index, [name, { mayImport }]] of Object.entries(rooms).entries()) {
    for (const target of mayImport) {
      const position = names.indexOf(target.split('/', 1)[0]!);
      assert.ok(position >= 0 && position < index, `${name}/ may not import ${target}, which is not above it`);
    }
  }
});

test('imports form no cycle', () => {
  assert.deepEqual(importCycles(files), []);
});

test('comments begin with their subject', () => {
  const found = [...sources].flatMap(([file, text]) => subjectlessComments(file, text));
  assert.deepEqual(found, []);
});

test('fenced packages are imported by the files inside their fence', () => {
  const fenced = {
    undici: 'gateway/endpoints/upstream.ts',
    'onnxruntime-node': 'models/session/session-worker.ts',
    'prom-client': 'gateway/telemetry/metrics.ts',
    fastify: 'runtime/http/server.ts',
    commander: 'cli/program.ts',
  };
  for (const [name, file] of Object.entries(fenced)) {
    const imported = importsOf(file, files.get(file) ?? '').map((one) => one.specifier);
    assert.ok(imported.includes(name), `${file} imports ${imported.join(', ')}`);
  }
});

test('imports of every form are found', () => {
  const text = [
    `import a from 'a';`,
    `import type { B } from './b.ts';`,
    `import {\n  c,\n  type D,\n} from '../c.ts';`,
    `import 'e';`,
    `export { f } from './f.ts';`,
    `export * as g from 'g/sub';`,
    `import h, { i } from "never in this style";`,
    `const j = await import('./j.ts');`,
    `new URL(name, import.meta.resolve('k'));`,
    ` * import l from 'l';`,
    `export const m = 'm';\nconst n = { from: 'n' };`,
    `import json from '../package.json' with { type: 'json' };`,
  ].join('\n');
  assert.deepEqual(
    importsOf('room/x.ts', text)
      .map(({ specifier, file }) => file ?? specifier)
      .sort(),
    ['a', 'c.ts', 'e', 'g/sub', 'k', 'package.json', 'room/b.ts', 'room/f.ts', 'room/j.ts'],
  );
});

const planted: readonly (readonly [string, string, RegExp])[] = [
  ['contract/x.ts', `import { readFile } from 'node:fs';`, /contract\/ may import only typebox: node:fs/],
  ['contract/x.ts', `import { z } from 'zod';`, /contract\/ may import only typebox: zod/],
  ['contract/x.ts', `import { Pod } from '../cluster/port.ts';`, /contract\/ may not import cluster\/port\.ts/],
  ['gateway/x.ts', `import { tensor } from '../models/tensor.ts';`, /gateway\/ may not import models\/tensor\.ts/],
  ['gateway/routes/x.ts', `import type { S } from '../../scaler/x.ts';`, /gateway\/ may not import scaler\/x\.ts/],
  [
    'models/x.ts',
    `export { modelQueue } from '../gateway/queue/model-queue.ts';`,
    /models\/ may not import gateway\/queue\/model-queue\.ts/,
  ],
  [
    'scaler/x.ts',
    `await import('../gateway/queue/model-queue.ts');`,
    /scaler\/ may not import gateway\/queue\/model-queue\.ts/,
  ],
  ['gateway/x.ts', `import { local } from '../cluster/local/local-cluster.ts';`, /may not import cluster\/local/],
  ['cluster/local/x.ts', `import { main } from '../../models/server.ts';`, /may not import models\/server\.ts/],
  ['cli/x.ts', `import { load } from '../bench/lab/rig/load.ts';`, /cli\/ may not import bench/],
  ['bench/load-test/x.ts', `import { rows } from '../lab/rig/bodies.ts';`, /product may not import the lab/],
  ['gateway/x.ts', `import { pendingRequest } from './testing/pending.ts';`, /imports test code/],
  ['deploy/x.ts', `import { main } from '../gateway/main.ts';`, /entry point of a process/],
  [
    'gateway/policy/x.ts',
    `import { ModelQueue } from '../model-queue.ts';`,
    /policy\/ may import only \.\/ and contract\/: \.\.\/model-queue/,
  ],
  [
    'models/protocol/json/x.ts',
    `import { split } from '../../rows.ts';`,
    /the library models\/protocol\/json\/ may not import models\/rows\.ts/,
  ],
  ['models/protocol/json/x.ts', `import { JsonCursor } from './json.ts';`, /may not import its own entry/],
  [
    'models/protocol/x.ts',
    `import { JsonCursor } from './json/cursor.ts';`,
    /may import only models\/protocol\/json\/json\.ts/,
  ],
  [
    'gateway/policy/x.ts',
    `import { now } from 'node:perf_hooks';`,
    /policy\/ may import only \.\/ and contract\/: node:/,
  ],
  ['cluster/local/policy/x.ts', `import { Pod } from '../../port.ts';`, /policy\/ may import only \.\/ and contract\//],
  ['gateway/dispatch/dispatch.ts', `import { request } from 'undici';`, /may not import 'undici'/],
  ['models/session/session-host.ts', `import * as ort from 'onnxruntime-node';`, /may not import 'onnxruntime-node'/],
  ['gateway/pool.ts', `import { Counter } from 'prom-client';`, /may not import 'prom-client'/],
  ['scaler/x.ts', `import * as k8s from '@kubernetes/client-node';`, /may not import '@kubernetes\/client-node'/],
  ['gateway/pool.ts', `import type { FastifyInstance } from 'fastify';`, /may not import 'fastify'/],
  ['gateway/pool.ts', `const level = process.env['LEVEL'];`, /process\.env belongs to main\.ts/],
  ['models/session/session-worker.ts', `if (stuck) process.exit(1);`, /process\.exit belongs to main\.ts/],
  ['cluster/local/pod.ts', `process.on('SIGTERM', end);`, /process\.on belongs to main\.ts/],
  ['gateway/utils.ts', '', /a file name without meaning/],
  ['models/util.test.ts', '', /a file name without meaning/],
  ['gateway/policy/index.ts', '', /a barrel/],
  ['lib/x.ts', '', /'lib' is not a room/],
  ['gateway/x.ts', `import { y } from './y';`, /'\.\/y' lacks the file extension/],
];

for (const [file, text, expected] of planted) {
  test(`caught: ${text || 'an empty file'} in ${file}`, () => {
    const found = violations(file, text);
    assert.equal(found.length > 0, true);
    assert.match(found.join('\n'), expected);
  });
}

const allowed: readonly (readonly [string, string])[] = [
  ['contract/x.ts', `import Type from 'typebox';\nimport { Check } from 'typebox/value';`],
  ['gateway/policy/x.ts', `import { quote } from '../../contract/errors.ts';\nimport { predictMs } from './cost.ts';`],
  ['gateway/policy/x.test.ts', `import assert from 'node:assert/strict';\nimport { request } from 'undici';`],
  ['models/protocol/x.ts', `import { JsonCursor } from './json/json.ts';`],
  [
    'models/protocol/json/x.ts',
    `import { quote } from '../../../contract/errors.ts';\nimport { code } from './codes.ts';`,
  ],
  ['gateway/x.ts', `import type { Pod } from '../cluster/port.ts';`],
  ['gateway/x.ts', `/** Never process.exit here. */\nconst a = 1; // not process.env\nconst b = subprocess.on;`],
  ['models/main.ts', `process.on('SIGTERM', () => process.exit(0));`],
  ['cli/x.ts', `await import('../gateway/main.ts');`],
  ['test/e2e/x.test.ts', `import { buildGateway } from '../../gateway/app.ts';`],
];

for (const [file, text] of allowed) {
  test(`allowed: ${text.split('\n', 1)[0]!} in ${file}`, () => assert.deepEqual(violations(file, text), []));
}

test('development dependencies are found along the imports of product code', () => {
  const tree = new Map([
    ['models/zoo/wide/generate.ts', `import { build } from '../../author/wide.ts';`],
    ['models/author/wide.ts', `import { write } from './writer.ts';`],
    ['models/author/writer.ts', `import protobuf from 'protobufjs/minimal.js';`],
    ['models/author/langid.ts', `import.meta.resolve('lande');`],
    ['models/x.test.ts', `import fc from 'fast-check';`],
    ['bench/x.ts', `import autocannon from 'autocannon';`],
  ]);
  assert.deepEqual(developmentReached(tree, ['protobufjs', 'lande', 'fast-check', 'autocannon']), [
    `models/author/writer.ts: needs 'protobufjs/minimal.js' to run`,
  ]);
});

test('import cycles are found, type imports included', () => {
  const tree = new Map([
    ['room/a.ts', `import { b } from './b.ts';`],
    ['room/b.ts', `import type { C } from './c.ts';\nimport { d } from './d.ts';`],
    ['room/c.ts', `import { a } from './a.ts';`],
    ['room/d.ts', ''],
    ['room/e.ts', `import { f } from '../other/f.ts';\nimport { a } from './a.ts';`],
    ['other/f.ts', `await import('../room/e.ts');`],
  ]);
  assert.deepEqual(importCycles(tree), [
    ['other/f.ts', 'room/e.ts'],
    ['room/a.ts', 'room/b.ts', 'room/c.ts'],
  ]);
});

test('comments without a subject are found in every form of comment', () => {
  const text = [
    '/** Of the request. */',
    '/** Rows of the request. */',
    '/**',
    ' * They themselves.',
    ' */',
    '// As a shell has it.',
    '// Whose owner is gone, as',
    '// It continues on the next line',
    '// That ends here.',
    ['const a = 1; //', 'What it is.'].join(' '),
    'const b = 1; // Offset of a. What it is.',
    'const url = `http://That.is/`;',
    '/** This one. */',
    '/** This module is fine. */',
    '/* And so on. */',
  ].join('\n');
  assert.deepEqual(
    subjectlessComments('x.ts', text).map((found) => found.split(':')[1]),
    ['1', '4', '6', '10', '13', '15'],
  );
});
