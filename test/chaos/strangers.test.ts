/**
 * Hostile clients at one address, and good ones at another, 50 requests a second: whatever the first do, no good request fails, the
 * gateway's memory grows by at most 128 MiB, and no process ends.
 */
import assert from 'node:assert/strict';
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as send } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { PodStatus } from '../../contract/pod-status.ts';
import { everyTarget, startAttackedSystem, type AttackedSystem } from '../support/attacked-system.ts';
import type { Tally } from '../support/attacker.ts';
import { until } from '../support/gateway-harness.ts';
import { Metrics } from '../support/metrics.ts';
import { Client, json, readInferAnswer, simpleInputs } from '../support/requests.ts';
import type { System } from '../support/system.ts';

const mebibyte = 1024 * 1024;
const mostGrowthBytes = 128 * mebibyte;
const attackerPath = fileURLToPath(new URL('../support/attacker.ts', import.meta.url));
const attackMs = 3_000;
const goodEveryMs = 20;

let attacked: AttackedSystem;
let system: System;
let client: Client;
let processes: Record<string, readonly number[]>;
const running = (): Record<string, readonly number[]> => ({
  pods: system.podPids(),
  gateway: system.pidsOf('gateway'),
  scaler: system.pidsOf('scaler'),
});

before(async () => {
  // Nothing of the flood is refused, however slow the machine: which level is served is the subject, not what refusals cost.
  attacked = await startAttackedSystem(everyTarget());
  ({ system } = attacked);
  client = new Client(system.origin);
  // The gateway's memory is that of one which has served such requests: garbage of large answers is no attack.
  await Promise.all(Array.from({ length: 4 }, () => largeTraffic(12)));
  await goodTraffic(system.origin, 2_000);
  processes = running();
});

after(async () => {
  await client.close();
  await attacked.stop();
});

/** Large answers that are read, one after the other. */
async function largeTraffic(count: number): Promise<void> {
  const x = { name: 'x', datatype: 'FP32', shape: [16, 1], data: Array<number>(16).fill(0) };
  const asked = json({ inputs: [x], parameters: { binary_data_output: true } });
  for (let sent = 0; sent < count; sent += 1) assert.equal((await client.infer('large', asked)).status, 200);
}

interface Good {
  readonly sent: number;
  readonly failures: readonly string[];
}

/** Good requests for so long: by kept connections, each fifth by a new one. */
async function goodTraffic(origin: string, ms: number): Promise<Good> {
  const failures: string[] = [];
  const answers: Promise<void>[] = [];
  const endMs = performance.now() + ms;
  for (let count = 0; performance.now() < endMs; count += 1) {
    const inputs = simpleInputs(count % 100);
    const asked = count % 5 === 0 ? askAnew(origin, inputs) : client.infer('simple', json({ inputs }));
    answers.push(
      asked.then(
        (answer) => {
          if (answer.status === 200) readInferAnswer(answer);
          else failures.push(`${answer.status} ${answer.text.slice(0, 200)}`);
        },
        (error: unknown) => void failures.push(String(error)),
      ),
    );
    await delay(goodEveryMs);
  }
  await Promise.all(answers);
  return { sent: answers.length, failures };
}

function askAnew(origin: string, inputs: unknown): ReturnType<Client['infer']> {
  return new Promise((resolve, reject) => {
    const asked = send(
      `${origin}/v2/models/simple/infer`,
      { method: 'POST', agent: false, headers: { 'content-type': 'application/json' } },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const body = Buffer.concat(parts);
          resolve({ status: response.statusCode!, headers: response.headers, body, text: body.toString() });
        });
      },
    );
    asked.on('error', reject).end(JSON.stringify({ inputs }));
  });
}

const memoryOf = (pid: number): number =>
  1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** Attacks ports while good clients go on. @returns asks the attacker what it has seen */
async function attack(
  t: TestContext,
  name: string,
  targets: readonly string[],
  victim: { origin: string; pid: number },
): Promise<() => Promise<Tally>> {
  const attacker = fork(attackerPath, [name, ...targets]);
  t.after(() => attacker.kill('SIGKILL'));
  const startBytes = memoryOf(victim.pid);
  let peakBytes = startBytes;
  const watch = setInterval(() => (peakBytes = Math.max(peakBytes, memoryOf(victim.pid))), 20);
  try {
    const [good] = await Promise.all([goodTraffic(victim.origin, attackMs), once(attacker, 'message')]);
    assert.deepEqual(good.failures, [], `${good.failures.length} of ${good.sent} good requests failed`);
    assert.ok(good.sent > 10, `${good.sent} good requests`);
  } finally {
    clearInterval(watch);
  }
  const growth = Math.round((peakBytes - startBytes) / mebibyte);
  t.diagnostic(`the gateway grew by ${growth} MiB`);
  assert.ok(peakBytes - startBytes <= mostGrowthBytes, `the gateway grew by ${growth} MiB`);
  return async (): Promise<Tally> => {
    attacker.send('tally');
    const [tally] = (await once(attacker, 'message')) as [Tally];
    t.diagnostic(JSON.stringify(tally));
    return tally;
  };
}

