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

test('one document or more, with defaults filled in; empty documents mean nothing', () => {
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

test('every error of every document at once, with the number of the document', () => {
  const bad = pool('a', 'm').replace('kind: ModelPool', 'kind: Pool');
  const { errors } = parsePools(`${bad}---\n${pool('b', 'n')}  bating: 1\n---\nspec: [\n---\n${pool('B', 'n')}`);
  const text = errors.join('\n');
  assert.match(text, /^document 1: \/kind: .*was: "Pool"/m);
  assert.match(text, /^document 2: not YAML, line \d+, column \d+: /m);
  assert.match(text, /^document 3: not YAML, line /m);
  assert.match(text, /^document 4: \/metadata\/name: .*was: "B"/m);
});

test('two pools of one name, and one model in two pools, are errors', () => {
  assert.deepEqual(parsePools(`${pool('a', 'm')}---\n${pool('a', 'n')}`).errors, [
    'document 2: /metadata/name: pool a is in document 1 already',
  ]);
  assert.deepEqual(parsePools(`${pool('a', 'm', 'n')}---\n${pool('b', 'n')}`).errors, [
    'document 2: /spec/models: n is a model of pool a already',
  ]);
});

test('a file with no pool, and a file that is not there, are errors that name it', () => {
  assert.deepEqual(parsePools('# nothing\n').errors, ['has no ModelPool']);
  assert.throws(
    () => readPoolsFile('/no/such.yaml'),
    (error) =>
      error instanceof SettingsError && /^--pools .*: cannot read \/no\/such\.yaml: ENOENT/.test(error.message),
  );
});

test('nothing throws, whatever the text, and what has no error has a pool', () => {
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
