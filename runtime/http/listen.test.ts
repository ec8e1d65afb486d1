import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { exchange } from '../../test/support/raw-http.ts';
import { protocolErrors } from './errors.ts';
import { listen } from './listen.ts';
import { route } from './routes.ts';
import { newServer } from './server.ts';

function server() {
  const app = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'all' });
  route(app, '/v2', { right: 'observe', GET: (_request, reply) => reply.send({ name: 'sluice' }) });
  return app;
}

const get = 'GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n';

test('a free port is picked and told', async (t) => {
  const app = server();
  t.after(() => app.close());
  const port = await listen(app, { host: '127.0.0.1', port: 0 });
  assert.equal((await exchange(`http://127.0.0.1:${port}`, [get])).answers[0]?.body, '{"name":"sluice"}');
});

test('localhost is served', async (t) => {
  const app = server();
  t.after(() => app.close());
  const port = await listen(app, { host: 'localhost', port: 0 });
  assert.equal((await exchange(`http://localhost:${port}`, [get])).answers[0]?.status, 200);
});

test('each address of a host is served alike until the server closes, but for those that cannot be had', async () => {
  const app = server();
  const addresses = ['127.0.0.1', '127.0.0.2', '192.0.2.1'];
  const port = await listen(app, { host: 'many', port: 0 }, () => Promise.resolve(addresses));
  const origins = addresses.slice(0, 2).map((address) => `http://${address}:${port}`);
  for (const origin of origins) {
    assert.equal((await exchange(origin, [get])).answers[0]?.status, 200, origin);
    assert.match((await exchange(origin, ['NONSENSE\r\n\r\n'])).received, /^HTTP\/1\.1 400 .*"error"/s, origin);
    assert.match((await exchange(origin, ['CONNECT x HTTP/1.1\r\n\r\n'])).received, /^HTTP\/1\.1 405 /, origin);
  }
  await app.close();
  for (const address of addresses.slice(0, 2)) {
    await new Promise((resolve) => connect(port, address).once('error', resolve));
  }
});

test('a port that is taken is an error', async (t) => {
  const [first, second] = [server(), server()];
  t.after(() => Promise.all([first.close(), second.close()]));
  const port = await listen(first, { host: '127.0.0.1', port: 0 });
  await assert.rejects(listen(second, { host: '127.0.0.1', port }), { code: 'EADDRINUSE' });
});