type Refusals = (reason: string) => number;

interface Row {
  readonly attack: string;
  readonly port?: 'client' | 'admin' | 'pod';
  /** Evidence that the guard did it, from what the attacker saw and what the gateway counted meanwhile. */
  readonly proof: (tally: Tally, refusals: Refusals) => void | Promise<void>;
}

const only = (tally: Tally, ...statuses: readonly string[]): void => {
  const other = Object.keys(tally.answers).filter((status) => !statuses.includes(status));
  assert.deepEqual(other, [], JSON.stringify(tally));
};
const some = (refusals: Refusals, ...reasons: readonly string[]): void =>
  assert.ok(
    reasons.some((reason) => refusals(reason) > 0),
    `nothing was refused for ${reasons.join(' or ')}`,
  );

/** Texts that pods were reading when they were asked for their state. */
let textsSeen = 0;

const rows: readonly Row[] = [
  ...(['client', 'admin', 'pod'] as const).map((port) => ({
    attack: 'CONNECT and a reset',
    port,
    proof: (tally: Tally) => only(tally, '405'),
  })),
  { attack: 'announced bodies that never come', proof: (_tally, refusals) => some(refusals, 'slow-body') },
  { attack: 'bodies that stop at 63 of 64 MiB', proof: (_tally, refusals) => some(refusals, 'arriving-bytes') },
  { attack: 'chunks of one byte', proof: (_tally, refusals) => some(refusals, 'small-chunks') },
  { attack: 'large answers that nobody reads', proof: (_tally, refusals) => some(refusals, 'unread-bytes') },
  {
    attack: 'bodies behind a refusal',
    proof: (tally) => {
      only(tally, '413', '404', '405');
      assert.ok(tally.sentBytes < 100 * mebibyte, `${tally.sentBytes} bytes were taken`);
    },
  },
  {
    attack: 'heads that two servers read differently',
    proof: (tally) => only(tally, '400'),
  },
  // The pods that read it serve the good requests too. Its own client may be told to come back while one is still read.
  {
    attack: 'a row of 60 MiB of text',
    proof: async (tally) => {
      only(tally, '400', '503');
      textsSeen += await bodiesBeingRead();
      assert.ok((tally.answers['400'] ?? 0) > 0, 'none was read to its end');
      assert.ok(textsSeen > 0, 'no pod answered while it read one');
    },
  },
  { attack: 'drains of pods by a stranger', port: 'pod', proof: (tally) => only(tally, '401') },
  { attack: 'forms of foreign pages', proof: (tally) => only(tally, '415') },
  { attack: 'slow heads', proof: (tally) => assert.ok(tally.closed > 0, 'none was closed') },
  { attack: 'slow bodies', proof: (_tally, refusals) => some(refusals, 'slow-body') },
  { attack: '5,000 idle connections', proof: () => undefined },
  { attack: 'a flood of resets', proof: () => undefined },
  // A head behind requests that are worked on is held back, and may be late by the two seconds that it has here. What a busy
  // machine can't do in time is refused.
  { attack: '20,000 pipelined requests', proof: (tally) => only(tally, '200', '408', '503') },
];

/** Repeats a proof while the attack goes on, since a busy machine may be late with what it proves. */
async function proven(proof: () => Promise<void>): Promise<void> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    try {
      return await proof();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await delay(200);
    }
  }
}

async function refusalsOf(adminOrigin: string): Promise<Refusals> {
  const metrics = await Metrics.scrape(adminOrigin);
  return (reason) => metrics.value('sluice_http_refusals_total', { reason });
}

