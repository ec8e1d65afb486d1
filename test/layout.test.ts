/** The rooms and their arrows, as docs/architecture.md draws them, hold for every file; and the check can fail. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import packageJson from '../package.json' with { type: 'json' };
import { developmentReached, importsOf, violations } from './support/layout-rules.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const notOurs = /^(node_modules|dist|docs|\..*)$/;

const files = new Map(
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !notOurs.test(entry.name))
    .flatMap(({ name }) =>
      readdirSync(path.join(root, name), { recursive: true, encoding: 'utf8' }).map((file) => path.join(name, file)),
    )
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file.replaceAll(path.sep, '/'), readFileSync(path.join(root, file), 'utf8')]),
);

test('every file keeps the arrows, the fences and the names', () => {
  assert.ok(files.size > 100, `only ${files.size} files were found`);
  assert.deepEqual(
    [...files].flatMap(([file, text]) => violations(file, text)),
    [],
  );
});

test('nothing that runs after an install needs a development dependency', () => {
  assert.deepEqual(developmentReached(files, Object.keys(packageJson.devDependencies)), []);
});

test('what is fenced is imported behind its fence: a rule that nothing meets guards nothing', () => {
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

test('imports are found however they are written', () => {
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

const seeded: readonly (readonly [string, string, RegExp])[] = [
  ['contract/x.ts', `import { readFile } from 'node:fs';`, /contract\/ imports typebox only: node:fs/],
  ['contract/x.ts', `import { z } from 'zod';`, /contract\/ imports typebox only: zod/],
  ['contract/x.ts', `import { Pod } from '../cluster/port.ts';`, /contract\/ does not import cluster\/port\.ts/],
  ['gateway/x.ts', `import { tensor } from '../models/tensor.ts';`, /gateway\/ does not import models\/tensor\.ts/],
  ['gateway/routes/x.ts', `import type { S } from '../../scaler/x.ts';`, /gateway\/ does not import scaler\/x\.ts/],
  [
    'models/x.ts',
    `export { modelQueue } from '../gateway/queue/model-queue.ts';`,
    /models\/ does not import gateway\/queue\/model-queue\.ts/,
  ],
  [
    'scaler/x.ts',
    `await import('../gateway/queue/model-queue.ts');`,
    /scaler\/ does not import gateway\/queue\/model-queue\.ts/,
  ],
  ['gateway/x.ts', `import { local } from '../cluster/local/local-cluster.ts';`, /does not import cluster\/local/],
  ['cluster/local/x.ts', `import { main } from '../../models/server.ts';`, /does not import models\/server\.ts/],
  ['cli/x.ts', `import { load } from '../bench/lab/rig/load.ts';`, /cli\/ does not import bench/],
  ['gateway/x.ts', `import { pendingRequest } from './testing/pending.ts';`, /for tests/],
  ['deploy/x.ts', `import { main } from '../gateway/main.ts';`, /started, not imported/],
  [
    'gateway/policy/x.ts',
    `import { ModelQueue } from '../model-queue.ts';`,
    /policy\/ imports \.\/ and contract\/ only: \.\.\/model-queue/,
  ],
  ['gateway/policy/x.ts', `import { now } from 'node:perf_hooks';`, /policy\/ imports \.\/ and contract\/ only: node:/],
  ['cluster/local/policy/x.ts', `import { Pod } from '../../port.ts';`, /policy\/ imports \.\/ and contract\/ only/],
  ['gateway/dispatch/dispatch.ts', `import { request } from 'undici';`, /'undici' is imported elsewhere only/],
  [
    'models/session/session-host.ts',
    `import * as ort from 'onnxruntime-node';`,
    /'onnxruntime-node' is imported elsewhere/,
  ],
  ['gateway/pool.ts', `import { Counter } from 'prom-client';`, /'prom-client' is imported elsewhere/],
  [
    'scaler/x.ts',
    `import * as k8s from '@kubernetes/client-node';`,
    /'@kubernetes\/client-node' is imported elsewhere/,
  ],
  ['gateway/pool.ts', `import type { FastifyInstance } from 'fastify';`, /'fastify' is imported elsewhere/],
  ['gateway/pool.ts', `const level = process.env['LEVEL'];`, /process\.env belongs to main\.ts/],
  ['models/session/session-worker.ts', `if (stuck) process.exit(1);`, /process\.exit belongs to main\.ts/],
  ['cluster/local/pod.ts', `process.on('SIGTERM', end);`, /process\.on belongs to main\.ts/],
  ['gateway/utils.ts', '', /a name that says nothing/],
  ['models/util.test.ts', '', /a name that says nothing/],
  ['gateway/policy/index.ts', '', /a barrel/],
  ['lib/x.ts', '', /'lib' is no room/],
  ['gateway/x.ts', `import { y } from './y';`, /'\.\/y' is not named by its file/],
];

for (const [file, text, expected] of seeded) {
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
  ['gateway/x.ts', `import type { Pod } from '../cluster/port.ts';`],
  ['gateway/x.ts', `/** Never process.exit here. */\nconst a = 1; // not process.env\nconst b = subprocess.on;`],
  ['models/main.ts', `process.on('SIGTERM', () => process.exit(0));`],
  ['cli/x.ts', `await import('../gateway/main.ts');`],
  ['test/e2e/x.test.ts', `import { buildGateway } from '../../gateway/app.ts';`],
];

for (const [file, text] of allowed) {
  test(`allowed: ${text.split('\n', 1)[0]!} in ${file}`, () => assert.deepEqual(violations(file, text), []));
}

test('a development dependency is found wherever product code leads to', () => {
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
