/** The page's routes without a browser: files and their headers, the history, and the limits of the form's requests. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { FakeScaler, poolReport } from '../page/testing/fake-scaler.ts';

async function scaler(t: TestContext, gatewayUrl: string | null = null): Promise<{ fake: FakeScaler; url: string }> {
  const fake = new FakeScaler();
  t.after(() => fake.close());
  return { fake, url: await fake.start(gatewayUrl) };
}

/** A stand-in for the gateway, with the requests that it got. */
async function gateway(
  t: TestContext,
  answer: (response: ServerResponse, body: string) => void,
): Promise<{ url: string; asked: IncomingMessage[]; server: Server }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
    request.on('end', () => answer(response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server };
}

const json = { 'content-type': 'application/json' };

test('every file that the page names is served, with its type and a policy that allows nothing else', async (t) => {
  const { url } = await scaler(t);
  const ahead = ['/'];
  const seen = new Set<string>();
  for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const response = await fetch(url + path);
    const text = await response.text();
    assert.equal(response.status, 200, path);
    assert.match(
      response.headers.get('content-security-policy') ?? '',
      /^default-src 'none'; script-src 'self'; /,
      path,
    );
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
    const type = path === '/' ? 'text/html' : path.endsWith('.js') ? 'text/javascript' : 'text/css|image/svg';
    assert.match(response.headers.get('content-type') ?? '', new RegExp(type), path);
    for (const [, file] of text.matchAll(/(?:src|href)="(page\/[^"]+)"/g)) ahead.push(`/${file!}`);
    for (const [, file] of text.matchAll(/from '\.\/([^']+)'/g)) ahead.push(`/page/${file!}`);
    assert.doesNotMatch(text, /\sstyle="|\son\w+="|<script>|https?:\/\/(?!www\.w3\.org\/2000\/svg)/, path);
  }
  assert.ok(seen.size > 10, `only ${[...seen].join(' ')}`);
});

test('a file that the browser has already is not sent again', async (t) => {
  const { url } = await scaler(t);
  const first = await fetch(`${url}/page/page.css`);
  const again = await fetch(`${url}/page/page.css`, { headers: { 'if-none-match': first.headers.get('etag')! } });
  assert.equal(again.status, 304);
  assert.equal((await fetch(`${url}/page/tsconfig.json`)).status, 404);
  assert.equal((await fetch(`${url}/page/..%2fassets.ts`)).status, 404);
});

test('the history has a column for each quantity, null where a pool did not exist yet', async (t) => {
  const { fake, url } = await scaler(t);
  fake.tell({ atMs: 1_000, pools: [poolReport('old', { queued: 3 })] });
  fake.tell({ atMs: 2_000, pools: [poolReport('old', { queued: 4 }), poolReport('new', { arrivalsPerS: 1 / 3 })] });
  fake.tell({ atMs: 1_500, pools: [] });
  const { atMs, pools } = (await (await fetch(`${url}/api/history`)).json()) as ReturnType<typeof fake.history.report>;
  assert.deepEqual(atMs, [1_000, 2_000]);
  assert.deepEqual(pools[0]?.queued, [3, 4]);
  assert.deepEqual(pools[1]?.arrivalsPerS, [null, 0.3333]);
});

test('an hour and six hours are kept in coarser steps: means of rates, the worst of waits, the last of replicas', async (t) => {
  const { fake, url } = await scaler(t);
  const startMs = 1_800_000_000_000;
  for (let s = 0; s < 8 * 3_600; s += 1) {
    const spike = s % 60 === 30;
    const given = { arrivalsPerS: s % 2 === 0 ? 10 : 20, queued: spike ? 7 : 0, p99Ms: spike ? 90 : 9 };
    fake.history.add({ ...fake.report, atMs: startMs + s * 1_000, pools: [poolReport('a', given), poolReport('b')] });
  }
  const ask = async (query: string) =>
    (await (await fetch(`${url}/api/history${query}`)).json()) as ReturnType<typeof fake.history.report>;
  const hour = await ask('?window=1h&pool=a');
  assert.deepEqual([hour.stepMs, hour.atMs.length, hour.pools.map(({ name }) => name)], [10_000, 361, ['a']]);
  assert.deepEqual(new Set(hour.pools[0]?.arrivalsPerS), new Set([15]));
  assert.equal(hour.pools[0]?.queued.filter((queued) => queued === 7).length, 60);
  const hours = await ask('?window=6h');
  assert.deepEqual([hours.stepMs, hours.atMs.length, hours.pools.length], [60_000, 361, 2]);
  assert.deepEqual(new Set(hours.pools[0]?.p99Ms), new Set([90]));
  assert.ok(hours.atMs.every((atMs, index) => index === 0 || atMs > hours.atMs[index - 1]!));
  assert.equal((await ask('')).stepMs, 1_000);
  for (const query of ['?window=2h', '?window=constructor', '?pool=a&pool=b']) {
    assert.equal((await fetch(`${url}/api/history${query}`)).status, 400, query);
  }
});