for (const { attack: name, port = 'client', proof } of rows) {
  test(`${name}, at the ${port} port`, { timeout: 120_000 }, async (t) => {
    const targets = {
      client: () => [system.origin],
      admin: () => [system.adminOrigin],
      pod: () => podOrigins(),
    };
    const earlier = await refusalsOf(system.adminOrigin);
    const ask = await attack(t, name, targets[port](), { origin: system.origin, pid: processes['gateway']![0]! });
    await proven(async () => {
      const later = await refusalsOf(system.adminOrigin);
      await proof(await ask(), (reason) => later(reason) - earlier(reason));
    });
    assert.deepEqual(running(), processes, 'a process has ended');
  });
}

function podOrigins(): string[] {
  const line = system.output.find((text) => text.includes('"msg":"running"')) ?? '';
  const { pods } = JSON.parse(line) as { pods: { pool: string; origin: string }[] };
  return pods.filter(({ pool }) => pool === 'simple').map(({ origin }) => origin);
}

async function bodiesBeingRead(): Promise<number> {
  const states = podOrigins().map(async (origin) => (await fetch(`${origin}/v2/pod`)).json() as Promise<PodStatus>);
  return (await Promise.all(states)).reduce((sum, { reading = 0 }) => sum + reading, 0);
}

/** A gateway of its own that may open few files, in front of the pods of the system. */
async function poorGateway(
  t: TestContext,
): Promise<{ origin: string; admin: string; child: ChildProcess; log: string[] }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-'));
  t.after(() => rm(folder, { recursive: true }));
  const pools = path.join(folder, 'pools.yaml');
  const pool = { apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name: 'p' } };
  await writeFile(pools, JSON.stringify({ ...pool, spec: { models: ['simple'], endpoints: [podOrigins()[0]] } }));
  const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
  const command = `ulimit -n 256; exec "${process.execPath}" "${sluice}" gateway --pools "${pools}" --port 0 --admin-port 0`;
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  });
  const log: string[] = [];
  const listening = Promise.withResolvers<{ port: number; adminPort: number }>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.push(line);
    if (line.includes('gateway listens')) listening.resolve(JSON.parse(line) as { port: number; adminPort: number });
  });
  const { port, adminPort } = await listening.promise;
  const origin = `http://127.0.0.1:${port}`;
  await until('it serves', async () => (await fetch(`${origin}/v1/models/simple`)).ok);
  return { origin, admin: `http://127.0.0.1:${adminPort}`, child, log };
}

test('more connections than descriptors', { timeout: 120_000 }, async (t) => {
  const { origin, admin, child, log } = await poorGateway(t);
  const ask = await attack(t, 'more connections than descriptors', [origin], { origin, pid: child.pid! });
  await proven(async () => {
    only(await ask(), '503');
    some(await refusalsOf(admin), 'address-connections', 'all-connections');
    assert.ok(log.some((line) => line.includes('connections are refused')));
  });
  assert.deepEqual([child.exitCode, child.signalCode], [null, null]);
});

/** A pod of four rows in 20 ms, 100 connections that ask it for more than it can do, and a client of the last level with 32. */
test('the first priority for every request', { timeout: 120_000 }, async (t) => {
  const attacker = fork(attackerPath, ['the first priority for every request', system.origin]);
  t.after(() => attacker.kill('SIGKILL'));
  const lowest = new Client(system.origin, { connections: 32, limitMs: 60_000 });
  t.after(() => lowest.close());
  await once(attacker, 'message');
  const answered = async (status: string): Promise<number> => {
    attacker.send('tally');
    return ((await once(attacker, 'message')) as [Tally])[0].answers[status] ?? 0;
  };
  await until('the attack is served', async () => (await answered('200')) > 0);
  const payload = json({ inputs: simpleInputs(1) });
  const last = { ...payload, headers: { ...payload.headers, 'sluice-priority': '9' } };
  let own = 0;
  let others = 0;
  const ask = async (): Promise<void> => {
    // Enough answers to tell a share from, however busy the machine is.
    while (others < 500) {
      assert.equal((await lowest.infer('slow', last)).status, 200);
      if (others < 500) own += 1;
    }
  };
  const watch = async (): Promise<void> => {
    // From its first answer on it waits all the time.
    await until('the last level is answered', () => own > 0);
    const earlier = await answered('200');
    own = 0;
    while (others < 500) {
      await delay(50);
      others = (await answered('200')) - earlier;
    }
  };
  await Promise.all([watch(), ...Array.from({ length: 32 }, ask)]);
  t.diagnostic(`${own} answers of the last level, ${others} of the first`);
  assert.ok(own >= 0.1 * (own + others), `${own} answers of the last level, ${others} of the first`);
  assert.deepEqual(running(), processes, 'a process has ended');
});
