/**
 * The watch in a whole system, two gateways and three pods as processes: a model that passes its proof, and couples rows only where
 * clients send a number that no proof draws, is unbatched everywhere once one pod has seen it, and stays so over a restart.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { PodStatus } from '../../contract/pod-status.ts';
import { rarelyCoupled } from '../../models/author/fixtures.ts';
import { floats, get, post } from '../../models/testing/model-server.ts';
import { testSecret } from '../../runtime/testing/secret.ts';
import { ready, start, type Started } from '../support/pod-process.ts';

const rare = 777.25;
/** Rounds of load that only a watch which finds nothing comes to. */
const hangRounds = 5_000;
const planted = { planted: { versions: { 1: rarelyCoupled() } } };

interface Line {
  readonly time: number;
  readonly msg: string;
  readonly model?: string;
  readonly unbatchedReason?: string;
}

const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
const unbatchedAt = (lines: readonly Line[]): Line | undefined =>
  lines.find(({ msg }) => msg.startsWith('requests are no longer batched'));

interface GatewayProcess {
  readonly origin: string;
  readonly admin: string;
  readonly lines: readonly Line[];
  stop(): Promise<void>;
}

async function startGateway(t: TestContext, pods: readonly Started[]): Promise<GatewayProcess> {
  const directory = mkdtempSync(path.join(tmpdir(), 'sluice-watch-'));
  const pools = path.join(directory, 'pools.yaml');
  const endpoints = pods.map(({ origin }) => origin);
  const pool = { apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name: 'pool' } };
  // Only who has the secret is sent envelopes, and only what shares a run is unbatched.
  const spec = { models: ['planted'], endpoints, shareSecretWithEndpoints: true };
  writeFileSync(pools, JSON.stringify({ ...pool, spec }));
  const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));
  const child = spawn(process.execPath, [sluice, 'gateway', '--pools', pools, '--port', '0', '--admin-port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], SLUICE_SECRET: testSecret },
  });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    rmSync(directory, { recursive: true, force: true });
  };
  t.after(stop);
  const lines: Line[] = [];
  const ports = await new Promise<{ port: number; adminPort: number }>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as Line & { port: number; adminPort: number };
      lines.push(entry);
      if (entry.msg === 'gateway listens') resolve(entry);
    });
  });
  const origin = `http://127.0.0.1:${ports.port}`;
  while ((await get(`${origin}/v2/health/ready`)).status !== 200) await delay(10);
  return { origin, admin: `http://127.0.0.1:${ports.adminPort}`, lines, stop };
}

/** Asks for many rows at once, each a request, one of them rare. @returns how many answers were not what the row gets alone */
async function ask({ origin }: GatewayProcess): Promise<number> {
  const firsts = Array.from({ length: 24 }, (_, index) => (index === 11 ? rare : index));
  const answers = await Promise.all(
    firsts.map((first) => post(`${origin}/v2/models/planted/infer`, floats('x', [1, 4], [first, 1, 2, 3]))),
  );
  return answers.filter(({ status, text, json }, index) => {
    assert.equal(status, 200, text);
    const [{ data }] = (json as { outputs: readonly [{ data: readonly number[] }] }).outputs;
    const first = firsts[index]!;
    return data[0] !== (first === rare ? first + 1 : first);
  }).length;
}

async function unbatchedAtAll(pods: readonly Started[]): Promise<boolean> {
  const statuses = await Promise.all(pods.map(async ({ origin }) => (await get(`${origin}/v2/pod`)).json as PodStatus));
  return statuses.every(({ models }) => models[0]!.unbatchedReason !== undefined);
}

test('a difference at one pod unbatches the model at all pods, for both gateways', { timeout: 300_000 }, async (t) => {
  const pods = await Promise.all([1, 2, 3].map(() => start(planted, { SLUICE_WATCH_CPU_SHARE: '0.2' })));
  t.after(() => Promise.all(pods.map((pod) => pod[Symbol.asyncDispose]())));
  await Promise.all(pods.map(ready));
  const [one, two] = [await startGateway(t, pods), await startGateway(t, pods)];
  assert.equal(await unbatchedAtAll(pods), false, 'the proof let it pass');

  let wrong = 0;
  for (let round = 0; !pods.some((pod) => unbatchedAt(linesOf(pod.log())) !== undefined); round += 1) {
    assert.ok(round < hangRounds, 'no watch saw anything');
    wrong += (await Promise.all([ask(one), ask(two)])).reduce((sum, each) => sum + each);
  }
  assert.ok(wrong > 0, 'the planted model gives wrong answers while it is batched');
  // No request any more: the word gets round by itself.
  while (!(await unbatchedAtAll(pods))) await delay(10);
  assert.deepEqual(
    await Promise.all([ask(one), ask(two), ask(one), ask(two)]),
    [0, 0, 0, 0],
    'wrong answers have stopped',
  );

  const stamps = pods.map((pod) => unbatchedAt(linesOf(pod.log()))!);
  const first = Math.min(...stamps.map(({ time }) => time));
  const found = stamps.filter(({ msg }) => msg === 'requests are no longer batched');
  assert.ok(found.length > 0);
  for (const { unbatchedReason } of stamps) {
    assert.ok(
      found.some((finder) => finder.unbatchedReason === unbatchedReason),
      unbatchedReason,
    );
    assert.match(unbatchedReason!, /^outputs change with companions \(.+ of the scale of 'y', seen in service, inputs/);
  }
  t.diagnostic(
    `unbatched at ${pods.length} pods ${stamps.map(({ time }) => time - first).join(', ')} ms after the first`,
  );

  for (const gateway of [one, two]) {
    const says = async (line: string) => (await get(`${gateway.admin}/metrics`)).text.includes(`\n${line}\n`);
    const pool = 'pool="pool",model="planted"';
    while (!(await says(`sluice_model_unbatched_in_service{${pool},version="1"} 1`))) await ask(gateway);
    while (!(await says(`sluice_model_batched{${pool}} 0`))) await delay(10);
    assert.ok(unbatchedAt(gateway.lines) !== undefined, 'the log of the gateway says it too');
    const config = (await get(`${gateway.origin}/v2/models/planted/config`)).text;
    assert.match(config, /"string_value":"not batched: outputs change with companions/);
  }

  // A gateway that was not there hears it from the pods, and tells it to a pod that has forgotten.
  await one.stop();
  await two.stop();
  const forgetful = await start(planted);
  t.after(() => forgetful[Symbol.asyncDispose]());
  await ready(forgetful);
  await startGateway(t, [...pods, forgetful]);
  while (!(await unbatchedAtAll([forgetful]))) await delay(10);
});
