import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protocolErrors } from './errors.ts';
import { declaredRoutes, Guard } from './guard.ts';
import { route } from './routes.ts';
import { newServer } from './server.ts';
import { SharedSecret } from './shared-secret.ts';

const known = 'known-to-all-processes';
const right = { authorization: `Bearer ${known}` };

function guarded({ secret = new SharedSecret([known]), accepts = false } = {}) {
  const lines: { readonly message: string; readonly details: object }[] = [];
  const log = { error: (details: object, message: string) => lines.push({ message, details }) };
  let nowMs = 0;
  const guard = new Guard({ secret, acceptsPeersWithoutSecret: accepts }, log, () => nowMs);
  const app = newServer({ log, errorForm: protocolErrors, closes: 'all', guard });
  const done: string[] = [];
  for (const needed of ['predict', 'observe', 'operate', 'peer'] as const) {
    route(app, `/${needed}`, {
      right: needed,
      GET: (_request, reply) => {
        done.push(needed);
        void reply.send({ needed });
      },
    });
  }
  return { app, guard, lines, done, pass: (ms: number) => (nowMs += ms) };
}

test('predict and observe are free, operate and peer need the secret', async () => {
  const { app, done, guard } = guarded();
  for (const [path, without, withSecret] of [
    ['/predict', 200, 200],
    ['/observe', 200, 200],
    ['/operate', 401, 200],
    ['/peer', 401, 200],
  ] as const) {
    assert.equal((await app.inject(path)).statusCode, without, path);
    assert.equal((await app.inject({ url: path, headers: right })).statusCode, withSecret, path);
  }
  assert.deepEqual(done, ['predict', 'predict', 'observe', 'observe', 'operate', 'peer']);
  assert.deepEqual(guard.counters, { refused: 2, accepted: 0 });
});

test('a missing secret, a wrong one and another scheme get one answer, which names the settings and no secret', async () => {
  const { app } = guarded();
  const answers = await Promise.all(
    [{}, { authorization: 'Bearer wrong-but-long-enough' }, { authorization: `Basic ${known}` }].map((headers) =>
      app.inject({ url: '/operate', headers }),
    ),
  );
  for (const { statusCode, headers, body } of answers) {
    assert.deepEqual([statusCode, headers['www-authenticate']], [401, 'Bearer']);
    assert.equal(body, answers[0]!.body);
    assert.match(body, /Authorization: Bearer.*SLUICE_SECRET or --secret-file \(SLUICE_SECRET_FILE\)/);
    assert.doesNotMatch(body, /known-to-all|wrong-but/);
  }
});

test('HEAD and slashes lead past no guard, and other methods are not allowed', async () => {
  const { app, done } = guarded();
  assert.equal((await app.inject({ method: 'HEAD', url: '/operate' })).statusCode, 401);
  assert.equal((await app.inject('/operate/')).statusCode, 401);
  assert.equal((await app.inject('/operate?a=b')).statusCode, 401);
  assert.equal((await app.inject({ method: 'POST', url: '/operate' })).statusCode, 405);
  assert.deepEqual(done, []);
});

test('without a secret of its own a process accepts nobody, and says so', async () => {
  const { app } = guarded({ secret: new SharedSecret() });
  for (const headers of [{}, right, { authorization: 'Bearer ' }]) {
    const { statusCode, body } = await app.inject({ url: '/peer', headers });
    assert.equal(statusCode, 401);
    assert.match(body, /this process has no shared secret.*set SLUICE_SECRET or --secret-file/);
  }
});

test('the setting accepts requests without the secret, and counts them', async () => {
  const { app, guard, lines } = guarded({ accepts: true });
  assert.equal((await app.inject('/operate')).statusCode, 200);
  assert.equal((await app.inject({ url: '/peer', headers: { authorization: 'Bearer other' } })).statusCode, 200);
  assert.equal((await app.inject({ url: '/peer', headers: right })).statusCode, 200);
  assert.deepEqual(guard.counters, { refused: 0, accepted: 2 });
  assert.match(lines[0]!.message, /accepted, by --accept-peers-without-secret/);
});

test('refusals are logged once in ten seconds, with their number and without what was sent', async () => {
  const { app, lines, pass } = guarded();
  for (let sent = 0; sent < 50; sent += 1) {
    await app.inject({ url: '/operate', headers: { authorization: 'Bearer wrong-but-long-enough' } });
  }
  assert.equal(lines.length, 1);
  pass(10_000);
  await app.inject('/operate');
  assert.equal(lines.length, 2);
  assert.deepEqual(lines[1]!.details, {
    method: 'GET',
    path: '/operate',
    right: 'operate',
    address: '127.0.0.1',
    refused: 51,
    accepted: 0,
  });
  assert.doesNotMatch(JSON.stringify(lines), /wrong-but|known-to-all/);
});

test('a route that declares no right is refused as it is registered', () => {
  const app = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'all' });
  assert.throws(
    () => app.get('/forgotten', (_request, reply) => reply.send({})),
    /route GET \/forgotten declares no right/,
  );
  route(app, '/known', { right: 'peer', POST: (_request, reply) => reply.send({}) });
  assert.deepEqual(declaredRoutes(app), [{ method: 'POST', path: '/known', right: 'peer' }]);
});

test('a handler that hijacks replies is guarded too, and gets requests whose media type is none', async () => {
  const { app, done } = guarded();
  for (const needed of ['predict', 'peer'] as const) {
    route(app, `/${needed}/early`, {
      right: needed,
      hijacks: ['POST'],
      POST: ({ headers }, reply) => {
        reply.hijack();
        done.push(`${needed} ${headers['content-type']}`);
        reply.raw.end();
      },
    });
  }
  const post = async (url: string, headers = {}): Promise<number> =>
    (await app.inject({ method: 'POST', url, headers: { 'content-type': 'foo', ...headers } })).statusCode;
  assert.equal(await post('/predict/early'), 200);
  assert.equal(await post('/peer/early'), 401);
  assert.equal(await post('/peer/early', right), 200);
  assert.deepEqual(done, ['predict foo', 'peer foo']);
});
