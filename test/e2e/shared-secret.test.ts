/** Receivers of the shared secret, and requests where it is missing, wrong or replaced: real gateways and pods. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { pino } from 'pino';
import { staticCluster } from '../../cluster/static.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import { buildGateway } from '../../gateway/app.ts';
import * as fixtures from '../../models/author/fixtures.ts';
import { floats, get, startModelServer } from '../../models/testing/model-server.ts';
import { SharedSecret } from '../../runtime/http/shared-secret.ts';
import { testSecret } from '../../runtime/testing/secret.ts';
import { poolOf, until } from '../support/gateway-harness.ts';
import { Metrics } from '../support/metrics.ts';
import { StandInPod } from '../support/stand-in-pod.ts';

const model = 'tripled';
const otherSecret = 'another-secret-altogether';

/** A gateway in front of one server. */
async function gatewayOf(t: TestContext, origin: string, { secret = [testSecret], isTrusted = false } = {}) {
  const pool = poolOf({ models: [model], endpoints: [origin], shareSecretWithEndpoints: isTrusted });
  const shared = new SharedSecret(secret);
  const gateway = buildGateway({
    cluster: staticCluster([pool], 0),
    log: pino({ level: 'silent' }),
    version: 'test',
    name: 'test',
    guard: { secret: shared, acceptsPeersWithoutSecret: false },
  });
  t.after(() => gateway.close());
  await gateway.app.listen({ host: '127.0.0.1', port: 0 });
  await gateway.admin.listen({ host: '127.0.0.1', port: 0 });
  const at = (app: typeof gateway.app): string => `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const [only] = [...gateway.pools.all];
  await until('the server serves', () => only!.endpoints.accepting.size === 1);
  return {
    secret: shared,
    endpoint: [...only!.endpoints.all][0]!,
    predict: async (value: number): Promise<unknown> => {
      const answer = await fetch(`${at(gateway.app)}/v2/models/${model}/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(floats('x', [1, 1], [value])),
      });
      const body = (await answer.json()) as { outputs?: [{ data: number[] }] };
      return answer.status === 200 ? body.outputs?.[0].data[0] : [answer.status, body];
    },
    metrics: () => Metrics.scrape(at(gateway.admin)),
  };
}

async function podOf(t: TestContext, settings: Record<string, string> = {}) {
  const pod = await startModelServer({ [model]: { versions: { 1: fixtures.multiplier(3) } } }, settings);
  t.after(() => pod[Symbol.asyncDispose]());
  const unauthorized = async (outcome: string): Promise<number> => {
    const line = new RegExp(`^sluice_unauthorized_requests_total\\{.*outcome="${outcome}"\\} (\\d+)$`, 'm');
    return Number(line.exec((await get(`${pod.origin}/metrics`)).text)![1]);
  };
  return { ...pod, unauthorized };
}

const status: PodStatus = {
  uid: 'u',
  state: 'ready',
  inFlight: 0,
  queuedRows: 0,
  models: [{ name: model, version: '1', ready: true, isDefault: true, maxRows: 8, maxRequestRows: 8, warmup: [] }],
  unbatched: [],
};

