/** Every path of every process has the right that is written here, and those of control and peers need the shared secret. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { declaredRoutes } from '../../runtime/http/guard.ts';
import { isGuarded, type Right } from '../../runtime/http/rights.ts';
import { testGuard, testSecret, withTestSecret } from '../../runtime/testing/secret.ts';
import { bareProcesses } from '../support/bare-processes.ts';

const model = ['', '/versions/:version'].map((version) => `/v2/models/:model${version}`);
const each = (suffix: string) => model.map((path) => `GET ${path}${suffix}`);
const health = ['GET /livez', 'GET /readyz', 'GET /metrics'];

const server = ['GET /v2', 'GET /v2/health/live', 'GET /v2/health/ready', 'GET /v1/models'];
const infer = model.map((path) => `POST ${path}/infer`);

const index = 'POST /v2/repository/index';
const repository = ['load', 'unload'].map((action) => `POST /v2/repository/models/:model/${action}`);

/** Rights as docs/security.md tells them. A new path is a line here. */
const expected: Readonly<Record<string, Readonly<Partial<Record<Right, readonly string[]>>>>> = {
  "the gateway's port": {
    predict: infer.concat('POST /v1/models/:target'),
    observe: ['', '/ready', '/config'].flatMap(each).concat(server, 'GET /', 'GET /v1/models/:target', index),
    operate: repository,
  },
  "the gateway's admin port": { observe: health.concat('GET /load'), peer: ['GET /load/stream'] },
  "the pod's port": {
    predict: infer.concat('POST /v1/models/:model'),
    observe: ['', '/ready', '/config', '/stats']
      .flatMap(each)
      .concat(server, 'GET /v1/models/:model', 'GET /v2/models/stats', 'GET /v2/pod', 'GET /metrics', index),
    operate: ['POST /drain', 'DELETE /drain', 'POST /v2/repository/versions', ...repository],
    peer: ['POST /v2/envelope', 'POST /v2/unbatched'],
  },
  "the scaler's port": {
    predict: ['POST /api/predict/:model'],
    observe: health.concat(
      ['GET /', 'GET /page/*', 'GET /api/pools', 'GET /api/pools/:pool/decisions', 'GET /api/stream'],
      ['GET /api/history', 'GET /api/models/:model', 'GET /api/events', 'GET /runbooks/:alert'],
      ['GET /api/prometheus/targets', 'GET /api/pods/:pod/log'],
    ),
  },
};

const processes = bareProcesses({ guard: testGuard() });
const { ports } = processes;
const originOf = (app: (typeof ports)[number][1]): string =>
  `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

before(() => Promise.all(ports.map(([, app]) => app.listen({ host: '127.0.0.1', port: 0 }))));
after(() => processes.close());

for (const [name, app] of ports) {
  test(`${name}: every path has the right that is expected of it`, () => {
    const found: Partial<Record<Right, Set<string>>> = {};
    for (const { method, path, right } of declaredRoutes(app)) {
      (found[right] ??= new Set()).add(`${method} ${path.replace(/^\/page\/.*/, '/page/*')}`);
    }
    const sorted = (paths: Iterable<string>) => [...new Set(paths)].toSorted();
    assert.deepEqual(
      Object.fromEntries(Object.entries(found).map(([right, paths]) => [right, sorted(paths)])),
      Object.fromEntries(Object.entries(expected[name]!).map(([right, paths]) => [right, sorted(paths)])),
    );
  });

  for (const { method, path, right } of declaredRoutes(app)) {
    const url = path.replaceAll(/:\w+/g, 'any');
    test(`${name}: ${method} ${url} ${isGuarded(right) ? 'needs' : 'does not need'} the secret`, async () => {
      const ask = async (headers: Record<string, string>): Promise<number> => {
        const stop = new AbortController();
        const response = await fetch(originOf(app) + url, { method, headers, signal: stop.signal });
        const { status } = response;
        if (status === 401) {
          assert.equal(response.headers.get('www-authenticate'), 'Bearer');
          assert.doesNotMatch(await response.text(), new RegExp(testSecret));
        }
        // Streams have no end.
        stop.abort();
        return status;
      };
      const wrong = [{}, { authorization: 'Bearer of-tests-and-nothing-elsewhere' }, { authorization: testSecret }];
      const refused = await Promise.all(wrong.map(ask));
      const accepted = await ask(withTestSecret);
      assert.notEqual(accepted, 401);
      assert.deepEqual(refused, isGuarded(right) ? [401, 401, 401] : [accepted, accepted, accepted]);
    });
  }
}

test('the body of a refused request is not read, and its connection ends', async () => {
  const [, pod] = ports.find(([name]) => name === "the pod's port")!;
  const socket = connect(Number(new URL(originOf(pod)).port), '127.0.0.1');
  socket.on('error', () => undefined);
  const head = ['POST /v2/envelope HTTP/1.1', 'host: x', 'content-type: application/vnd.sluice.envelope'];
  socket.write(`${[...head, 'content-length: 200000000', 'expect: 100-continue'].join('\r\n')}\r\n\r\n`);
  let received = '';
  socket.on('data', (chunk) => (received += String(chunk)));
  await once(socket, 'close');
  // No 100 Continue before it.
  assert.match(received, /^HTTP\/1\.1 401 .*connection: close/is);
});
