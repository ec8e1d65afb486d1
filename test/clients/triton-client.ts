/** triton_http.py, which uses tritonclient as it comes, against a whole system. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonEnvironment } from '../../bench/lab/rig/python-environment.ts';
import type { Cleanup } from '../../bench/lab/rig/cleanup.ts';
import { testSecret } from '../../runtime/testing/secret.ts';
import { startSystem } from '../support/system.ts';

const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
const script = fileURLToPath(new URL('triton_http.py', import.meta.url));
const scriptLimitMs = 180_000;

/** @throws Error if a check of the script fails, or the system does not end well */
export async function checkTritonClient(cleanup: Cleanup): Promise<void> {
  const environment = await pythonEnvironment('clients', requirements, { leastMinor: 9, cleanup, say: console.log });
  const system = await startSystem(['--models', 'simple,langid']);
  let exitCode: number | null;
  try {
    const { host } = new URL(system.origin);
    // Not spawnSync: what the system writes must be read meanwhile.
    const python = path.join(environment, 'bin/python');
    const env = { ...process.env, SLUICE_SECRET: testSecret };
    const client = spawn(python, [script, host], { stdio: 'inherit', timeout: scriptLimitMs, env });
    const [status, signal] = (await once(client, 'exit')) as [number | null, string | null];
    if (status !== 0) {
      console.error(`The last lines of the system:\n${system.output.slice(-30).join('\n')}`);
      throw new Error(signal === null ? 'a check failed' : `ended by ${signal}, limit ${scriptLimitMs} ms`);
    }
  } finally {
    exitCode = await system.stop();
  }
  if (exitCode !== 0) throw new Error(`the system ended with ${String(exitCode)}`);
}
