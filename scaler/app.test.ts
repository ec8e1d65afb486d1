/** Scaler application on real sockets: a streaming gateway, its own HTTP port, its graceful end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { pino } from 'pino';
import { Check } from 'typebox/value';
import { DecisionRecord, PoolsReport } from '../contract/scaler-api.ts';
import { buildScaler } from './app.ts';
import { FluidGateway } from './testing/fluid-gateway.ts';
import { MemoryCluster } from './testing/memory-cluster.ts';

/** Scaler application with a pool without pods, and a gateway whose stream the test feeds. */
async function start(t: TestContext) {
  const scaling = { minReplicas: 0, maxReplicas: 5 };
  const cluster = new MemoryCluster({ spec: { scaling }, replicas: 0, coldStartS: 1, nowMs: Date.now() });
  const gateway = new FluidGateway('g-1');
  const readers: ServerResponse[] = [];
  /** Lets requests arrive at the gateway, which then reports out of turn. */
  const arrive = (arriving: number): void => {
    gateway.step([...cluster.pods.values()], arriving, 1, Date.now());
    for (const reader of readers) reader.write(`${JSON.stringify(gateway.lastReport!.report)}\n`);
  };
  const server = createServer((_request, response) => {
    response.writeHead(200);
    readers.push(response);
    arrive(0);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const adminOrigin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  cluster.gateways = [{ ...gateway.member, adminOrigin }];
  const log = pino({ level: 'silent' });
  const settings = { drainLimitMs: 60_000, podGraceMs: 90_000 };
  const scaler = buildScaler({ cluster: cluster.connect('a'), log, version: '1', settings });
  const url = await scaler.app.listen({ host: '127.0.0.1', port: 0 });
  const stepping = setInterval(() => {
    cluster.step(Date.now());
    cluster.notify();
  }, 100);
  const reportEachSecond = setInterval(() => arrive(0), 1_000);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= scaler.close());
  t.after(async () => {
    clearInterval(stepping);
    clearInterval(reportEachSecond);
    await close();
    server.close();
    server.closeAllConnections();
  });
  return { cluster, scaler, arrive, url, close };
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const beganMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - beganMs > 30_000) assert.fail(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const reporting = async (url: string): Promise<boolean> => {
  const { gateways } = (await (await fetch(`${url}/api/pools`)).json()) as PoolsReport;
  return gateways.some((gateway) => gateway.reporting);
};

test('readyz answers 200 once the cluster is seen; a request to a pool at zero wakes the scaler before the next cycle', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { cluster, scaler, arrive, url } = await start(t);
  assert.equal((await fetch(`${url}/readyz`)).status, 503);
  assert.equal((await fetch(`${url}/livez`)).status, 200);
  scaler.start();
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  const nextCycle = (): void => t.mock.timers.tick(1_000);
  await until('the gateway reports', () => {
    nextCycle();
    return reporting(url);
  });
  for (let time = 0; time < 3; time += 1) {
    if (time > 0) cluster.setReplicas(0);
    await until('zero replicas are desired', () => {
      nextCycle();
      return scaler.scaler.report().pools[0]?.desiredReplicas === 0;
    });
    // No cycle comes by itself from here on.
    arrive(1);
    await until('a pod is asked for', () => cluster.writes.length > time);
    arrive(0);
  }
});

test('the API keeps its contract, and unknown paths and pools answer problem+json', async (t) => {
  const { scaler, arrive, url } = await start(t);
  scaler.start();
  await until('the gateway reports', () => reporting(url));
  arrive(3);
  await until('a decision', () => (scaler.scaler.decisions('m') ?? []).some(({ kind }) => kind === 'scale'));
  const report = await (await fetch(`${url}/api/pools`)).json();
  assert.ok(Check(PoolsReport, report), JSON.stringify(report));
  const records = (await (await fetch(`${url}/api/pools/m/decisions`)).json()) as unknown[];
  assert.ok(records.length > 0 && records.every((record) => Check(DecisionRecord, record)), JSON.stringify(records));
  for (const path of ['/api/pools/none/decisions', '/nowhere', '/api/pools/%00/decisions']) {
    const response = await fetch(`${url}${path}`);
    assert.equal(response.status, 404, path);
    assert.equal(response.headers.get('content-type')?.split(';')[0], 'application/problem+json');
    const { status, detail } = (await response.json()) as { status: number; detail: string };
    assert.equal(status, 404);
    if (path.includes('none')) assert.equal(detail, 'there is no pool "none"; pools: m');
  }
});

test('the stream sends pools each second and decisions as they are made, and ends when the scaler closes', async (t) => {
  const { scaler, arrive, url, close } = await start(t);
  scaler.start();
  const response = await fetch(`${url}/api/stream`);
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const ended = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
    }
  })();
  await until('two reports', () => text.split('event: pools\n').length > 2);
  arrive(3);
  await until('a decision', () => /event: decision\ndata: .*"first-request"/.test(text));
  for (const [, event, data] of text.matchAll(/^event: (\w+)\ndata: (.*)\n\n/gm)) {
    assert.ok(Check(event === 'pools' ? PoolsReport : DecisionRecord, JSON.parse(data!)), data);
  }
  await close();
  await ended;
  await assert.rejects(fetch(`${url}/livez`));
});

test('every metric has a value once a pool is served', async (t) => {
  const { cluster, scaler, arrive, url } = await start(t);
  scaler.start();
  await until('the gateway reports', () => reporting(url));
  arrive(3);
  await until('a pod is ready', () => cluster.livePods.some(({ phase }) => phase === 'Ready'));
  await until('its numbers are known', () => {
    arrive(1);
    return (scaler.scaler.report().pools[0]?.forecastPerS ?? null) !== null;
  });
  const text = await (await fetch(`${url}/metrics`)).text();
  const named = [...text.matchAll(/^# TYPE (sluice_\w+)/gm)].map(([, name]) => name!);
  assert.ok(named.length >= 25, `${named.length} metrics`);
  const empty = named.filter((name) => !new RegExp(`^${name}(\\{.*\\})? [-\\d.e+]+$`, 'm').test(text));
  assert.deepEqual(empty, []);
});
