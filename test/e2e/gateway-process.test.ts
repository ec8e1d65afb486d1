/** A gateway process by itself: when it says that it may be sent requests, and how it ends. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { buildGateway } from '../../gateway/app.ts';
import { testSecret } from '../../runtime/testing/secret.ts';
import { freePort } from '../support/free-port.ts';
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
  return started(spawned(t, ['--pools', pools, ...flags]));
}

function spawned(t: TestContext, flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
  const child = spawn(process.execPath, [sluice, 'gateway', '--port', '0', '--admin-port', '0', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], ...env },
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function started(child: ReturnType<typeof spawned>): Promise<Process> {
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
  const { child, exited, origin, admin } = await startProcess(t, pod, '--drain-delay-ms', '10000');
  pod.behaviour = { kind: 'slow', ms: 300 };
  await until('it is ready', () => ready(admin));
  assert.equal(await predict(origin, '1'), 200);
  child.kill('SIGTERM');
  // A gateway that ends before it has said so refuses the connection, which fails the test.
  await until('it is not ready', async () => !(await ready(admin)));
  // One after the other until it accepts no more: what it has taken by then is answered.
  const statuses = new Set<number>();
  for (;;) {
    const status = await predict(origin, '2').catch((error: unknown) => error);
    if (typeof status !== 'number') {
      // A connection that came in the moment of the end is reset by the system; nothing of its request was read.
      assert.match(
        String(((status as Error).cause as { code?: string } | undefined)?.code),
        /ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET/,
      );
      break;
    }
    // The end of a kept connection says so to a request that is on its way: nothing of it was read.
    if (status === 408) break;
    statuses.add(status);
  }
  assert.deepEqual([...statuses], [200]);
  assert.equal(await exited, 0);
});

test('clients that keep idle connections meet its end with answers or refusals, and never with a reset', async (t) => {
  const pod = await startPod(t);
  const { child, exited, origin, admin } = await startProcess(t, pod, '--drain-delay-ms', '3000');
  await until('it is ready', () => ready(admin));
  const { hostname, port } = new URL(origin);
  const clients = await Promise.all(Array.from({ length: 150 }, () => KeptConnection.open(hostname, Number(port))));
  const first = await Promise.all(clients.map((client) => client.ask('1')));
  assert.deepEqual([...new Set(first)], ['200 keep-alive']);
  child.kill('SIGTERM');
  // A request that it reads before the signal is answered as ever.
  await until('it is not ready', async () => !(await ready(admin)));
  // Twenty ask at once, and the others at a moment of their own each, the rest of the delay and the end included.
  const said = await Promise.all(
    clients.map(async (client, at) => {
      if (at >= 20) await sleep(30 * (at - 20));
      return client.ask('2');
    }),
  );
  assert.equal(await exited, 0);
  const counts = Map.groupBy(said, (one) => one);
  t.diagnostic([...counts].map(([what, { length }]) => `${length} × ${what}`).join(', '));
  for (const what of counts.keys()) assert.match(what, /^(200 close|408 close|ended before)$/);
  assert.ok((counts.get('200 close')?.length ?? 0) > 10, 'the delay was not used');
});

/** Flags and environment of a gateway whose API server is nowhere, with a view kept of a pool with this pod. */
function withoutApiServer(t: TestContext, pod: StandInPod) {
  const directory = mkdtempSync(path.join(tmpdir(), 'sluice-gateway-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const kubeconfig = path.join(directory, 'kubeconfig');
  const cluster = { name: 'x', cluster: { server: 'http://127.0.0.1:1', 'insecure-skip-tls-verify': true } };
  const context = { name: 'x', context: { cluster: 'x', user: 'x', namespace: 'test' } };
  const user = { name: 'x', user: { token: 'x' } };
  writeFileSync(
    kubeconfig,
    JSON.stringify({ clusters: [cluster], contexts: [context], users: [user], 'current-context': 'x' }),
  );
  const viewFile = path.join(directory, 'view.json');
  const view = { pools: [poolOf({})], pods: [pod.pod] };
  const keep = (): void =>
    writeFileSync(viewFile, JSON.stringify({ format: 1, namespace: 'test', savedAtMs: Date.now(), view }));
  return {
    flags: ['--cluster', 'kubernetes', '--view-file', viewFile],
    env: { KUBECONFIG: kubeconfig, SLUICE_SECRET: testSecret },
    keep,
  };
}

test('a gateway that starts without its API server serves from its last view, from the first connection on', async (t) => {
  const pod = await startPod(t);
  const { flags, env, keep } = withoutApiServer(t, pod);
  keep();
  const { child, exited, origin, admin } = await started(spawned(t, flags, env));
  const statuses = await Promise.all(Array.from({ length: 10 }, () => predict(origin, '1')));
  assert.deepEqual([...new Set(statuses)], [200]);
  assert.equal(await ready(admin), true);
  child.kill('SIGTERM');
  assert.equal(await exited, 0);
});

test('without API server and last view it lives, takes no client, and can be told to go', async (t) => {
  const pod = await startPod(t);
  const { flags, env } = withoutApiServer(t, pod);
  const [port, adminPort] = [String(await freePort()), String(await freePort())];
  const child = spawned(t, [...flags, '--port', port, '--admin-port', adminPort], env);
  const exited = once(child, 'exit');
  await until('it lives', async () => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/livez`).catch(() => null);
    return answer?.status === 200;
  });
  // Lists have failed by then, and a view that there were would have been used.
  await once(createInterface({ input: child.stdout }), 'line');
  assert.equal(await ready(`http://127.0.0.1:${adminPort}`), false);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/v2/health/live`), /fetch failed/);
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});

/** A connection as the simplest of clients keeps it: it notices its end only when it looks. */
class KeptConnection {
  readonly #socket: Socket;
  #received = '';
  #over: string | null = null;
  #heard = (): void => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text;
      this.#heard();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (this.#over = error.code ?? 'error'));
    socket.on('close', () => {
      this.#over ??= 'closed';
      this.#heard();
    });
  }

  static async open(host: string, port: number): Promise<KeptConnection> {
    const socket = connect(port, host);
    await once(socket, 'connect');
    return new KeptConnection(socket);
  }

  /** @returns the answer's status and connection header, or why there is none */
  async ask(body: string): Promise<string> {
    if (this.#over === 'closed') return 'ended before';
    this.#socket.write(
      `POST /v2/models/echo/infer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await new Promise<void>((resolve) => {
      this.#heard = () => {
        if (/\r\n\r\n./s.test(this.#received) || this.#over !== null) resolve();
      };
      this.#heard();
    });
    const answer = this.#received;
    this.#received = '';
    const [, status] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? [];
    if (status === undefined) return `no answer: ${this.#over ?? ''}`;
    return `${status} ${/\r\nconnection: (\S+)\r\n/i.exec(answer)?.[1] ?? 'none'}`;
  }
}
