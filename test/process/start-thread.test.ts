/** Threads as pods start them: their code compiled before, their priority, and the failure to load their module. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import module from 'node:module';
import { getPriority, tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { startThread } from '../../runtime/process/start-thread.ts';

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-thread-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Answers each message with it, its folder of compiled code and its priority. */
const echo = `
  import module from 'node:module';
  import { getPriority } from 'node:os';
  import { parentPort } from 'node:worker_threads';
  const port: typeof parentPort = parentPort;
  port!.on('message', (message: string) => {
    port!.postMessage({ message, compiled: module.getCompileCacheDir() ?? null, priority: getPriority() });
  });
`;

test('a thread keeps compiled code where its process does, and hears what was sent before it listened', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(path.join(folder, 'echo.ts'), echo);
  const ask = async (nicerBy?: number): Promise<unknown> => {
    const options = nicerBy === undefined ? {} : { nicerBy };
    const thread = startThread(pathToFileURL(path.join(folder, 'echo.ts')), options);
    thread.postMessage('early');
    const [answer] = (await once(thread, 'message')) as unknown[];
    await thread.terminate();
    return answer;
  };
  const priority = getPriority();
  // Whoever runs this test may have asked for compiled code before.
  assert.deepEqual(await ask(), { message: 'early', compiled: module.getCompileCacheDir() ?? null, priority });
  module.enableCompileCache(path.join(folder, 'compiled'));
  const compiled = module.getCompileCacheDir();
  assert.ok(compiled !== undefined);
  assert.deepEqual(await ask(), { message: 'early', compiled, priority });
  const nicer = process.platform === 'linux' ? Math.min(19, priority + 5) : priority;
  assert.deepEqual(await ask(5), { message: 'early', compiled, priority: nicer });
  assert.equal(getPriority(), priority, 'the process keeps its own');
});

test('a module that can not be loaded is an error of its thread', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(path.join(folder, 'broken.ts'), 'throw new Error("broken");');
  for (const [file, message] of [
    ['broken.ts', /^broken$/],
    ['missing.ts', /Cannot find module/],
  ] as const) {
    const thread = startThread(pathToFileURL(path.join(folder, file)));
    const [error] = (await once(thread, 'error')) as [Error];
    assert.match(error.message, message);
  }
});
