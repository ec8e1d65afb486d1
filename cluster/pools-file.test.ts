import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SettingsError } from '../contract/settings.ts';
import { parsePools, readPoolsFile } from './pools-file.ts';

function pool(name: string, ...models: string[]): string {
  return `apiVersion: sluice.dev/v1alpha1
kind: ModelPool
metadata: { name: ${name} }
spec: { models: [${models.join(', ')}] }
`;
}

test('one or more documents are read with defaults, empty documents are ignored', () => {
  const { pools, errors } = parsePools(`---\n${pool('a', 'm')}---\n${pool('b', 'n', 'o')}---\n`);
  assert.deepEqual(errors, []);
  assert.deepEqual(
    pools.map(({ metadata, spec }) => [metadata.name, spec.models, spec.batching.maxRows]),
    [
      ['a', ['m'], 64],
      ['b', ['n', 'o'], 64],
    ],
  );
});

test('errors of all documents are reported at once, each with the number of its document', () => {
  const bad = pool('a', 'm').replace('kind: ModelPool', 'kind: Pool');
  const { errors } = parsePools(`${bad}---\n${pool('b', 'n')}  bating: 1\n---\nspec: [\n---\n${pool('B', 'n')}`);
  const text = errors.join('\n');
  assert.match(text, /^document 1: \/kind: .*was: "Pool"/m);
  assert.match(text, /^document 2: invalid YAML, line \d+, column \d+: /m);
  assert.match(text, /^document 3: invalid YAML, line /m);
  assert.match(text, /^document 4: \/metadata\/name: .*was: "B"/m);
});

test('a duplicate pool name and a model in two pools are errors', () => {
  assert.deepEqual(parsePools(`${pool('a', 'm')}---\n${pool('a', 'n')}`).errors, [
    'document 2: /metadata/name: pool a is already in document 1',
  ]);
  assert.deepEqual(parsePools(`${pool('a', 'm', 'n')}---\n${pool('b', 'n')}`).errors, [
    'document 2: /spec/models: model n already belongs to pool a',
  ]);
});

test('a file without pools and a missing file are errors', () => {
  assert.deepEqual(parsePools('# nothing\n').errors, ['contains no ModelPool']);
  assert.throws(
    () => readPoolsFile('/no/such.yaml'),
    (error) =>
      error instanceof SettingsError && /^--pools .*: cannot read \/no\/such\.yaml: ENOENT/.test(error.message),
  );
});

test('any text yields errors or pools, never an exception', () => {
  const yaml = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .array(fc.constantFrom('a: ', '- ', '\n', '*x', '&x ', '---', '{', '[', '"', '|', '\t', '<<: '), {
        maxLength: 30,
      })
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(yaml, (text) => {
      const { pools, errors } = parsePools(text);
      assert.ok(errors.length > 0 || pools.length > 0);
    }),
  );
});
