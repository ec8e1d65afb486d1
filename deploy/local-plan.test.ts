import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readSettings, SettingsError } from '../contract/settings.ts';
import { planLocal, type LocalPlan } from './local-plan.ts';
import { LocalSettings } from './local-settings.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'sluice-plan-'));
after(() => rmSync(directory, { recursive: true }));

/** Creates a repository of empty model files, which a plan checks for but does not read. */
function repository(name: string, ...models: string[]): string {
  const root = path.join(directory, name);
  mkdirSync(root, { recursive: true });
  for (const model of models) {
    mkdirSync(path.join(root, model, '1'), { recursive: true });
    writeFileSync(path.join(root, model, '1', 'model.onnx'), '');
  }
  return root;
}
function poolsFile(name: string, ...specs: [pool: string, spec: string][]): string {
  const file = path.join(directory, name);
  const documents = specs.map(
    ([pool, spec]) =>
      `apiVersion: sluice.dev/v1alpha1\nkind: ModelPool\nmetadata: { name: ${pool} }\nspec: { ${spec} }\n`,
  );
  writeFileSync(file, documents.join('---\n'));
  return file;
}
function plan(flags: Record<string, string>): Promise<LocalPlan> {
  return planLocal(readSettings(LocalSettings, {}, { port: '0', adminPort: '0', scalerPort: '0', ...flags }));
}
async function errorsOf(flags: Record<string, string>): Promise<readonly string[]> {
  const error: unknown = await plan(flags).then(
    () => assert.fail('was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof SettingsError, String(error));
  return error.errors;
}
const models = ({ pools }: LocalPlan) => pools.map(({ metadata, spec }) => [metadata.name, ...spec.models].join(' '));

test('without a pools file one pool serves the whole repository, or the models of --models', async () => {
  const root = repository('two', 'a', 'b');
  assert.deepEqual(models(await plan({ repository: root })), ['default a b']);
  assert.deepEqual(models(await plan({ repository: root, models: 'b' })), ['default b']);
});

test('a folder with decomposed letters, as macOS has them, is the model of the composed name', async () => {
  const root = repository('decomposed', 'Größe'.normalize('NFD'));
  assert.deepEqual(models(await plan({ repository: root })), ['default Größe']);
  for (const form of ['NFC', 'NFD']) {
    assert.deepEqual(models(await plan({ repository: root, models: 'Größe'.normalize(form) })), ['default Größe']);
    const pools = poolsFile(`${form}.yaml`, ['p', `models: [${'Größe'.normalize(form)}]`]);
    assert.deepEqual(models(await plan({ repository: root, pools })), ['p Größe']);
  }
});

test('folders whose names are no names of models are left out with the reason, and stop nobody', async () => {
  const root = repository('names', 'a', 'my model', 'Größe', 'a+b', 'ends ');
  const found = await plan({ repository: root });
  assert.deepEqual(models(found), ['default Größe a my model']);
  assert.equal(found.leftOut.length, 2);
  assert.match(found.leftOut.join(), /names\/a\+b is not served: model name "a\+b" must be letters/);
  assert.match(found.leftOut.join(), /names\/ends {2}is not served/);
  assert.deepEqual(models(await plan({ repository: root, models: 'my model, Größe' })), ['default my model Größe']);
  assert.match((await errorsOf({ repository: root, models: 'a+b' })).join(), /no model can be served/);
  assert.match((await errorsOf({ repository: repository('none', 'a+b') })).join(), /no model can be served/);
});

test('the default repository serves the bundled models, except the large one', async () => {
  const { repository: root, pools, replicas } = await plan({});
  assert.ok(root.endsWith(path.join('models', 'zoo')));
  assert.deepEqual(pools[0]?.spec.models, ['langid', 'simple', 'mlp']);
  assert.deepEqual([...replicas], [['default', 1]]);
});

test('--pods is clamped to the bounds of each pool, and pools with endpoints get no pods', async () => {
  const pools = poolsFile(
    'pools.yaml',
    ['one', 'models: [a], scaling: { maxReplicas: 1 }'],
    ['many', 'models: [b], scaling: { minReplicas: 5 }'],
    ['far', 'models: [elsewhere], endpoints: ["http://127.0.0.1:9"]'],
  );
  const { replicas } = await plan({ repository: repository('two', 'a', 'b'), pools, pods: '3' });
  assert.deepEqual(
    [...replicas],
    [
      ['one', 1],
      ['many', 5],
      ['far', 0],
    ],
  );
});

test('a missing repository or model is named with its path', async () => {
  assert.match((await errorsOf({ repository: '/no/such' })).join(), /^--repository .*\/no\/such does not exist/);
  const root = repository('empty');
  assert.ok((await errorsOf({ repository: root })).join().includes(root));
  const pools = poolsFile('missing.yaml', ['p', 'models: [nope]']);
  assert.match((await errorsOf({ repository: repository('two', 'a', 'b'), pools })).join(), /has no model nope/);
});

test('--models and --pools cannot be combined', async () => {
  const pools = poolsFile('p.yaml', ['p', 'models: [a]']);
  assert.match((await errorsOf({ pools, models: 'a' })).join(), /^--models .*was: a$/);
});

test('a port in use is reported with its flag, together with other errors', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const errors = await errorsOf({ repository: '/no/such', adminPort: String(port) });
  assert.equal(errors.length, 2);
  assert.match(errors[1]!, new RegExp(`^--admin-port \\(SLUICE_ADMIN_PORT\\): ${port} on 127\\.0\\.0\\.1 is in use`));
  await new Promise((resolve) => server.close(resolve));
  await plan({ adminPort: String(port) });
});

test('equal ports are refused', async () => {
  assert.deepEqual(await errorsOf({ port: '8123', adminPort: '8123' }), [
    '--admin-port (SLUICE_ADMIN_PORT): must differ from --port, was: 8123',
  ]);
});

test('--pods is start and minimum of the default pool, but only the start of the pools of a file', async () => {
  const root = repository('two', 'a', 'b');
  const { pools, replicas } = await plan({ repository: root, pods: '3' });
  assert.equal(pools[0]?.spec.scaling.minReplicas, 3);
  assert.deepEqual([...replicas], [['default', 3]]);
  const file = poolsFile('scaled.yaml', ['p', 'models: [a], scaling: { minReplicas: 0, maxReplicas: 5 }']);
  const started = await plan({ repository: root, pools: file, pods: '3' });
  assert.deepEqual([...started.replicas], [['p', 3]]);
  assert.equal(started.pools[0]?.spec.scaling.minReplicas, 0);
  assert.deepEqual([...(await plan({ repository: root, pools: file })).replicas], [['p', 0]]);
});

test('maxReplicas defaults to the number of cores, or to minReplicas if that is higher', async () => {
  const root = repository('two', 'a', 'b');
  const cores = availableParallelism();
  assert.equal((await plan({ repository: root })).pools[0]?.spec.scaling.maxReplicas, cores);
  const file = poolsFile(
    'maxima.yaml',
    ['p', `models: [a], scaling: { minReplicas: ${cores + 2} }`],
    ['q', 'models: [b], scaling: { maxReplicas: 1 }'],
  );
  const { pools } = await plan({ repository: root, pools: file });
  assert.deepEqual(
    pools.map(({ spec }) => spec.scaling.maxReplicas),
    [cores + 2, 1],
  );
});
