/** Gateway, pod and scaler answer broken HTTP with the same bytes on every port, and none of their sockets can end them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { testGuard } from '../../runtime/testing/secret.ts';
import { bareProcesses } from '../support/bare-processes.ts';
import { brokenRequests, unendingHead } from '../support/broken-requests.ts';
import { exchange } from '../support/raw-http.ts';

const limits = { headTimeoutMs: 300, timeoutCheckMs: 50 };
const processes = bareProcesses({ limits, guard: testGuard() });
const { ports } = processes;
const originOf = (app: FastifyInstance): string => `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

before(() => Promise.all(ports.map(([, app]) => app.listen({ host: '127.0.0.1', port: 0 }))));
after(() => processes.close());

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
