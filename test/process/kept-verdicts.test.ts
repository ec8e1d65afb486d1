/** Verdicts of the batching proof that outlive a pod, with real models, files and folders. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as fixtures from '../../models/author/fixtures.ts';
import { startModelServer, writeRepository, type RepositoryFiles } from '../../models/testing/model-server.ts';
import { encodeVerdict } from '../../models/verdicts/kept-verdict.ts';

const cli = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
const models: RepositoryFiles = {
  sums: { versions: { 1: fixtures.variableLength() } },
  quiet: { versions: { 1: fixtures.quietMean() } },
};

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-verdicts-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

interface Loaded {
  readonly proven: string;
  readonly unbatchedReason: string | null;
  readonly maxRows: number;
}

/** Start of a pod over these models: how each was proven, and what else the log says. */
async function start(files: RepositoryFiles, settings: Record<string, string>) {
  await using started = await startModelServer(files, settings);
  const loaded = new Map<unknown, Loaded>();
  for (const line of started.logged) {
    if (line['msg'] === 'model is loaded') loaded.set(line['model'], line as unknown as Loaded);
  }
  return { loaded, logged: [...started.logged], proven: (name: string) => loaded.get(name)?.proven };
}

test('a second start takes over the verdicts of the first, and what they say', async (t) => {
  const verdictFolder = await folderFor(t);
  const first = await start(models, { verdictFolder });
  assert.deepEqual([first.proven('sums'), first.proven('quiet')], ['now', 'now']);
  const second = await start(models, { verdictFolder });
  assert.deepEqual([second.proven('sums'), second.proven('quiet')], ['by an earlier start', 'by an earlier start']);
  for (const name of ['sums', 'quiet']) {
    const { unbatchedReason, maxRows } = second.loaded.get(name)!;
    const before = first.loaded.get(name)!;
    assert.deepEqual([unbatchedReason, maxRows], [before.unbatchedReason, before.maxRows]);
  }
});

test('another file, or another configuration of it, is proven anew; a larger budget is not', async (t) => {
  const verdictFolder = await folderFor(t);
  const bytes = fixtures.variableLength();
  const proven = async (versions: RepositoryFiles[string]['versions'], config?: string) =>
    (await start({ m: { versions, ...(config === undefined ? {} : { config }) } }, { verdictFolder })).proven('m');
  assert.equal(await proven({ 1: bytes }), 'now');
  assert.equal(await proven({ 1: fixtures.lookup() }), 'now');
  assert.equal(await proven({ 1: bytes }, 'threads: 2\n'), 'now');
  assert.equal(await proven({ 1: bytes }, 'inputs: { x: { batchAxis: 0 } }\n'), 'now');
  assert.equal(await proven({ 1: bytes }, 'start: { cpuMs: 5000 }\n'), 'by an earlier start');
});

/** Names of all files of a verdict folder, beside its folder for the marks of loads that are under way. */
const verdictsIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name !== 'loads');

test('a corrupt verdict is ignored with a warning, and replaced', async (t) => {
  const verdictFolder = await folderFor(t);
  await start({ sums: models['sums']! }, { verdictFolder });
  const [name] = await verdictsIn(verdictFolder);
  const file = path.join(verdictFolder, name!);
  const whole = await readFile(file, 'utf8');
  await writeFile(file, whole.slice(0, 100));
  const again = await start({ sums: models['sums']! }, { verdictFolder });
  assert.equal(again.proven('sums'), 'now');
  const [warning] = again.logged.filter(({ msg }) => msg === 'a kept verdict is ignored');
  assert.deepEqual([warning?.['file'], warning?.['reason'], warning?.['level']], [file, 'it is not JSON', 40]);
  assert.equal(await readFile(file, 'utf8'), whole);
  assert.deepEqual(await verdictsIn(verdictFolder), [name]);
});

test('a verdict of another processor is confirmed by a run, and one that is wrong here is not believed', async (t) => {
  const verdictFolder = await folderFor(t);
  await start({ sums: models['sums']! }, { verdictFolder });
  const [name] = await verdictsIn(verdictFolder);
  const file = path.join(verdictFolder, name!);
  const key = name!.replace('.json', '');
  const spec = (tensor: string) => ({ name: tensor, datatype: 'FP32', shape: [-1, -1], batchAxis: 0 }) as const;
  const claim = (inputs: readonly ReturnType<typeof spec>[], batchAxis: number): string =>
    encodeVerdict(
      {
        kind: 'independent',
        signature: { inputs, outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1], batchAxis }] },
        largestDifference: 0,
        trials: 6,
        sample: new Map([['x', { datatype: 'FP32', shape: [1, 7], data: new Float32Array(7) }]]),
      },
      { key, model: 'sums 1', cpu: 'elsewhere' },
    )!;
  await writeFile(file, claim([spec('x')], 0));
  assert.equal((await start({ sums: models['sums']! }, { verdictFolder })).proven('sums'), 'by an earlier start');
  await writeFile(file, claim([{ ...spec('x'), batchAxis: 0 }], 1));
  assert.equal((await start({ sums: models['sums']! }, { verdictFolder })).proven('sums'), 'now');
});

test('a folder that can not be written costs a line of the log', async (t) => {
  const folder = await folderFor(t);
  await writeFile(path.join(folder, 'file'), '');
  const { loaded, logged } = await start(models, { verdictFolder: path.join(folder, 'file', 'deeper') });
  assert.equal(loaded.size, 2);
  assert.equal(logged.filter(({ msg }) => msg === 'verdicts on batching are not kept').length, 1);
  await chmod(folder, 0o700);
});

const run = promisify(execFile);

test('sluice prove leaves verdicts in the repository, which pods take over', async (t) => {
  const broken = { ...models, broken: { versions: { 1: Buffer.from('no model') } } };
  const repository = await writeRepository(broken);
  t.after(() => rm(repository, { recursive: true, force: true }));
  const failed = (await run(process.execPath, [cli, 'prove', '--repository', repository]).catch(
    (error: unknown) => error,
  )) as { code: number; stdout: string };
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /^MODEL +VERSION +BATCHED/);
  assert.match(failed.stdout, /^broken +1 +broken/m);
  assert.match(failed.stdout, /^quiet +1 +no .*node 'Mean_0' reduces over the batch axis$/m);
  assert.match(failed.stdout, /^sums +1 +yes/m);

  const args = [cli, 'prove', '--repository', repository, '--models', 'sums,quiet', '--json'];
  const proved = JSON.parse((await run(process.execPath, args)).stdout) as { model: string; batched: boolean }[];
  assert.deepEqual(
    proved.map(({ model, batched }) => [model, batched]),
    [
      ['sums', true],
      ['quiet', false],
    ],
  );
  assert.equal((await readdir(path.join(repository, '.verdicts'))).length, 2);
  const { proven } = await start({}, { repository, models: 'sums,quiet' });
  assert.deepEqual([proven('sums'), proven('quiet')], ['by an earlier start', 'by an earlier start']);
});

test('sluice prove without a repository to read is invalid usage', async () => {
  const failed = (await run(process.execPath, [cli, 'prove', '--repository', '/nowhere']).catch(
    (error: unknown) => error,
  )) as { code: number; stderr: string };
  assert.equal(failed.code, 2);
  assert.match(failed.stderr, /^sluice: --repository \(SLUICE_REPOSITORY\): repository \/nowhere does not exist\n$/);
});
