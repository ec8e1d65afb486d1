/** Gateway, pod and scaler answer broken HTTP with the same bytes on every port, and none of their sockets can end them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildGateway, type Gateway } from '../../gateway/app.ts';
import { buildApp } from '../../models/app.ts';
import { Bodies } from '../../models/bodies/bodies.ts';
import { createMetrics } from '../../models/metrics.ts';
import { Drain } from '../../models/drain.ts';
import { PodState, Staging } from '../../models/pod-state.ts';
import { ModelSet } from '../../models/repository/served-model.ts';
import type { Scheduler } from '../../models/scheduler.ts';
import { Transforms } from '../../models/transforms/transforms.ts';
import { buildScaler, type ScalerApp } from '../../scaler/app.ts';
import { MemoryCluster } from '../../scaler/testing/memory-cluster.ts';
import { brokenRequests, unendingHead } from '../support/broken-requests.ts';
import { TestCluster } from '../support/gateway-harness.ts';
import { exchange } from '../support/raw-http.ts';

const log = pino({ level: 'silent' });
const limits = { headTimeoutMs: 300, timeoutCheckMs: 50 };

function startGateway(): Gateway {
  const cluster = new TestCluster();
  cluster.show({ pools: [], pods: [] });
  return buildGateway({ cluster, log, version: '1', name: 'g', limits });
}

const noScheduler = { inFlight: 0, queuedRows: 0 } as Partial<Scheduler> as Scheduler;

/** A pod without models, since broken HTTP reaches none. */
function startPod(): FastifyInstance {
  const pod = new PodState({
    uid: 'u',
    name: 'p',
    models: new ModelSet(),
    transforms: new Transforms(log),
    scheduler: noScheduler,
    staging: new Staging(1024),
    bodies: new Bodies({ maxBodyBytes: 1024, cpuLimitMs: 1000 }),
    maxBodyBytes: 1024,
    tracing: null,
    drain: new Drain({ nowMs: () => performance.now(), log }),
  });
  return buildApp({ pod, version: '1', metrics: createMetrics(pod), log, limits });
}

function startScaler(): ScalerApp {
  const scaling = { minReplicas: 0, maxReplicas: 1 };
  const cluster = new MemoryCluster({ spec: { scaling }, replicas: 0, coldStartS: 1, nowMs: 0 });
  const settings = { drainLimitMs: 60_000, podGraceMs: 90_000 };
  return buildScaler({ cluster: cluster.connect('a'), log, version: '1', settings, limits });
}

const gateway = startGateway();
const pod = startPod();
const scaler = startScaler();
const ports: readonly (readonly [string, FastifyInstance])[] = [
  ["the gateway's port", gateway.app],
  ["the gateway's admin port", gateway.admin],
  ["the pod's port", pod],
  ["the scaler's port", scaler.app],
];
const originOf = (app: FastifyInstance): string => `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

before(() => Promise.all(ports.map(([, app]) => app.listen({ host: '127.0.0.1', port: 0 }))));
after(() => Promise.all([gateway.close(), pod.close(), scaler.close()]));

for (const { name, bytes, status, says } of [...brokenRequests, unendingHead]) {
  test(`the same bytes from every port: ${name}`, async () => {
    const exchanges = await Promise.all(ports.map(([, app]) => exchange(originOf(app), [bytes], { answers: 2 })));
    const [first] = exchanges;
    assert.match(first!.received, new RegExp(`^HTTP/1\\.1 ${status} .*${says}`, 's'));
    for (const [index, { received, closed }] of exchanges.entries()) {
      const [port] = ports[index]!;
      assert.equal(received, first!.received, port);
      assert.ok(closed, `${port} kept the connection`);
    }
  });
}

for (const [port, app] of ports) {
  for (const [name, bytes, event] of [
    ['CONNECT', 'CONNECT x HTTP/1.1\r\n\r\n', 'connect'],
    ['an offer to upgrade', 'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', 'request'],
    ['broken HTTP', 'NONSENSE\r\n\r\n', 'clientError'],
  ] as const) {
    test(`${port} lives on after ${name} and a reset`, async () => {
      const accepted = once(app.server, 'connection') as Promise<[Socket]>;
      const seen = new Promise((resolve) => app.server.once(event, resolve));
      const { hostname, port: number } = new URL(originOf(app));
      const socket = connect(Number(number), hostname).on('error', () => undefined);
      const [served] = await accepted;
      const closed = new Promise((resolve) => served.once('close', resolve));
      socket.write(bytes);
      await seen;
      assert.ok(served.listenerCount('error') > 0, 'a socket without an error listener');
      socket.resetAndDestroy();
      await closed;
    });
  }
}
