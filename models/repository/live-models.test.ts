/** Loads of versions that end while the repository changes below them, over real files and a host that creates no session. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { LiveModels, type LiveModelsOptions } from './live-models.ts';
import { lookAt } from './look.ts';
import { ModelSet } from './model-set.ts';
import type { ServedModel } from './served-model.ts';

interface Failing {
  /** Versions that serve. */
  readonly serving: readonly string[];
  /** Version that is added, or whose content changes, and whose load fails. */
  readonly loads: string;
  /** Called while it is loaded, with the folder of the model. */
  readonly meanwhile?: (folder: string) => Promise<void>;
}

/** Has a pod that serves model `m` fail to load a version. @returns its versions afterwards, and those whose files it knows */
async function failToLoad(t: TestContext, { serving, loads, meanwhile }: Failing) {
  const repository = await mkdtemp(path.join(tmpdir(), 'sluice-live-'));
  t.after(() => rm(repository, { recursive: true, force: true }));
  const folder = path.join(repository, 'm');
  const write = async (version: string, content: string): Promise<void> => {
    await mkdir(path.join(folder, version), { recursive: true });
    await writeFile(path.join(folder, version, 'model.onnx'), content);
  };
  const models = new ModelSet();
  for (const version of serving) {
    await write(version, 'first');
    const model = { name: 'm', version, unbatchedReason: null, transform: null, problem: null, warmup: [] };
    models.set('m', version, { kind: 'ready', model: model as unknown as ServedModel });
  }
  const ignore = (): undefined => undefined;
  const live = new LiveModels({
    repository,
    only: null,
    models,
    limits: { maxRows: 1, maxRequestRows: 1 },
    log: { info: ignore, warn: ignore, error: ignore },
    host: {
      loadBeside: async () => {
        await meanwhile?.(folder);
        throw new Error('the file cannot be read');
      },
    },
    markers: { begin: () => ignore },
    transforms: { open: () => Promise.resolve(null) },
    unobeyed: { tell: ignore },
    keptWish: { keep: ignore },
    isRequired: () => false,
  } as unknown as LiveModelsOptions);
  live.adopt(await lookAt(repository, null));
  await write(loads, 'second');
  await assert.rejects(live.loadVersion('m', loads), { message: 'the file cannot be read' });
  const listed = models.status().map(({ version, state, next }) => `${version} ${next?.state ?? state}`);
  return { listed, known: live.known.map(({ version, own }) => (own === '' ? `${version} anew` : version)) };
}

const removed = (version: string) => (folder: string) => rm(path.join(folder, version), { recursive: true });

test("a version that can't be loaded has failed, and so has new content under a number that serves", async (t) => {
  const added = await failToLoad(t, { serving: ['1'], loads: '2' });
  assert.deepEqual(added, { listed: ['1 ready', '2 failed'], known: ['1', '2'] });
  const changed = await failToLoad(t, { serving: ['1', '2'], loads: '2' });
  assert.deepEqual(changed, { listed: ['1 ready', '2 failed'], known: ['1', '2'] });
});

test('a version that is removed while it is loaded has not failed: it is gone', async (t) => {
  const added = await failToLoad(t, { serving: ['1'], loads: '2', meanwhile: removed('2') });
  assert.deepEqual(added, { listed: ['1 ready'], known: ['1'] });
});

test('new content that is removed while it is loaded is forgotten, and what comes back is read anew', async (t) => {
  const changed = await failToLoad(t, { serving: ['1', '2'], loads: '2', meanwhile: removed('2') });
  assert.deepEqual(changed, { listed: ['1 ready', '2 ready'], known: ['1', '2 anew'] });
});

test('a version has failed where nothing of its model is there any more: the repository may be away', async (t) => {
  const added = await failToLoad(t, { serving: ['1'], loads: '2', meanwhile: removed('.') });
  assert.deepEqual(added.listed, ['1 ready', '2 failed']);
});
