/** A log that can't be written costs lines of it: each process goes on, and counts them. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/gateway-harness.ts';
import { Metrics } from '../support/metrics.ts';

const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
/** A device whose every write fails with ENOSPC. */
const fullDisk = '/dev/full';
const noFullDisk = existsSync(fullDisk) ? false : `no ${fullDisk}`;

type Log = 'full disk' | 'closed pipe';

function start(t: TestContext, log: Log, flags: readonly string[]): ChildProcess {
  const stdout = log === 'full disk' ? openSync(fullDisk, 'w') : 'pipe';
  const child = spawn(process.execPath, [sluice, ...flags], {
    stdio: ['ignore', stdout, stdout === 'pipe' ? 'pipe' : stdout],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
  });
  child.stdout?.destroy();
  child.stderr?.destroy();
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  return child;
}

async function answers(child: ChildProcess, url: string): Promise<string> {
  let text = '';
  await until(`${url} answers`, async () => {
    assert.deepEqual([child.exitCode, child.signalCode], [null, null], 'the process has ended');
    try {
      const response = await fetch(url);
      text = await response.text();
      return response.ok;
    } catch {
      return false;
    }
  });
  return text;
}

for (const log of ['full disk', 'closed pipe'] as const) {
  test(`a gateway and a pod whose log is a ${log}`, { skip: log === 'full disk' && noFullDisk }, async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-'));
    t.after(() => rm(folder, { recursive: true }));
    const [port, adminPort, podPort] = await Promise.all([freePort(), freePort(), freePort()]);
    const zoo = fileURLToPath(new URL('../../models/zoo', import.meta.url));
    const pod = start(t, log, ['model-server', '--repository', zoo, '--models', 'simple', '--port', String(podPort)]);
    const pools = path.join(folder, 'pools.yaml');
    await writeFile(
      pools,
      `apiVersion: sluice.dev/v1alpha1\nkind: ModelPool\nmetadata: { name: p }\nspec: { models: [simple], endpoints: ["http://127.0.0.1:${podPort}"] }\n`,
    );
    const flags = ['--pools', pools, '--port', String(port), '--admin-port', String(adminPort)];
    const gateway = start(t, log, ['gateway', ...flags]);
    await answers(pod, `http://127.0.0.1:${podPort}/v2/health/ready`);
    await answers(gateway, `http://127.0.0.1:${port}/v1/models/simple`);
    for (const [child, component, url] of [
      [gateway, 'gateway', `http://127.0.0.1:${adminPort}/metrics`],
      [pod, 'model-server', `http://127.0.0.1:${podPort}/metrics`],
    ] as const) {
      const lost = new Metrics(await answers(child, url)).value('sluice_log_lines_lost_total', { component });
      assert.ok(lost > 0, `${component} counted ${lost} lost lines`);
    }
  });
}

test('sluice up whose log is a full disk', { skip: noFullDisk }, async (t) => {
  const [port, adminPort, scalerPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const ports = ['--port', String(port), '--admin-port', String(adminPort), '--scaler-port', String(scalerPort)];
  const up = start(t, 'full disk', ['up', '--models', 'simple', ...ports]);
  await answers(up, `http://127.0.0.1:${port}/v1/models/simple`);
  await answers(up, `http://127.0.0.1:${scalerPort}/metrics`);
  up.kill('SIGTERM');
  assert.deepEqual(await once(up, 'exit'), [0, null]);
});
