/** `sluice up` with its real processes, on the smallest bundled model. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { PodLog } from '../../contract/pod-log.ts';
import { allocatorEnv, gatewayAllocatorEnv } from '../../runtime/process/heap.ts';
import { isAlive } from '../support/processes.ts';

interface Line {
  readonly source: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}
interface Running extends Line {
  readonly gateway: string;
  readonly admin: string;
  readonly scaler: string;
  readonly gatewayPid: number;
  readonly pods: readonly { readonly name: string; readonly origin: string; readonly pid: number }[];
}

const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
const systems: ChildProcess[] = [];
after(() => systems.forEach((system) => system.kill('SIGKILL')));

const up = (...args: string[]) => upWith({}, ...args);

function upWith(variables: Readonly<Record<string, string>>, ...args: string[]) {
  const system = spawn(
    process.execPath,
    [sluice, 'up', '--port', '0', '--admin-port', '0', '--scaler-port', '0', '--log-format', 'json', ...args],
    // SLUICE_CLUSTER must not affect the processes of `sluice up`.
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH, SLUICE_CLUSTER: 'kubernetes', ...variables },
    },
  );
  systems.push(system);
  const lines: Line[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: system.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line) as Line);
    for (const look of waiting) look();
  });
  const exited = once(system, 'exit').then(([code]) => code as number | null);

  /** Resolves to the nth log line that satisfies `condition`, past lines included. */
  function line(condition: (line: Line) => boolean, nth = 1): Promise<Line> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = lines.filter(condition)[nth - 1];
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      void exited.then(() => reject(new Error(`ended: ${JSON.stringify(lines.slice(-5))}`)));
    });
  }
  return { system, lines, exited, line, running: () => line(({ msg }) => msg === 'running') as Promise<Running> };
}

const inputs = ['INPUT0', 'INPUT1'].map((name, index) => ({
  name,
  datatype: 'INT32',
  shape: [1, 16],
  data: Array.from({ length: 16 }, (_, column) => (index === 0 ? column : 1)),
}));

