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

const lineOf = (error: string): number => Number(error.split(':')[1]);
const byLine = (one: string, other: string): number => lineOf(one) - lineOf(other);

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

test('mistakes of all documents are reported at once, each with its line', () => {
  const bad = pool('a', 'm').replace('kind: ModelPool', 'kind: Modelpool');
  const { errors } = parsePools(`${bad}---\n${pool('b', 'n')}  bating: 1\n---\nspec: [\n---\n${pool('B', 'n')}`);
  assert.deepEqual(errors, [
    'pools.yaml:2: /kind: must be "ModelPool", was: "Modelpool"',
    'pools.yaml:10: invalid YAML: All mapping items must start at the same column',
    'pools.yaml:13: invalid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    'pools.yaml:16: /metadata/name: must be a DNS label: a-z, 0-9 and -, at most 63, was: "B"',
  ]);
});

test('the line is that of the field, or of the nearest one around it, and names what was meant', () => {
  const text = `# the pools of this machine
apiVersion: sluice.dev/v1alpha1
kind: ModelPool
metadata:
  nme: a
spec:
  models:
    - a
    - ../b
  batching:
    maxRow: 3
    maxBytes: 1kB
  scaling: { minReplicas: 2,
    maxReplicas: 1, mode: dryrun }
  timeoutMs: 5
`;
  assert.deepEqual(parsePools(text, 'my.yaml').errors.toSorted(byLine), [
    'my.yaml:4: /metadata/name: is required',
    'my.yaml:9: /spec/models/1: must be letters, digits, _, . and -, with spaces within, at most 128, was: "../b"',
    'my.yaml:11: /spec/batching/maxRow: is not a field of a ModelPool; did you mean maxRows?',
    'my.yaml:12: /spec/batching/maxBytes: must be integer, was: "1kB"',
    'my.yaml:14: /spec/scaling/mode: must be one of Active, DryRun, Paused, was: "dryrun"; did you mean DryRun?',
    'my.yaml:15: /spec/timeoutMs: is not a field of a ModelPool; did you mean /spec/requests/timeoutMs?',
  ]);
});

test('a key that is given twice, an alias of nothing and a document of another kind are one mistake each', () => {
  assert.deepEqual(parsePools(`${pool('a', 'm')}kind: ModelPool\n`).errors, ['pools.yaml:5: kind: is given twice']);
  assert.deepEqual(parsePools('a: *b\n').errors, [
    'pools.yaml:1: invalid YAML: Unresolved alias (the anchor must be set before the alias): b',
  ]);
  assert.deepEqual(parsePools('apiVersion: apps/v1\nkind: Deployment\nspec: { replicas: 1 }\n').errors, [
    'pools.yaml:2: /kind: must be ModelPool of sluice.dev/v1alpha1, was: Deployment of apps/v1',
  ]);
});

test('a field of an alias is told with the line at which it stands', () => {
  const text = `apiVersion: sluice.dev/v1alpha1
kind: ModelPool
metadata: { name: a }
spec:
  models: [m]
  batching: &limits
    maxRows: 0
`;
  assert.match(parsePools(text).errors[0]!, /^pools\.yaml:7: \/spec\/batching\/maxRows: must be >= 1, was: 0/);
});

test('a duplicate pool name and a model in two pools are errors', () => {
  assert.deepEqual(parsePools(`${pool('a', 'm')}---\n${pool('a', 'n')}`).errors, [
    'pools.yaml:8: /metadata/name: pool a is already in line 3',
  ]);
  assert.deepEqual(parsePools(`${pool('a', 'm', 'n')}---\n${pool('b', 'n')}`).errors, [
    'pools.yaml:9: /spec/models/0: model n already belongs to pool a',
  ]);
});

test('a file without pools and a missing file are errors', () => {
  assert.deepEqual(parsePools('# nothing\n').errors, ['pools.yaml: contains no ModelPool']);
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
