/** Paths, methods and errors of a real server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test, { after, before } from 'node:test';
import type { PodDrain } from '../../contract/pod-status.ts';
import * as fixtures from '../../models/author/fixtures.ts';
import {
  floats,
  get,
  post,
  startModelServer,
  type Answered,
  type TestServer,
} from '../../models/testing/model-server.ts';

let started: TestServer;
before(async () => {
  started = await startModelServer({
    'sums.v_1-x': { versions: { 1: fixtures.variableLength(), 3: fixtures.variableLength() } },
  });
});
after(() => started[Symbol.asyncDispose]());

const errorOf = ({ headers, json, text }: Answered) => {
  assert.match(headers.get('content-type') ?? '', /^application\/json/);
  const { error, ...rest } = json as { error: unknown };
  assert.equal(typeof error, 'string', text);
  assert.deepEqual(rest, {});
  return error as string;
};

test('the server, its health and its models are described', async () => {
  const { origin } = started;
  for (const path of ['/v2', '/v2/']) {
    const { json } = await get(origin + path);
    const { name, extensions } = json as { name: string; extensions: string[] };
    assert.equal(name, 'sluice');
    assert.ok(extensions.includes('sluice_envelope') && extensions.includes('binary_tensor_data'));
  }
  assert.deepEqual((await get(`${origin}/v2/health/live`)).json, { live: true });
  assert.deepEqual((await get(`${origin}/v2/health/ready?verbose=1`)).json, { ready: true });
  assert.deepEqual((await get(`${origin}/v2/models/sums%2Ev_1-x`)).json, {
    name: 'sums.v_1-x',
    versions: ['1', '3'],
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
  });
  const config = (await get(`${origin}/v2/models/sums.v_1-x/config`)).json as Record<string, unknown>;
  assert.equal(config['backend'], 'onnxruntime');
  assert.deepEqual(config['input'], [{ name: 'x', data_type: 'TYPE_FP32', dims: [-1], format: 'FORMAT_NONE' }]);
  assert.equal(config['max_batch_size'], 131_072);
  assert.deepEqual((await get(`${origin}/v1/models`)).json, { models: ['sums.v_1-x'] });
  assert.deepEqual((await get(`${origin}/v1/models/sums.v_1-x`)).json, { name: 'sums.v_1-x', ready: true });
});

test('KServe V1 predicts', async () => {
  const answer = await post(`${started.origin}/v1/models/sums.v_1-x:predict`, {
    instances: [
      [1, 2],
      [3, 4],
    ],
  });
  assert.equal(answer.text, '{"predictions":[[3.0],[7.0]]}');
});

test('what does not exist is told as JSON, with the methods that would do', async () => {
  const { origin } = started;
  const cases: readonly [number, string, string, RegExp][] = [
    [404, 'GET', '/nothing', /^no such path: GET \/nothing$/],
    [404, 'GET', '/v2/models/absent', /model "absent" is not served here/],
    [404, 'POST', '/v2/models/absent/infer', /model "absent" is not served here/],
    [404, 'GET', `/v2/models/${'x'.repeat(900)}`, /model "x+\.\.\. is not served here/],
    [404, 'GET', '/v2/models/sums.v_1-x/versions/2', /no version "2", only 1, 3/],
    [404, 'POST', '/v1/models/absent:predict', /model "absent"/],
    [404, 'POST', '/v1/models/sums.v_1-x:explain', /no such path/],
    [405, 'GET', '/v2/models/sums.v_1-x/infer', /^GET is not allowed here, only POST$/],
    [405, 'DELETE', '/v2/models/sums.v_1-x', /^DELETE is not allowed here, only GET, HEAD$/],
    [405, 'GET', '/v2/envelope', /only POST/],
    [415, 'POST', '/v2/envelope', /Content-Type: must be application\/vnd\.sluice\.envelope/],
    [400, 'GET', '/v2/models/%E0%A4%A', /is not percent-encoded/],
    [400, 'POST', '/v2/models/sums.v_1-x/infer', /the body is empty/],
  ];
  for (const [status, method, path, message] of cases) {
    const answer = await get(origin + path, method);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    assert.match(errorOf(answer), message);
    assert.equal(answer.headers.has('allow'), status === 405);
  }
});

test('malformed HTTP is answered as JSON, and the server goes on', async () => {
  const socket = connect(started.port, '127.0.0.1');
  socket.end('NONSENSE\r\n\r\n');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'close');
  assert.match(
    Buffer.concat(chunks).toString(),
    /^HTTP\/1\.1 400 .*\{"error":"not a valid HTTP\/1\.1 request: \w+"\}$/s,
  );
  assert.equal((await get(`${started.origin}/v2/health/live`)).status, 200);
});

test('a drain is said everywhere, keeps answering, and can be taken back', async () => {
  const { origin } = started;
  const stateOf = ({ json }: Answered) => (json as { state: string }).state;
  assert.equal(stateOf(await get(`${origin}/drain`, 'POST')), 'draining');
  assert.equal((await get(`${origin}/v2/health/ready`)).status, 503);
  assert.equal((await post(`${origin}/v2/models/sums.v_1-x/infer`, floats('x', [1, 1], [1]))).status, 200);
  assert.match((await get(`${origin}/metrics`)).text, /^sluice_pod_draining 1$/m);
  assert.equal(stateOf(await get(`${origin}/drain`, 'DELETE')), 'ready');
  assert.equal(stateOf(await get(`${origin}/v2/pod`)), 'ready');
});

test('a drain is a lease: granted up to a cap, kept for its holder, and given back by the pod itself', async () => {
  const { origin, logged } = started;
  const drainOf = ({ json }: Answered) => (json as { drain?: PodDrain }).drain;
  const scaler = `${origin}/drain?holder=default/scaler&generation=4`;
  const { holder, generation, remainingMs, id } = drainOf(await get(`${scaler}&ttlMs=3600000`, 'POST'))!;
  assert.deepEqual([holder, generation], ['default/scaler', 4]);
  // Some of it may have passed before the answer was written.
  assert.ok(remainingMs <= 15_000 && remainingMs > 5_000, `${remainingMs} ms of the cap of 15 s`);
  for (const method of ['POST', 'DELETE']) {
    const refused = await get(`${origin}/drain?holder=stranger`, method);
    assert.deepEqual([refused.status, refused.text.includes('default/scaler')], [409, true]);
  }
  // The next leader takes the drain over, for a moment only.
  const taken = drainOf(await get(`${origin}/drain?holder=default/scaler&generation=5&ttlMs=100`, 'POST'))!;
  assert.deepEqual([taken.id, taken.generation], [id, 5]);
  const isReady = async () => (await get(`${origin}/v2/health/ready`)).status === 200;
  while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(drainOf(await get(`${origin}/v2/pod`)), undefined);
  assert.match((await get(`${origin}/metrics`)).text, /^sluice_pod_drains_lapsed_total 1$/m);
  assert.ok(logged.some(({ level, msg }) => level === 40 && /"default\/scaler" was not renewed/.test(String(msg))));
});

test('a wrong lease is refused by field and value, and drains nothing', async () => {
  const { origin } = started;
  for (const [query, said] of [
    ['ttlMs=0', 'ttlMs: must be a whole number of at least 1, was: \\"0\\"'],
    ['ttlMs=1e3', 'ttlMs: must be a whole number of at least 1, was: \\"1e3\\"'],
    ['holder=', 'holder: must be 1 to 200 printable characters, was: \\"\\"'],
    ['holder=a%0ab', 'holder: must be 1 to 200 printable characters, was: \\"a\\\\nb\\"'],
    ['holder=a&holder=b', 'was: [\\"a\\",\\"b\\"]'],
    ['holder=a&generation=-1', 'generation: must be a whole number of at least 0, was: \\"-1\\"'],
  ]) {
    const { status, text } = await get(`${origin}/drain?${query}`, 'POST');
    assert.equal(status, 400, query);
    assert.ok(text.includes(said!), `${text} says ${said}`);
  }
  assert.equal((await get(`${origin}/v2/health/ready`)).status, 200);
});