async function infer(gateway: string): Promise<{ status: number; body: string }> {
  const call = request(`${gateway}/v2/models/simple/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    agent: false,
  });
  call.end(JSON.stringify({ inputs }));
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}
async function assertServes(gateway: string): Promise<void> {
  const { status, body } = await infer(gateway);
  assert.equal(status, 200, body);
  const { outputs } = JSON.parse(body) as { outputs: { data: number[] }[] };
  assert.deepEqual(
    outputs[0]?.data,
    Array.from({ length: 16 }, (_, column) => column + 1),
  );
}
/** Bound for a hang. On a quiet machine the processes are gone in a moment. */
const goneLimitMs = 60_000;

async function allGone(pids: readonly number[], limitMs: number): Promise<void> {
  const until = Date.now() + limitMs;
  while (pids.some(isAlive) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(pids.filter(isAlive), []);
}

/** Waits until the scaler has decided, which writes the status. @returns the time of the decision */
async function scalerReports({ scaler }: Running): Promise<number> {
  const until = Date.now() + goneLimitMs;
  while (Date.now() < until) {
    const answer: unknown = await (await fetch(`${scaler}/api/pools/default/decisions`)).json();
    const last = Array.isArray(answer) ? (answer as { atMs: number }[]).at(-1) : undefined;
    if (last !== undefined) return last.atMs;
    await sleep(50);
  }
  return 0;
}

const environmentOf = (pid: number): string => readFileSync(`/proc/${pid}/environ`, 'utf8');

describe('sluice up', { timeout: 600_000 }, () => {
  test(
    'its processes have the variables of the allocator, unless told otherwise',
    { skip: process.platform !== 'linux' && 'reads /proc' },
    async () => {
      for (const given of [{}, { MALLOC_ARENA_MAX: '3' }]) {
        const { system, exited, running } = upWith(given, '--models', 'simple', '--pods', '1');
        const { gatewayPid, pods } = await running();
        for (const [pid, ours] of [
          [gatewayPid, gatewayAllocatorEnv],
          [pods[0]!.pid, allocatorEnv],
        ] as const) {
          const has = environmentOf(pid).split('\0');
          for (const [name, value] of Object.entries({ ...ours, ...given })) {
            assert.ok(has.includes(`${name}=${value}`), name);
          }
        }
        system.kill('SIGINT');
        assert.equal(await exited, 0);
      }
    },
  );

  test('its secret is made at random: control routes need it, no command line and no log shows it', async () => {
    const { system, lines, exited, running } = up('--models', 'simple', '--pods', '1');
    const { gateway, gatewayPid, pods, admin } = await running();
    await assertServes(gateway);
    for (const [method, url] of [
      ['POST', `${pods[0]!.origin}/drain`],
      ['DELETE', `${pods[0]!.origin}/drain`],
      ['POST', `${pods[0]!.origin}/v2/envelope`],
      ['POST', `${pods[0]!.origin}/v2/unbatched`],
      ['GET', `${admin}/load/stream`],
    ] as const) {
      const refused = await fetch(url, { method });
      assert.equal(refused.status, 401, url);
      assert.match(await refused.text(), /SLUICE_SECRET or --secret-file/);
    }
    await assertServes(gateway);
    if (process.platform === 'linux') {
      const [, secret] = /SLUICE_SECRET=(\w{64})/.exec(environmentOf(gatewayPid)) ?? [];
      assert.ok(secret !== undefined && environmentOf(pods[0]!.pid).includes(secret));
      const drain = `${pods[0]!.origin}/drain`;
      const headers = { authorization: `Bearer ${secret}` };
      assert.equal((await fetch(drain, { method: 'POST', headers })).status, 200);
      assert.equal((await fetch(drain, { method: 'DELETE', headers })).status, 200);
      for (const pid of [system.pid!, gatewayPid, pods[0]!.pid]) {
        assert.ok(!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(secret));
      }
      assert.ok(!JSON.stringify(lines).includes(secret));
    }
    system.kill('SIGINT');
    assert.equal(await exited, 0);
  });

  test('what is learned of days is kept in --state-folder; text that nobody can read is a warning, and replaced', async () => {
    const state = mkdtempSync(path.join(tmpdir(), 'sluice-state-'));
    const file = path.join(state, 'default.season');
    writeFileSync(file, 'v7 of a stranger');
    const start = () => up('--models', 'simple', '--pods', '1', '--state-folder', state);
    const kept = async (condition: (text: string) => boolean): Promise<string> => {
      const until = Date.now() + goneLimitMs;
      while (!condition(readFileSync(file, 'utf8')) && Date.now() < until) await sleep(20);
      return readFileSync(file, 'utf8');
    };
    const first = start();
    await first.line(({ msg }) => msg.includes("status.seasonal can't be read"));
    const text = await kept((now) => now.startsWith('v1 '));
    assert.match(text, /^v1 \d+ [^\n]+ -\n$/);
    first.system.kill('SIGINT');
    assert.equal(await first.exited, 0);

    // A time since which rushes are known that lies a day back shows whether the next one goes on from it.
    const [, sinceS] = text.split(' ');
    const earlier = text.replace(sinceS!, String(Number(sinceS) - 86_400)).replace(' 1.000 ', ' 1.010 ');
    writeFileSync(file, earlier.replace(' -\n', ' 12j\n'));
    const second = start();
    const known = await scalerReports(await second.running());
    second.system.kill('SIGINT');
    assert.equal(await second.exited, 0);
    assert.ok(known > 0);
    assert.deepEqual(
      second.lines.filter(({ msg }) => msg.includes('status.seasonal')),
      [],
    );
    assert.equal(readFileSync(file, 'utf8'), earlier.replace(' -\n', ' 12j\n'));
    rmSync(state, { recursive: true });
  });

  test('a killed pod and a killed gateway are restarted, and SIGINT drains everything and exits 0', async () => {
    const { system, lines, exited, line, running } = up('--models', 'simple', '--pods', '2');
    const { gateway, gatewayPid, pods, scaler } = await running();
    assert.equal(pods.length, 2);
    await assertServes(gateway);

    const [victim] = pods;
    process.kill(victim!.pid, 'SIGKILL');
    await line(({ msg }) => msg === `pod ${victim!.name}: Restarting: killed by SIGKILL`);
    await assertServes(gateway);
    await line(({ msg }) => msg.startsWith(`pod ${victim!.name} ready in`), 2);
    // The lines of both its processes can be had, each by the process that wrote them.
    const log = async (query: string): Promise<PodLog> =>
      (await (await fetch(`${scaler}/api/pods/${victim!.name}/log${query}`)).json()) as PodLog;
    const [last, before] = [await log(''), await log('?previous=true')];
    assert.equal(before.lines[0]?.number, 0);
    assert.equal(last.lines[0]?.number, before.lines.at(-1)!.number + 1);
    for (const { lines } of [last, before]) assert.ok(lines.some((each) => each.text.includes('ready')));

    process.kill(gatewayPid, 'SIGKILL');
    await line(({ msg }) => msg === 'gateway: Restarting: killed by SIGKILL');
    await line(({ msg }) => msg === 'gateway listens', 2);
    await assertServes(gateway);

    system.kill('SIGINT');
    assert.equal(await exited, 0);
    // Nothing is in flight, so no process has to be killed at the end of its grace period.
    assert.deepEqual(
      lines.filter(({ msg }) => /did not terminate within|grace period/.test(msg)),
      [],
    );
    await allGone(
      pods.slice(1).map(({ pid }) => pid),
      0,
    );
  });

  test('kill -9 of the supervisor leaves no process behind', async () => {
    const { system, running } = up('--models', 'simple', '--pods', '2');
    const { gatewayPid, pods } = await running();
    const pids = [gatewayPid, ...pods.map(({ pid }) => pid)];
    assert.ok(pids.every(isAlive));
    system.kill('SIGKILL');
    await allGone(pids, goneLimitMs);
  });

  test('a closed stdout, as with a pipe into head, shuts the system down as SIGTERM does', async () => {
    const { system, exited, running } = up('--models', 'simple');
    const { gatewayPid, pods } = await running();
    system.stdout.destroy();
    // Causes a log line, whose write fails with EPIPE.
    process.kill(pods[0]!.pid, 'SIGKILL');
    assert.equal(await exited, 0);
    await allGone([gatewayPid, ...pods.map(({ pid }) => pid)], goneLimitMs);
  });

  test('a second SIGINT kills all processes at once and exits 130', async () => {
    const { system, exited, running, line } = up('--models', 'simple', '--pods', '2');
    const { gatewayPid, gateway, pods } = await running();
    // An unfinished request keeps the gateway from draining.
    const open = request(`${gateway}/v2/models/simple/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '100' },
      agent: false,
    });
    open.on('error', () => undefined);
    open.write('{');
    await new Promise((resolve) => setTimeout(resolve, 100));
    system.kill('SIGINT');
    await line(({ msg }) => msg.startsWith('draining'));
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(system.exitCode, null);
    system.kill('SIGINT');
    assert.equal(await exited, 130);
    await allGone([gatewayPid, ...pods.map(({ pid }) => pid)], goneLimitMs);
  });

  test('a system without a loadable model reports why and exits 1', async () => {
    const repository = mkdtempSync(path.join(tmpdir(), 'sluice-up-'));
    mkdirSync(path.join(repository, 'm', '1'), { recursive: true });
    writeFileSync(path.join(repository, 'm', '1', 'model.onnx'), 'junk');
    const { exited, line } = up('--repository', repository, '--pods', '1');
    const { msg } = await line((found) => found.level === 50 && found.msg.includes('is not ready: '));
    assert.match(msg, /exit code 1 \(.*m.*Protobuf parsing failed/);
    assert.equal(await exited, 1);
    rmSync(repository, { recursive: true });
  });
});
