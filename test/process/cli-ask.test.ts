/** `sluice pools` and `sluice explain` as processes, against a scaler on an in-memory cluster and against other servers. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DecisionRecord, PoolsReport } from '../../contract/scaler-api.ts';
import { World } from '../../scaler/testing/world.ts';

const sluice = fileURLToPath(new URL('../../cli/sluice.js', import.meta.url));

function run(args: readonly string[], env: Record<string, string> = {}) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [sluice, ...args],
      { env: { PATH: process.env.PATH, ...env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Serves the API of the scaler in `world`. */
function answers(world: World): RequestListener {
  return (request, response) => {
    const pool = /^\/api\/pools\/([^/]+)\/decisions$/.exec(request.url!)?.[1];
    const body = pool === undefined ? world.scaler.report() : world.scaler.decisions(decodeURIComponent(pool));
    const problem = { status: 404, detail: `there is no pool "${pool}"` };
    response.writeHead(body === null ? 404 : 200).end(JSON.stringify(body ?? problem));
  };
}

describe('commands that query a scaler', { concurrency: 2 }, () => {
  test('pools print a table, decisions their inputs and arithmetic, both also JSON', async (t) => {
    const world = new World({ spec: { scaling: { minReplicas: 1, maxReplicas: 20 } }, replicas: 2 });
    await world.run(60, 60);
    const url = await serve(t, answers(world));

    const table = await run(['pools', '--url', url]);
    const [head, row, ...rest] = table.stdout.trimEnd().split('\n');
    assert.deepEqual(head!.split(/\s+/), ['pool', 'ready', 'desired', 'queue', 'wait', 'objective', 'why']);
    const { readyReplicas, replicas, desiredReplicas, queued, why } = world.pool;
    const cells = ['m', `${readyReplicas}/${replicas}`, desiredReplicas, queued, '50 ms', '202 ms', why];
    assert.deepEqual([row!.split(/\s{2,}/), rest, table.code], [cells.map(String), [], 0]);
    const json = JSON.parse((await run(['pools', '--json'], { SLUICE_SCALER_URL: url })).stdout) as PoolsReport;
    assert.deepEqual(json.pools, world.scaler.report().pools);

    const explained = await run(['explain', 'm', '--url', url, '--last', '100']);
    assert.match(explained.stdout, /^2026-01-01 00:\d\d:\d\dZ {2}2 → \d+, backlog: written$/m);
    assert.match(explained.stdout, /^ {2}need: \(.*\) ÷ 10 per pod = [\d.]+ → \d+ pods$/m);
    assert.match(explained.stdout, /^ {2}inputs: .*\bqueued \d+, /m);
    const records = JSON.parse(
      (await run(['explain', 'm', '--url', url, '--json', '--last', '2'])).stdout,
    ) as DecisionRecord[];
    assert.deepEqual(records, world.decisions.slice(-2));
  });

  test('a standby scaler names the leader', async (t) => {
    const world = new World();
    world.cluster.holder = 'scaler-7';
    await world.run(3);
    const url = await serve(t, answers(world));
    assert.match(
      (await run(['pools', '--url', url])).stdout,
      /\nthis scaler is on standby; scaler-7 leads and makes the decisions\n$/,
    );
    assert.equal(
      (await run(['explain', 'm', '--url', url])).stdout,
      'this scaler is on standby; scaler-7 leads and makes the decisions\n',
    );
  });

  test('an unknown pool, an unreachable address and a foreign server print one line and exit 1, a wrong one 2', async (t) => {
    const world = new World();
    await world.run(1);
    const url = await serve(t, answers(world));
    const html = await serve(t, (_request, response) => response.end('<html>'));
    const gone = await serve(t, (request) => request.socket.destroy());
    for (const [args, line] of [
      [['explain', 'none', '--url', url], 'there is no pool "none"'],
      [['pools', '--url', 'http://127.0.0.1:1'], 'no scaler answers at http://127.0.0.1:1: '],
      [['pools', '--url', gone], `no scaler answers at ${gone}: `],
      [['pools', '--url', html], `the server at ${html} is not a scaler of this version`],
    ] as const) {
      const { code, stdout, stderr } = await run(args);
      assert.deepEqual([code, stdout, stderr.split('\n').length], [1, '', 2], stderr);
      assert.ok(stderr.startsWith(`sluice: ${line}`), stderr);
    }
    const wrong = await run(['pools', '--url', 'localhost:8082']);
    assert.equal(wrong.code, 2);
    assert.match(
      wrong.stderr,
      /^sluice: --url \(SLUICE_SCALER_URL\): must be http:\/\/host:port, was: "localhost:8082"/,
    );
    assert.equal((await run(['explain'])).code, 2);
    assert.equal((await run(['explain', 'm', '--last', '0'])).code, 2);
  });
});