test('a clock that is set back by hours starts the history anew, instead of stopping it for hours', async (t) => {
  const { fake } = await scaler(t);
  const tell = (atMs: number) => fake.history.add({ ...fake.report, atMs, pools: [poolReport('a', { queued: 1 })] });
  tell(10_000_000);
  tell(1_000_000);
  tell(1_001_000);
  assert.deepEqual(fake.history.report().atMs, [1_000_000, 1_001_000]);
});

test('a runbook is served as text, and no other file', async (t) => {
  const { url } = await scaler(t);
  const response = await fetch(`${url}/runbooks/SluicePodSick`);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  assert.match(await response.text(), /^# SluicePodSick/);
  for (const name of ['README', '..%2Foperations', 'constructor']) {
    assert.equal((await fetch(`${url}/runbooks/${name}`)).status, 404, name);
  }
});

test('the history forgets what is older than its window, and pools that are gone', async (t) => {
  const { fake } = await scaler(t);
  for (let s = 0; s < 1_000; s += 1) fake.tell({ atMs: s * 1_000, pools: [poolReport('a'), poolReport(`gone-${s}`)] });
  fake.tell({ atMs: 1_000_000, pools: [poolReport('a')] });
  const { atMs, pools } = fake.history.report();
  assert.deepEqual([atMs[0], atMs.length], [700_000, 301]);
  assert.deepEqual(
    pools.map((pool) => pool.name),
    ['a'],
  );
});

test('a predict request reaches the model unchanged, and pod and batch come back with the answer', async (t) => {
  let got = '';
  const { url: gatewayUrl, asked } = await gateway(t, (response, body) => {
    got = body;
    response.writeHead(200, { ...json, 'sluice-pod': 'p-1', 'sluice-batch': '7', 'set-cookie': 'a=b', server: 'x' });
    response.end('{"outputs":[]}');
  });
  const { url } = await scaler(t, gatewayUrl);
  const response = await fetch(`${url}/api/predict/my%2Fmodel`, {
    method: 'POST',
    headers: json,
    body: '{"inputs": 1}',
  });
  assert.deepEqual(await response.json(), { outputs: [] });
  assert.equal(got, '{"inputs": 1}');
  assert.equal(asked[0]?.url, '/v2/models/my%2Fmodel/infer');
  assert.equal(response.headers.get('sluice-pod'), 'p-1');
  assert.equal(response.headers.get('sluice-batch'), '7');
  assert.equal(response.headers.get('set-cookie'), null);
});

test("the gateway's own errors come back with their status", async (t) => {
  const { url: gatewayUrl } = await gateway(t, (response) => {
    response.writeHead(503, { ...json, 'retry-after': '3' }).end('{"error":"no pod"}');
  });
  const { url } = await scaler(t, gatewayUrl);
  const response = await fetch(`${url}/api/predict/m`, { method: 'POST', headers: json, body: '{}' });
  assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '3']);
  assert.deepEqual(await response.json(), { error: 'no pod' });
  assert.deepEqual(await (await fetch(`${url}/api/models/m`)).json(), { inputs: null });
});

test('refused: a foreign page, another content type, a body that is too long, an answer that is too long', async (t) => {
  const { url: gatewayUrl, asked } = await gateway(t, (response) => {
    response.writeHead(200, json);
    response.end('x'.repeat(2 * 1024 * 1024));
  });
  const { url } = await scaler(t, gatewayUrl);
  const post = (init: RequestInit) =>
    fetch(`${url}/api/predict/m`, { method: 'POST', headers: json, body: '{}', ...init });

  assert.equal((await post({ headers: { ...json, 'sec-fetch-site': 'cross-site' } })).status, 403);
  assert.equal((await post({ headers: { 'content-type': 'text/plain' } })).status, 415);
  assert.equal((await post({ body: 'x'.repeat(1024 * 1024 + 1) })).status, 413);
  assert.equal((await fetch(`${url}/api/predict/m`)).status, 405);
  assert.equal(asked.length, 0);
  const long = await post({});
  assert.equal(long.status, 502);
  assert.match(((await long.json()) as { error: string }).error, /longer than 1048576 bytes/);
});

test('without a gateway, or with an unreachable one, the form gets an error that says so', async (t) => {
  const none = await scaler(t);
  const post = { method: 'POST', headers: json, body: '{}' };
  const untold = await fetch(`${none.url}/api/predict/m`, post);
  assert.equal(untold.status, 503);
  const { url: gatewayUrl, server } = await gateway(t, () => undefined);
  server.close();
  const { url } = await scaler(t, gatewayUrl);
  const gone = await fetch(`${url}/api/predict/m`, post);
  assert.equal(gone.status, 502);
  assert.match(((await gone.json()) as { error: string }).error, /can't be reached: .*ECONNREFUSED/);
});

test('a browser that leaves cancels its request to the gateway', async (t) => {
  const left = Promise.withResolvers<undefined>();
  const { url: gatewayUrl } = await gateway(t, (response) => {
    response.on('close', () => left.resolve(undefined));
    leave.abort();
  });
  const leave = new AbortController();
  const { url } = await scaler(t, gatewayUrl);
  const sent = fetch(`${url}/api/predict/m`, { method: 'POST', headers: json, body: '{}', signal: leave.signal });
  await assert.rejects(sent);
  await left.promise;
});
