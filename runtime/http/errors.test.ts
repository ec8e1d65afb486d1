import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorTable, SluiceError, type ErrorCode } from '../../contract/errors.ts';
import { problemErrors, protocolErrors, sendError, type ErrorForm } from './errors.ts';
import { route } from './routes.ts';
import { newServer } from './server.ts';

interface Logged {
  readonly code: string;
  readonly requestId?: string;
  readonly traceId?: string;
}

/** A server whose route `/` fails as the test says, by throwing and by sending. */
function failing(form: ErrorForm, fail: () => Error) {
  const logged: Logged[] = [];
  const log = { error: (details: object) => void logged.push(details as Logged) };
  const app = newServer({ log, errorForm: form, closes: 'all' });
  route(app, '/', {
    right: 'observe',
    GET: () => {
      throw fail();
    },
    PUT: () => Promise.reject(fail()),
    POST: (_request, reply) => {
      reply.hijack();
      sendError(reply.raw, fail(), { log, form });
    },
  });
  return { app, logged };
}

const codes = Object.keys(errorTable) as ErrorCode[];
const ways = ['GET', 'PUT', 'POST'] as const;

test('every code is answered and logged alike, however a request fails', async () => {
  for (const code of codes) {
    const { app, logged } = failing(protocolErrors, () => new SluiceError(code, 'why'));
    for (const method of ways) {
      const answer = await app.inject({ method, url: '/' });
      assert.deepEqual(
        [answer.statusCode, answer.headers['content-type'], answer.body],
        [errorTable[code].status, 'application/json', '{"error":"why"}'],
        `${method} ${code}`,
      );
      assert.equal(answer.headers['retry-after'], answer.statusCode === 503 ? '1' : undefined, code);
    }
    const expected = ['internal', 'pod-failed', 'poison-request'].includes(code) ? 3 : 0;
    assert.equal(logged.length, expected, code);
    assert.ok(logged.every((line) => line.code === code));
  }
});

test('a defect is logged with the ids of its request, and its client is told little', async () => {
  const { app, logged } = failing(protocolErrors, () => new TypeError('secret'));
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const answer = await app.inject({ method: 'GET', url: '/', headers: { 'x-request-id': 'mine', traceparent } });
  assert.deepEqual([answer.statusCode, answer.body], [500, '{"error":"internal error"}']);
  assert.equal(answer.headers['x-request-id'], 'mine');
  const [line] = logged as (Logged & { err: Error })[];
  assert.deepEqual([line?.code, line?.requestId, line?.traceId], ['internal', 'mine', traceparent.slice(3, 35)]);
  assert.equal(line?.err.message, 'secret');
});

test('the wait that an error names is the Retry-After', async () => {
  const { app } = failing(protocolErrors, () => new SluiceError('queue-full', 'full', { retryAfterSeconds: 7 }));
  for (const method of ways) {
    assert.equal((await app.inject({ method, url: '/' })).headers['retry-after'], '7');
  }
});

test('an admin port answers with problem details', async () => {
  const { app } = failing(problemErrors, () => new SluiceError('route-not-found', 'there is no pool "x"'));
  for (const method of ways) {
    const answer = await app.inject({ method, url: '/' });
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    const problem = { type: 'about:blank', status: 404, title: 'Not Found', detail: 'there is no pool "x"' };
    assert.deepEqual(JSON.parse(answer.body), problem);
  }
});

test('paths that lead nowhere or cannot be read, and headers that cannot be, are said by name', async () => {
  const { app } = failing(protocolErrors, () => new Error('unused'));
  route(app, '/m/:model', { right: 'observe', POST: (_request, reply) => reply.send({}) });
  for (const [method, url, status, error] of [
    ['GET', '/nowhere?a=b', 404, /^no such path: GET \/nowhere\?a=b$/],
    ['GET', `/${'n'.repeat(900)}`, 404, /^no such path: GET \/n{199}$/],
    ['POST', '/m/%ff', 400, /^path "\/m\/%ff" is not percent-encoded UTF-8$/],
    ['POST', `/m/${'n'.repeat(2_000)}`, 400, /^'\/m\/n+\.\.\.n+' is exceeding the max param length$/],
  ] as const) {
    const answer = await app.inject({ method, url });
    assert.equal(answer.statusCode, status, url);
    assert.match((JSON.parse(answer.body) as { error: string }).error, error);
  }
  const answer = await app.inject({ method: 'POST', url: '/m/x', headers: { 'content-type': ';' }, payload: '{}' });
  assert.equal(answer.statusCode, 415);
});

test("Fastify's refusals keep their status and text below 500, and are defects from 500 on", async () => {
  for (const [statusCode, status, error] of [
    [413, 413, 'too large'],
    [415, 415, 'too large'],
    [404, 400, 'too large'],
    [500, 500, 'internal error'],
    [503, 500, 'internal error'],
  ] as const) {
    const { app } = failing(protocolErrors, () => Object.assign(new Error('too large'), { statusCode }));
    const answer = await app.inject({ method: 'GET', url: '/' });
    assert.deepEqual([answer.statusCode, answer.body], [status, JSON.stringify({ error })]);
  }
});

test('an error can ask the client to close its connection', async () => {
  const { app } = failing(protocolErrors, () => new Error('unused'));
  const log = { error: () => undefined };
  route(app, '/close', {
    right: 'observe',
    GET: (_request, reply) => {
      reply.hijack();
      sendError(reply.raw, new SluiceError('busy', 'no room'), { log, close: true });
    },
  });
  assert.equal((await app.inject({ method: 'GET', url: '/close' })).headers['connection'], 'close');
});

test('an answer that has begun is cut off', async () => {
  const { app, logged } = failing(protocolErrors, () => new Error('unused'));
  route(app, '/begun', {
    right: 'observe',
    GET: (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200);
      reply.raw.write('half');
      sendError(reply.raw, new Error('late'), { log: { error: () => void logged.push({ code: 'late' }) } });
    },
  });
  await assert.rejects(app.inject({ method: 'GET', url: '/begun' }));
  assert.deepEqual(logged, [{ code: 'late' }]);
});
