/** The commands of every day: status, doctor, init and completion, as far as they need no process of their own. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parsePools } from '../cluster/pools-file.ts';
import { scanRepository } from '../models/repository/repository.ts';
import { podReport, poolReport } from '../scaler/page/testing/fake-scaler.ts';
import { checkCluster, type ClusterApi } from './doctor/cluster.ts';
import { judgeMachine, machineFacts, type MachineFacts } from './doctor/machine.ts';
import { checkPools, checkRepository } from './doctor/repository.ts';
import { buildProgram } from './program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-daily-'));
after(() => rmSync(folder, { recursive: true }));

async function run(...args: readonly string[]): Promise<string> {
  let printed = '';
  await buildProgram({ env: {}, print: (text) => (printed += `${text}\n`) }).parseAsync(args, { from: 'user' });
  return printed;
}

describe('status', () => {
  const pod = { uid: 'u', inFlight: 3, restarts: 2 };
  const report = {
    atMs: 0,
    leading: true,
    leader: 'me',
    gateways: [{ name: 'gateway', reporting: true, ageMs: 10, terminating: false }],
    pools: [
      poolReport('a', {
        queued: 7,
        predictedWaitMs: 20,
        why: 'backlog',
        pods: [
          podReport('a-1', pod),
          podReport('a-2', {
            ...pod,
            state: 'starting',
            failure: { reason: 'CrashLoopBackOff', message: 'exit code 1', sinceMs: 0 },
          }),
        ],
      }),
    ],
  };
  let server: Server;
  let url: string;
  let asked = 0;
  before(async () => {
    server = createServer((_request, response) => {
      asked += 1;
      response.end(JSON.stringify(report));
      if (asked === 4) process.emit('SIGINT');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  test('gateways, pools and pods are on one screen', async () => {
    const text = await run('status', '--url', url);
    assert.match(text, /1 gateway\n/);
    assert.match(text, /^a +1\/2 +2 +7 +20 ms +100 ms +backlog$/m);
    assert.match(text, /^a-1 +a +serving +3 +2$/m);
    assert.match(text, /^a-2 +a +starting +3 +2 +exit code 1$/m);
    assert.deepEqual(JSON.parse(await run('status', '--url', url, '--json')), report);
  });

  test('--watch goes on until it is interrupted, with --json an object a line', async () => {
    const lines = (await run('status', '--url', url, '--watch', '--json', '--interval-s', '0.01')).trim().split('\n');
    assert.ok(lines.length >= 2, String(lines.length));
    for (const line of lines) assert.deepEqual(JSON.parse(line), report);
  });
});

describe('doctor', () => {
  const facts: MachineFacts = {
    nodeVersion: '24.1.0',
    neededNode: '>=22.19',
    cores: 4,
    freeMiB: 4_000,
    totalMiB: 8_000,
    openFiles: 65_536,
    locale: 'de_DE.UTF-8',
    takenPorts: [],
  };

  test('a machine that has what is needed is well', () => {
    assert.deepEqual([...new Set(judgeMachine(facts).map(({ level }) => level))], ['ok']);
  });

  for (const [what, changed, name, level, text] of [
    ['an old Node', { nodeVersion: '22.9.0' }, 'node', 'bad', /22\.9\.0, needed is >=22\.19/],
    ['a Node of the same minor', { nodeVersion: '22.19.0' }, 'node', 'ok', /22\.19\.0/],
    ['one core', { cores: 1 }, 'cores', 'warn', /^1: /],
    ['little memory', { freeMiB: 100 }, 'memory', 'warn', /100 MiB free of 8000/],
    ['few files', { openFiles: 1_024 }, 'open files', 'warn', /1024 allowed.*ulimit -n/],
    ['no locale', { locale: undefined }, 'locale', 'warn', /none is set.*LANG=/],
    ['the locale C', { locale: 'C' }, 'locale', 'warn', /^C; /],
    [
      'a port that is taken',
      { takenPorts: [{ flag: '--port', port: 8080 }] },
      'ports',
      'warn',
      /8080 is taken.*--port/,
    ],
  ] as const) {
    test(`${what}: ${level}`, () => {
      const found = judgeMachine({ ...facts, ...changed }).find((check) => check.name === name)!;
      assert.equal(found.level, level);
      assert.match(found.text, text);
    });
  }

  test('a port is taken while something listens on it', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const ports = [{ flag: '--port', port }];
    assert.deepEqual((await machineFacts({}, '>=22', ports)).takenPorts, ports);
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual((await machineFacts({}, '>=22', ports)).takenPorts, []);
  });

  test('each model of a folder is served, or its reason is told; so are mistakes of a file of pools', async () => {
    const root = path.join(folder, 'repository');
    for (const model of ['good', 'misspelt']) {
      mkdirSync(path.join(root, model, '3'), { recursive: true });
      writeFileSync(path.join(root, model, '3', 'model.onnx'), '');
    }
    writeFileSync(path.join(root, 'misspelt', 'config.yaml'), 'maxrows: 3\n');
    mkdirSync(path.join(root, 'flat'));
    writeFileSync(path.join(root, 'flat', 'model.onnx'), '');
    const checks = new Map((await checkRepository(root)).map(({ name, level, text }) => [name, `${level}: ${text}`]));
    assert.equal(checks.get('good'), 'ok: would be served, version 3');
    assert.match(checks.get('misspelt')!, /^bad: .*line 1: \/maxrows: .*did you mean maxRows/);
    assert.match(checks.get('flat')!, /^bad: would not be served: .*no version folder/);
    assert.match((await checkRepository('/no/such'))[0]!.text, /does not exist/);
    const file = path.join(folder, 'p.yaml');
    writeFileSync(
      file,
      'apiVersion: sluice.dev/v1alpha1\nkind: ModelPool\nmetadata: { name: p }\nspec: { models: [god] }\n',
    );
    assert.match((await checkPools(file, root))[0]!.text, /no model god; .*did you mean good\?/);
    assert.deepEqual((await checkPools(file, null))[0], {
      area: 'repository',
      name: file,
      level: 'ok',
      text: 'pool p: god',
    });
  });

  /** API server that knows some versions of ModelPool, and denies some rights. */
  function api(versions: readonly string[] | null, denied: readonly string[] = []): ClusterApi {
    return {
      namespace: 'models',
      call: async <Answer>({ path: where, body }: { path: string; body?: unknown }): Promise<Answer> => {
        await Promise.resolve();
        if (where === '/version') return { gitVersion: 'v1.34.1' } as Answer;
        if (where.includes('customresourcedefinitions')) {
          if (versions === null) throw Object.assign(new Error('404 not found'), { status: 404 });
          return { spec: { versions: versions.map((name) => ({ name, served: true })) } } as Answer;
        }
        const { verb, resource } = (body as { spec: { resourceAttributes: { verb: string; resource: string } } }).spec
          .resourceAttributes;
        return { status: { allowed: !denied.includes(`${verb} ${resource}`) } } as Answer;
      },
    };
  }
  const levels = async (given: ClusterApi) =>
    (await checkCluster(given)).map(({ name, level, text }) => `${name} ${level}: ${text}`).join('\n');

  test('a cluster is asked for its version, its ModelPools and the rights of these credentials', async () => {
    assert.match(await levels(api(['v1alpha1'])), /reachable ok: Kubernetes v1\.34\.1.*\nCRD ok: .*\nrights ok/);
    assert.match(await levels(api(null)), /CRD bad: there is no modelpools\.sluice\.dev: apply/);
    assert.match(await levels(api(['v1'])), /CRD bad: serves v1, needed is v1alpha1/);
    assert.match(
      await levels(api(['v1alpha1'], ['list pods', 'update leases'])),
      /rights warn: .*may not: list pods, update leases/,
    );
    const gone: ClusterApi = { namespace: 'm', call: () => Promise.reject(new Error('ECONNREFUSED')) };
    assert.match(await levels(gone), /reachable bad: ECONNREFUSED.*KUBECONFIG/);
  });
});

describe('init', () => {
  test('writes a file of pools and a repository that fit each other, and overwrites nothing', async () => {
    const target = path.join(folder, 'new');
    const printed = await run('init', target);
    const { pools, errors } = parsePools(readFileSync(path.join(target, 'pools.yaml'), 'utf8'));
    assert.deepEqual(errors, []);
    const models = await scanRepository(path.join(target, 'models'), pools[0]!.spec.models);
    assert.ok(models.every(({ problem, versions }) => problem === null && existsSync(versions[0]!.file)));
    assert.ok(printed.includes(`sluice up --repository ${target}/models --pools ${target}/pools.yaml`));
    await assert.rejects(run('init', target), /pools\.yaml: is there already, and stays[^]*models: is there already/);
  });
});

describe('completion', () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    test(`${shell}: every command and flag of --help is in it`, async () => {
      const script = await run('completion', shell);
      const program = buildProgram({ env: {}, print: () => undefined });
      for (const command of program.commands) {
        assert.match(script, new RegExp(`\\b${command.name()}\\b`));
        for (const { long } of command.options) assert.ok(script.includes(long!.slice(shell === 'fish' ? 2 : 0)), long);
      }
    });
  }
});
