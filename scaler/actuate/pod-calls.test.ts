import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { SharedSecret } from '../../runtime/http/shared-secret.ts';
import { HttpClient } from '../http-client.ts';
import { podCalls } from './pod-calls.ts';

const authorization = 'Bearer known-to-all-processes';
const owner = { holder: 'scaler', generation: 1 };
const status = { uid: 'u', state: 'ready', inFlight: 0, queuedRows: 0, models: [] };

/** A server that answers `GET /v2/pod` and `/drain` with these statuses, and keeps who sent what. */
async function serverOf(t: TestContext, { pod, drain }: { pod: number; drain: number }) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    const isPod = path === '/v2/pod';
    seen.push(`${request.method} ${path} ${request.headers.authorization ?? 'no secret'}`);
    response.writeHead(isPod ? pod : drain).end(isPod && pod === 200 ? JSON.stringify(status) : '{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const http = new HttpClient(new SharedSecret(['known-to-all-processes']));
  t.after(async () => {
    await http.close();
    server.close();
  });
  return { seen, calls: podCalls(http), origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('a drain carries the secret, and a look at the pod does not', async (t) => {
  const { seen, calls, origin } = await serverOf(t, { pod: 200, drain: 200 });
  assert.equal((await calls.drain(origin, owner, 1000)).kind, 'done');
  assert.equal((await calls.resume(origin, owner)).kind, 'done');
  assert.equal((await calls.probe(origin)).kind, 'status');
  const look = 'GET /v2/pod no secret';
  assert.deepEqual(seen, [look, `POST /drain ${authorization}`, look, `DELETE /drain ${authorization}`, look]);
});

test('a server of another make is not sent the secret, whatever it answers', async (t) => {
  for (const [pod, kind] of [
    [404, 'foreign'],
    [500, 'failed'],
    [204, 'failed'],
  ] as const) {
    const { seen, calls, origin } = await serverOf(t, { pod, drain: 200 });
    assert.equal((await calls.drain(origin, owner, 1000)).kind, kind);
    assert.deepEqual(seen, ['GET /v2/pod no secret']);
  }
});

test('a refused secret is told with the setting that is wrong', async (t) => {
  const { calls, origin } = await serverOf(t, { pod: 200, drain: 401 });
  const answer = await calls.drain(origin, owner, 1000);
  assert.ok(answer.kind === 'failed');
  assert.match(answer.detail, /refused the shared secret \(401\).*--secret-file/);
});