/** A server that keeps what it is sent. */
async function recorder(t: TestContext, podStatus: object | null, predictStatus = 200) {
  const seen: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  const server = createServer((request, response) => {
    const { url = '', headers, method } = request;
    seen.push({ path: `${method} ${url}`, headers });
    request.resume().on('end', () => {
      if (url === '/v2/pod') response.writeHead(podStatus === null ? 404 : 200).end(JSON.stringify(podStatus));
      else if (method === 'GET') response.writeHead(200).end('{}');
      else response.writeHead(url.endsWith('/infer') ? predictStatus : 401).end('{"outputs":[{"data":[7]}]}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { seen, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

for (const { name, podStatus, predictStatus = 200 } of [
  { name: 'a server of another make', podStatus: null },
  { name: 'one that asks for the secret', podStatus: { ...status, requiresSecret: true } },
  { name: 'one that claims to be a pod, and refuses envelopes', podStatus: status },
  {
    name: 'one that claims a finding of its watch',
    podStatus: { ...status, unbatched: [{ name: 'm', version: '1', reason: 'r' }] },
  },
  { name: 'one that answers 401 to predictions', podStatus: null, predictStatus: 401 },
]) {
  test(`an endpoint is never sent the secret: ${name}`, async (t) => {
    const { seen, origin } = await recorder(t, podStatus, predictStatus);
    const { predict } = await gatewayOf(t, origin);
    for (let sent = 0; sent < 3; sent += 1) {
      const answer = await predict(1);
      // 401 of a server is its own answer.
      if (predictStatus === 200) assert.equal(answer, 7);
      else assert.equal((answer as [number])[0], 401);
    }
    await until('it was asked', () => seen.filter(({ path }) => path.endsWith('/infer')).length >= 3);
    for (const { path, headers } of seen) {
      assert.equal(headers.authorization, undefined, path);
      assert.doesNotMatch(JSON.stringify(headers), new RegExp(testSecret), path);
    }
  });
}

test('endpoints that the pool says share it are sent it, with envelopes alone', async (t) => {
  const { seen, origin } = await recorder(t, { ...status, requiresSecret: true });
  const { predict } = await gatewayOf(t, origin, { isTrusted: true });
  assert.equal(await predict(1), 7);
  const sentTo = new Set(seen.filter(({ headers }) => headers.authorization !== undefined).map(({ path }) => path));
  assert.deepEqual([...sentTo], ['POST /v2/envelope']);
});

test('gateway and pod with one secret speak in envelopes', async (t) => {
  const pod = await podOf(t);
  const { predict, endpoint, metrics } = await gatewayOf(t, pod.origin, { isTrusted: true });
  assert.deepEqual(await Promise.all([1, 2, 3].map(predict)), [3, 6, 9]);
  assert.equal(endpoint.takesEnvelopes, true);
  assert.equal((await metrics()).value('sluice_request_retries_total'), 0);
  assert.equal(await pod.unauthorized('refused'), 0);
});

for (const { name, options } of [
  { name: 'of a gateway with another secret', options: { secret: [otherSecret], isTrusted: true } },
  { name: 'of a gateway without one', options: { secret: [], isTrusted: true } },
  { name: 'to endpoints that share none', options: {} },
]) {
  test(`requests ${name} are answered, one by one`, async (t) => {
    const pod = await podOf(t);
    const { predict, endpoint, metrics } = await gatewayOf(t, pod.origin, options);
    for (const value of [1, 2, 3]) assert.equal(await predict(value), 3 * value);
    assert.deepEqual(await Promise.all([4, 5, 6].map(predict)), [12, 15, 18]);
    assert.equal(endpoint.takesEnvelopes, false);
    assert.equal(endpoint.health.kind, 'serving');
    const isWrong = options.secret?.length === 1;
    assert.equal((await metrics()).value('sluice_pod_ejections_total'), 0);
    assert.equal((await metrics()).value('sluice_request_retries_total', { reason: 'unauthorized' }) > 0, isWrong);
    assert.equal((await pod.unauthorized('refused')) > 0, isWrong);
  });
}

test('upgrades: a gateway without the secret and a new pod that accepts it; a gateway with it and a pod that knows none', async (t) => {
  const pod = await podOf(t, { acceptPeersWithoutSecret: 'true' });
  const old = await gatewayOf(t, pod.origin, { secret: [] });
  assert.equal(await old.predict(1), 3);
  assert.equal(old.endpoint.takesEnvelopes, true);
  assert.deepEqual([await pod.unauthorized('accepted'), await pod.unauthorized('refused')], [1, 0]);
  assert.equal(pod.logged.filter(({ setting }) => setting === '--accept-peers-without-secret').length, 1);

  const oldPod = new StandInPod('old', [model]);
  await oldPod.start();
  t.after(() => oldPod.stop());
  const next = await gatewayOf(t, oldPod.pod.origin!, { isTrusted: true });
  await next.predict(1);
  assert.equal(next.endpoint.takesEnvelopes, true);
  assert.equal(oldPod.envelopes.length, 1);
});

test('a gateway whose secret is put right speaks in envelopes again', async (t) => {
  const pod = await podOf(t);
  const { predict, endpoint, secret } = await gatewayOf(t, pod.origin, { secret: [otherSecret], isTrusted: true });
  assert.equal(await predict(1), 3);
  assert.equal(endpoint.takesEnvelopes, false);
  secret.replace([testSecret]);
  await until('it takes envelopes again', () => endpoint.takesEnvelopes);
  assert.equal(await predict(2), 6);
  assert.equal(endpoint.takesEnvelopes, true);
});
