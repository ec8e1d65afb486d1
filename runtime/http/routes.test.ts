import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protocolErrors } from './errors.ts';
import { route } from './routes.ts';
import { newServer } from './server.ts';

function app() {
  const server = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'all' });
  route(server, '/both', {
    right: 'observe',
    GET: (_request, reply) => reply.send({ got: true }),
    POST: (_request, reply) => reply.send({ posted: true }),
  });
  route(server, '/post/:name', { right: 'observe', POST: (request, reply) => reply.send(request.params) });
  return server;
}

test('a path answers its methods, HEAD with GET, with or without a slash at the end', async () => {
  const server = app();
  assert.equal((await server.inject({ method: 'GET', url: '/both' })).body, '{"got":true}');
  assert.equal((await server.inject({ method: 'POST', url: '/both/?a=b' })).body, '{"posted":true}');
  const head = await server.inject({ method: 'HEAD', url: '/both' });
  assert.deepEqual([head.statusCode, head.headers['content-length'], head.body], [200, '12', '']);
});

test('every other method gets 405 and the list of those allowed', async () => {
  const server = app();
  for (const [url, allow, methods] of [
    ['/both', 'GET, HEAD, POST', ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']],
    ['/post/x', 'POST', ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']],
  ] as const) {
    for (const method of methods) {
      const answer = await server.inject({ method: method as 'GET', url });
      assert.deepEqual([answer.statusCode, answer.headers['allow']], [405, allow], `${method} ${url}`);
      assert.equal(answer.body, `{"error":"${method} is not allowed here, only ${allow}"}`);
    }
  }
  const head = await server.inject({ method: 'HEAD', url: '/post/x' });
  assert.deepEqual([head.statusCode, head.headers['allow'], head.body], [405, 'POST', '']);
});

test('bodies of any type are left to the route', async () => {
  const server = app();
  for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'x/y']) {
    const answer = await server.inject({
      method: 'POST',
      url: '/post/a%20b',
      headers: { 'content-type': type },
      payload: '{',
    });
    assert.equal(answer.body, '{"name":"a b"}', type);
  }
});
