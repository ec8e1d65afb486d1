/** A pod in a process of its own, as whatever runs pods starts it. */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { testSecret } from '../../runtime/testing/secret.ts';
import { get, writeRepository, type RepositoryFiles } from '../../models/testing/model-server.ts';

export interface Started extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  readonly origin: string;
  readonly repository: string;
  log(): string;
}

/** Starts a pod over a repository in a temporary folder. */
export async function start(models: RepositoryFiles, settings: Record<string, string> = {}): Promise<Started> {
  const repository = await writeRepository(models);
  const child = fork(new URL('../../models/testing/main-process.ts', import.meta.url), {
    env: {
      ...process.env,
      SLUICE_REPOSITORY: repository,
      SLUICE_PORT: '0',
      SLUICE_VERDICT_FOLDER: 'none',
      SLUICE_SECRET: testSecret,
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  child.stdout!.on('data', (chunk) => (output += String(chunk)));
  child.stderr!.on('data', (chunk) => (output += String(chunk)));
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  // The last log lines may still be in the pipes when the process has exited.
  const read = Promise.all([once(child.stdout!, 'end'), once(child.stderr!, 'end')]);
  const ended = Promise.all([exited, read]).then(([[code, signal]]) => ({ code, signal }));
  const early = ended.then(() => {
    throw new Error(`the process ended before it listened: ${output}`);
  });
  const [message] = (await Promise.race([once(child, 'message'), early])) as [{ kind: string; port: number }];
  early.catch(() => undefined);
  assert.equal(message.kind, 'listening');
  return {
    child,
    ended,
    repository,
    origin: `http://127.0.0.1:${message.port}`,
    log: () => output,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
      await rm(repository, { recursive: true });
    },
  };
}

export async function ready({ origin }: Started): Promise<void> {
  while ((await get(`${origin}/v2/health/ready`)).status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 10));
}
