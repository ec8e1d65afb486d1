/** A watch over a real folder from the first look on: what changed while the process started is handed on before it has caught up. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { lookAt, type Look } from './look.ts';
import { RepositoryWatch } from './repository-watch.ts';

const silent = { warn: () => undefined, info: () => undefined };

/** A repository with version 1 of model `m`, and the look that a process starts with. */
async function started(t: TestContext) {
  const repository = await mkdtemp(path.join(tmpdir(), 'sluice-watch-'));
  t.after(() => rm(repository, { recursive: true, force: true }));
  const add = async (version: string): Promise<void> => {
    await mkdir(path.join(repository, 'm', version), { recursive: true });
    await writeFile(path.join(repository, 'm', version, 'model.onnx'), version);
  };
  await add('1');
  return { repository, add, since: await lookAt(repository, null) };
}

/** Watches until it has caught up. @returns versions that were found by then, versions that were missed, and how many looks it took */
async function caughtUp(t: TestContext, repository: string, since: Look) {
  const [found, missing] = [new Set<string>(), new Set<string>()];
  let looks = 0;
  const watch = new RepositoryWatch({
    repository,
    only: null,
    // Longer than the test: nothing but a change brings the next look.
    pollMs: 3_600_000,
    since,
    known: () => [{ name: 'm', version: '1' }],
    onSettled: (settled) => {
      looks += 1;
      for (const { version } of settled.versions) found.add(version);
      for (const { version } of settled.missing) missing.add(version);
      return Promise.resolve();
    },
    log: silent,
  });
  t.after(() => watch.close());
  await watch.caughtUp;
  return { found: [...found], missing: [...missing], looks };
}

test('a repository that is as it was has been caught up with by the first look', async (t) => {
  const { repository, since } = await started(t);
  assert.deepEqual(await caughtUp(t, repository, since), { found: ['1'], missing: [], looks: 1 });
});

test('a version that came meanwhile is handed on, once its files have settled', async (t) => {
  const { repository, add, since } = await started(t);
  await add('2');
  const { found, looks } = await caughtUp(t, repository, since);
  assert.deepEqual(found, ['1', '2']);
  assert.ok(looks > 1);
});

test('a version that went meanwhile is missed', async (t) => {
  const { repository, add, since } = await started(t);
  await add('2');
  await rm(path.join(repository, 'm', '1'), { recursive: true });
  assert.deepEqual((await caughtUp(t, repository, since)).missing, ['1']);
});

test('a repository that went meanwhile holds up nobody', async (t) => {
  const { repository, since } = await started(t);
  await rm(repository, { recursive: true });
  assert.equal((await caughtUp(t, repository, since)).looks, 0);
});
