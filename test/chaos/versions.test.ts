/**
 * Versions of a model on a real system whose pods are killed every five seconds: one is added, one can't be read, one ends the process
 * that loads it, one is too large, and the one that serves is removed. Every request is answered, and by the pool's version. A second
 * pool gets such versions while it has no pods. In the long form a version then comes and goes again and again, while pods are killed at any
 * moment of it: the gateway goes over once for each change.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { PoolModel } from '../../contract/model-versions.ts';
import type { PoolReport, PoolsReport } from '../../contract/scaler-api.ts';
import { multiplier, traps } from '../../models/author/fixtures.ts';
import { longForm } from '../support/long-form.ts';
import { Client, json } from '../support/requests.ts';
import { eventually } from '../support/scaling.ts';
import { startSystem, type System } from '../support/system.ts';

/** Longest wait for any step: only a step that never comes reaches it. */
const limitMs = 180_000;
const killEveryMs = 5_000;
/** Requests that the whole test sends at least. */
const fewestRequests = 10_000;
/** Times that a version comes and goes while pods start. */
const changes = 30;
const payload = json({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [3] }] });

/** A repository with its models, in a folder that is gone after the test. */
class Models {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  get repository(): string {
    return path.join(this.folder, 'models');
  }

  /** Puts a version into the repository whole, by a rename. */
  async add(model: string, version: string, content: Uint8Array | string): Promise<void> {
    const draft = await this.#draft(model, version);
    await writeFile(path.join(draft, 'model.onnx'), content);
    await rename(draft, this.#folderOf(model, version));
  }

  /** Adds a version whose file has four tebibytes, none of them on the disk. */
  async addHuge(model: string, version: string): Promise<void> {
    const draft = await this.#draft(model, version);
    const sparse = await open(path.join(draft, 'model.onnx'), 'w');
    await sparse.truncate(2 ** 42);
    await sparse.close();
    await rename(draft, this.#folderOf(model, version));
  }

  async remove(model: string, version: string): Promise<void> {
    await rm(this.#folderOf(model, version), { recursive: true });
  }

  #folderOf(model: string, version: string): string {
    return path.join(this.repository, model, version);
  }

  async #draft(model: string, version: string): Promise<string> {
    const draft = path.join(this.repository, model, `.${version}`);
    await mkdir(draft, { recursive: true });
    return draft;
  }
}

async function newModels(t: TestContext): Promise<Models> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-versions-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return new Models(folder);
}

/** Requests without a version, one after the other from each sender, and what was wrong with their answers. */
class Load {
  readonly failures: string[] = [];
  /** Versions in the order in which answers first came by them. */
  readonly switches: string[] = [];
  sent = 0;
  /** Answers since the last switch. */
  #since = 0;
  #running = true;
  readonly #model: string;
  readonly #client: Client;
  readonly #senders: Promise<void>[];

  constructor(origin: string, model: string, senders: number) {
    this.#model = model;
    this.#client = new Client(origin, { connections: senders, limitMs });
    this.#senders = Array.from({ length: senders }, () => this.#send());
  }

  async #send(): Promise<void> {
    while (this.#running) {
      this.sent += 1;
      const before = this.switches.length;
      const { status, text } = await this.#client.infer(this.#model, payload);
      if (status !== 200) this.failures.push(`${status} ${text}`);
      else this.#take(JSON.parse(text) as { model_version: string; outputs: { data: number[] }[] }, before);
      await delay(2);
    }
  }

  /** @param before switches that were seen when the request was sent: an answer by an earlier version is one too many */
  #take(answer: { readonly model_version: string; readonly outputs: { data: number[] }[] }, before: number): void {
    const { model_version: version, outputs } = answer;
    if (outputs[0]!.data[0] !== 3 * Number(version)) this.failures.push(`wrong: ${JSON.stringify(answer)}`);
    if (this.switches.slice(Math.max(0, before - 1)).includes(version)) {
      if (version === this.switches.at(-1)) this.#since += 1;
      return;
    }
    this.switches.push(version);
    this.#since = 1;
  }

  /** Whether the version has answered for a while. */
  isAnsweredBy(version: string): boolean {
    return this.switches.at(-1) === version && this.#since >= 50;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#senders);
    await this.#client.close();
  }
}

