/** A gateway process by itself: when it says that it may be sent requests, and how it ends. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { buildGateway } from '../../gateway/app.ts';
import { poolOf, TestCluster, until } from '../support/gateway-harness.ts';
import { StandInPod } from '../support/stand-in-pod.ts';

interface Process {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly origin: string;
  readonly admin: string;
}

async function startProcess(t: TestContext, pod: StandInPod, ...flags: string[]): Promise<Process> {
  const directory = mkdtempSync(path.join(tmpdir(), 'sluice-gateway-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const pools = path.join(directory, 'pools.yaml');
  writeFileSync(pools, JSON.stringify({ ...poolOf({ endpoints: [pod.pod.origin] }) }));
  const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
  const child = spawn(
    process.execPath,
    [sluice, 'gateway', '--pools', pools, '--port', '0', '--admin-port', '0', ...flags],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } },
  );
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const { port, adminPort } = await new Promise<{ port: number; adminPort: number }>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as { msg: string; port: number; adminPort: number };
      if (entry.msg === 'gateway listens') resolve(entry);
    });
    void exited.then((code) => reject(new Error(`ended with ${code}`)));
  });
  return { child, exited, origin: `http://127.0.0.1:${port}`, admin: `http://127.0.0.1:${adminPort}` };
}

async function startPod(t: TestContext): Promise<StandInPod> {
  const pod = new StandInPod('a', ['echo']);
  await pod.start();
  t.after(() => pod.stop());
  return pod;
}

const ready = async (admin: string): Promise<boolean> => (await fetch(`${admin}/readyz`)).status === 200;
const predict = async (origin: string, body: string): Promise<number> => {
  const answer = await fetch(`${origin}/v2/models/echo/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  await answer.text();
  return answer.status;
};

test('it is ready once it knows its pods and has asked each of them', async (t) => {
  const pod = await startPod(t);
  const cluster = new TestCluster();
  const gateway = buildGateway({ cluster, log: pino({ level: 'silent' }), version: 'test', name: 'test' });
  t.after(() => gateway.close());
  await gateway.admin.listen({ host: '127.0.0.1', port: 0 });
  const admin = `http://127.0.0.1:${(gateway.admin.server.address() as AddressInfo).port}`;
  assert.equal(await ready(admin), false);
  assert.equal(((await (await fetch(`${admin}/load`)).json()) as { ready: boolean }).ready, false);
  pod.behaviour = { kind: 'hang' };
  cluster.show({ pools: [poolOf({})], pods: [pod.pod] });
  assert.equal(await ready(admin), false);
  await until('it has had no answer', () => ready(admin));
  // A pod that comes later changes nothing.
  cluster.show({ pools: [poolOf({})], pods: [pod.pod, { ...pod.pod, uid: 'late', name: 'late' }] });
  assert.equal(await ready(admin), true);
});

test('told to go it is not ready, accepts for a while more, finishes what it has, and exits 0', async (t) => {
  const pod = await startPod(t);
  const { child, exited, origin, admin } = await startProcess(t, pod, '--drain-delay-ms', '4000');
  pod.behaviour = { kind: 'slow', ms: 300 };
  await until('it is ready', () => ready(admin));
  assert.equal(await predict(origin, '1'), 200);
  child.kill('SIGTERM');
  await until('it is not ready', async () => !(await ready(admin)), 3_900);
  // One after the other until it accepts no more: what it has taken by then is answered.
  const statuses = new Set<number>();
  for (;;) {
    const status = await predict(origin, '2').catch((error: unknown) => error);
    if (typeof status !== 'number') {
      // A connection that came in the moment of the end is reset; nothing of its request was read.
      assert.match(
        String(((status as Error).cause as { code?: string } | undefined)?.code),
        /ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET/,
      );
      break;
    }
    statuses.add(status);
  }
  assert.deepEqual([...statuses], [200]);
  assert.equal(await exited, 0);
});
