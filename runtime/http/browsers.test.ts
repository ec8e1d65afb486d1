import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { exchange } from '../../test/support/raw-http.ts';
import { foreignPage, refuseForm, type BrowserRules } from './browsers.ts';
import { problemErrors } from './errors.ts';
import { route } from './routes.ts';
import { newServer } from './server.ts';

const admin: BrowserRules = { allowedHosts: ['sluice.example.com', '*.lab.example.com'], corsOrigins: [] };
const ask = (headers: Record<string, string>, method = 'GET'): string | null =>
  foreignPage({ method, headers } as unknown as IncomingMessage, admin);

test('names that a stranger could point here are refused, all others are not', () => {
  const own = [
    '127.0.0.1:8082',
    '10.4.5.6',
    '[::1]:8082',
    'localhost:8082',
    'a.localhost',
    'sluice-scaler',
    'gateway:8081',
  ];
  const cluster = ['sluice.ns.svc', 'sluice.ns.svc.cluster.local:8081', 'Sluice.Example.COM:443', 'a.lab.example.com.'];
  for (const host of [...own, ...cluster]) assert.equal(ask({ host }), null, host);
  const foreign = ['evil.example', 'rebind.evil.example:8082', 'x.svc.evil.example', '127.0.0.1.evil.example'];
  for (const host of [...foreign, 'lab.example.com', 'evilsluice.example.com', 'xlab.example.com']) {
    assert.match(ask({ host }) ?? '', /^header 'host' names none/, host);
  }
  // A program without Host, as HTTP/1.0 allows, is no browser.
  assert.equal(ask({}), null);
});

test('a request that changes something comes from the own page, or from no page', () => {
  const host = 'localhost:8082';
  for (const method of ['POST', 'DELETE', 'PUT', 'OPTIONS']) {
    for (const origin of ['http://localhost:8082', 'https://localhost:8082'])
      assert.equal(ask({ host, origin }, method), null);
    for (const origin of ['null', 'http://localhost', 'http://localhost:9', 'http://evil.example', 'file://']) {
      assert.match(ask({ host, origin }, method) ?? '', /^header 'origin'/, origin);
    }
    assert.equal(ask({ host }, method), null);
  }
  assert.equal(ask({ host, origin: 'http://evil.example' }), null, 'reading is barred by the browser itself');
});

test('what a form can send is no JSON', () => {
  for (const type of [
    'application/x-www-form-urlencoded',
    'text/plain;charset=UTF-8',
    'Multipart/Form-Data; boundary=x',
  ]) {
    assert.throws(() => refuseForm({ 'content-type': type }), /Content-Type: must be application\/json/);
  }
  assert.throws(() => refuseForm({ 'sec-fetch-site': 'cross-site' }), /Content-Type/);
  for (const type of ['application/json', 'application/octet-stream', 'application/vnd.x+json', undefined]) {
    refuseForm({ 'content-type': type });
  }
});

async function answers(rules: BrowserRules, head: string) {
  const app = newServer({ log: { error: () => undefined }, errorForm: problemErrors, closes: 'all', browsers: rules });
  route(app, '/x', {
    right: 'observe',
    GET: (_request, reply) => reply.send({}),
    POST: (_request, reply) => reply.send({}),
  });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  try {
    return (await exchange(origin, [head])).answers[0]!;
  } finally {
    await app.close();
  }
}

test('a foreign page gets 403 from the server, and the end of the connection', async () => {
  const { status, headers, body } = await answers(admin, 'GET /x HTTP/1.1\r\nhost: evil.example\r\n\r\n');
  assert.deepEqual([status, headers['connection']], [403, 'close']);
  assert.match(body, /evil\.example/);
});

test('pages of allowed origins may ask, send and read; those of others may not', async () => {
  const rules = { allowedHosts: null, corsOrigins: ['https://app.example'] };
  const preflight = (origin: string) =>
    `OPTIONS /x HTTP/1.1\r\nhost: x\r\norigin: ${origin}\r\naccess-control-request-method: POST\r\n\r\n`;
  const asked = await answers(rules, preflight('https://app.example'));
  assert.equal(asked.status, 204);
  assert.equal(asked.headers['access-control-allow-origin'], 'https://app.example');
  assert.match(asked.headers['access-control-allow-methods'] ?? '', /POST/);
  assert.match(asked.headers['access-control-allow-headers'] ?? '', /content-type.*sluice-timeout-ms/);
  const sent = await answers(
    rules,
    'POST /x HTTP/1.1\r\nhost: x\r\norigin: https://app.example\r\ncontent-length: 0\r\n\r\n',
  );
  assert.deepEqual([sent.status, sent.headers['access-control-allow-origin']], [200, 'https://app.example']);
  const foreign = await answers(rules, preflight('https://evil.example'));
  assert.equal(foreign.headers['access-control-allow-origin'], undefined);
  const off = await answers({ allowedHosts: null, corsOrigins: [] }, preflight('https://app.example'));
  assert.deepEqual([off.status, off.headers['access-control-allow-origin']], [405, undefined]);
  const all = await answers({ allowedHosts: null, corsOrigins: ['*'] }, preflight('https://any.example'));
  assert.equal(all.headers['access-control-allow-origin'], 'https://any.example');
});