/** Kills a pod of the busy pool every five seconds, each in turn. */
class Killer {
  kills = 0;
  readonly #timer: NodeJS.Timeout;

  /** @param spared process that is not killed */
  constructor(system: System, spared: number) {
    this.#timer = setInterval(() => {
      const pids = system.podPids().filter((pid) => pid !== spared);
      // One that has died is not back yet: a pool of two would have none.
      if (pids.length < 2) return;
      process.kill(pids[this.kills % pids.length]!, 'SIGKILL');
      this.kills += 1;
    }, killEveryMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

interface Running {
  readonly system: System;
  readonly lines: readonly string[];
  readonly pool: (name: string) => Promise<PoolReport | undefined>;
  readonly model: (pool: string) => Promise<PoolModel | undefined>;
}

async function start(t: TestContext, { folder, repository }: Models): Promise<Running> {
  const poolOf = (name: string, models: readonly string[], scaling: object): string =>
    JSON.stringify({
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'ModelPool',
      metadata: { name },
      // Longer than any start on a busy machine: what is lost shows as another status.
      spec: { models, scaling, requests: { timeoutMs: limitMs, coldStartHoldMs: limitMs } },
    });
  const pools = path.join(folder, 'pools.yaml');
  const [busy, rare] = [
    poolOf('busy', ['m'], { minReplicas: 3, maxReplicas: 3 }),
    poolOf('rare', ['z'], { minReplicas: 0, maxReplicas: 1 }),
  ];
  await writeFile(pools, `${busy}\n---\n${rare}\n`);
  const lines: string[] = [];
  const kept = path.join(folder, 'state');
  const system = await startSystem(['--repository', repository, '--pools', pools, '--state-folder', kept], {
    env: { SLUICE_VERDICT_FOLDER: path.join(folder, 'kept'), SLUICE_REPOSITORY_POLL_MS: '500' },
    onLine: (line) => lines.push(line),
  });
  t.after(() => system.stop());
  const pool = async (name: string) => {
    const { pools: all } = (await (await fetch(`${system.scalerOrigin}/api/pools`)).json()) as PoolsReport;
    return all.find((one) => one.name === name);
  };
  const model = async (name: string) => (await pool(name))?.versions?.[0];
  return { system, lines, pool, model };
}

async function isOut({ model }: Running, pool: string, version: string): Promise<boolean> {
  const unsettled = (await model(pool))?.unsettled ?? [];
  return unsettled.some((one) => `${one.version} ${one.state}` === version);
}

/** Processes that a version has ended. */
function trapsOf({ lines }: Running): number {
  return lines.filter((line) => /"source":"sluice".*"pod [^"]* killed by SIGFPE/.test(line)).length;
}

/** Versions that the gateway has stamped on requests which name none, one after the other. */
function stampsOf({ lines }: Running, model: string): string[] {
  const told = `requests for ${model} that name no version get `;
  return lines.filter((line) => line.includes(`"msg":"${told}`)).map((line) => line.split(told)[1]!.split('"')[0]!);
}

/** Lines of the log on versions and on ends of processes: what came before an answer or a restart that should not be. */
function storyOf({ lines }: Running): string {
  return lines.filter((line) => /version|killed by|is ready/.test(line)).join('\n');
}

const until = (what: string, condition: () => Promise<boolean> | boolean): Promise<boolean> =>
  eventually(what, condition, (isSo) => isSo, limitMs);

test("requests are answered, each by the pool's version, whatever becomes of versions and pods", async (t) => {
  const models = await newModels(t);
  await models.add('m', '1', multiplier(1));
  await models.add('z', '1', multiplier(1));
  const running = await start(t, models);
  const { system, model } = running;
  const ofBusyPool = system.podPids();
  const first = new Load(system.origin, 'z', 1);
  await until('the rare pool has answered from zero', () => first.isAnsweredBy('1'));
  await until('its default is known', async () => (await model('rare'))?.version === '1');
  await first.stop();
  const load = new Load(system.origin, 'm', 4);
  const killer = new Killer(
    system,
    system.podPids().find((pid) => !ofBusyPool.includes(pid))!,
  );
  t.after(() => killer.stop());
  await until('version 1 answers', () => load.isAnsweredBy('1'));
  await models.add('m', '2', multiplier(2));
  await until('the added version answers', () => load.isAnsweredBy('2'));
  await models.add('m', '3', 'no ONNX file at all');
  await until('the corrupt version stays out', () => isOut(running, 'busy', '3 failed'));
  await models.add('m', '4', traps());
  await until('the version that ends its process is banned', () => isOut(running, 'busy', '4 banned'));
  await models.addHuge('m', '5');
  await until('the version beyond the memory stays out', () => isOut(running, 'busy', '5 failed'));
  const tooLarge = (await model('busy'))?.unsettled?.find(({ version }) => version === '5')?.reason;
  assert.match(tooLarge!, /^too large: its files have 4194304 MiB .* only \d+ MiB are free/);
  assert.equal(load.switches.at(-1), '2', 'what serves goes on');
  await models.remove('m', '2');
  await until('the version before the removed one answers', () => load.isAnsweredBy('1'));
  await until('the pool has gone back', async () => (await model('busy'))?.generation === 3);
  await until('enough was asked', () => load.sent >= fewestRequests && killer.kills >= 5);
  killer.stop();
  await load.stop();
  t.diagnostic(`${first.sent + load.sent} requests, ${killer.kills} kills, ${trapsOf(running)} traps`);
  assert.deepEqual([...first.failures, ...load.failures], []);
  assert.deepEqual(load.switches, ['1', '2', '1'], `the gateway goes over once for each change\n${storyOf(running)}`);
  assert.deepEqual(stampsOf(running, 'm'), ['1', '2', '1'], 'by the word of the pool, and not of each pod');
  assert.equal(trapsOf(running), 1, `one restart for the version that ends its process\n${storyOf(running)}`);
  assert.equal(await system.stop(), 0);

  await models.add('z', '2', multiplier(2));
  await models.add('z', '3', traps());
  const again = await start(t, models);
  assert.deepEqual((await again.pool('rare'))?.pods, []);
  const rare = new Load(again.system.origin, 'z', 1);
  await until('the rare pool answers by the newest that can be loaded', () => rare.isAnsweredBy('2'));
  await until('the rare pool has banned what ends its process', () => isOut(again, 'rare', '3 banned'));
  await until('the busy pool still bans its own', () => isOut(again, 'busy', '4 banned'));
  await rare.stop();
  assert.deepEqual(rare.failures, []);
  assert.deepEqual(rare.switches, ['1', '2'], 'from zero by the version that was stored');
  assert.equal(trapsOf(again), 1, 'one restart for the version that ends its process');
});

const testLong = longForm ? test : () => undefined;

testLong('a version that comes or goes while pods start is gone over to once', async (t: TestContext) => {
  const models = await newModels(t);
  await models.add('m', '1', multiplier(1));
  await models.add('z', '1', multiplier(1));
  const running = await start(t, models);
  const { system, model } = running;
  const kill = (): void => {
    const pids = system.podPids();
    if (pids.length > 1) process.kill(pids[Math.floor(Math.random() * pids.length)]!, 'SIGKILL');
  };
  for (let change = 0; change < changes; change += 1) {
    const load = new Load(system.origin, 'm', 4);
    await until('version 1 answers', () => load.isAnsweredBy('1'));
    for (const version of ['2', '1']) {
      // The pod starts again for some seconds: before, while or after the others follow the change.
      const killed = delay(Math.random() * 6_000).then(kill);
      await delay(Math.random() * 6_000);
      if (version === '2') await models.add('m', '2', multiplier(2));
      else await models.remove('m', '2');
      await until(`version ${version} answers`, () => load.isAnsweredBy(version));
      await killed;
      const isDefault = async (): Promise<boolean> =>
        (await running.pool('busy'))?.readyReplicas === 3 && (await model('busy'))?.version === version;
      await until('all pods are back', isDefault);
    }
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.deepEqual(load.switches, ['1', '2', '1'], `change ${change}\n${storyOf(running)}`);
  }
});
