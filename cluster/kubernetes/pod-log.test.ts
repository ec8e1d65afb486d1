import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { listPods, podsOfPool, readPodLog } from './pod-log.ts';
import { ApiServer } from './testing/api-server.ts';

async function cluster(t: TestContext): Promise<ApiServer> {
  const server = await ApiServer.start();
  t.after(() => server.close());
  const answers: Record<string, unknown> = {
    '/apis/sluice.dev/v1alpha1/namespaces/test/modelpools/p': { spec: { scaleTargetRef: { name: 'd' } } },
    '/apis/apps/v1/namespaces/test/deployments/d': { spec: { selector: { matchLabels: { app: 'a', tier: 'b' } } } },
  };
  server.intercept = ({ path, query }, response) => {
    if (path.endsWith('/log')) {
      if (query.get('previous') === 'true') {
        response.writeHead(400).end(JSON.stringify({ message: 'previous terminated container not found' }));
      } else if (query.get('container') === 'open') response.write('one\ntw');
      else if (query.get('container') === 'cut') response.write('one\n', () => response.destroy());
      else response.end('one\ntwo\r\nthree');
      return true;
    }
    const names = query.get('labelSelector') === 'app=a,tier=b' ? ['d-1', 'd-2'] : ['d-1', 'd-2', 'other'];
    const list = path.endsWith('/pods') ? { items: names.map((name) => ({ metadata: { name } })) } : undefined;
    const answer = list ?? answers[path];
    response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? { message: 'not found' }));
    return true;
  };
  return server;
}

test('pods are those of the namespace, or those that the Deployment of a pool selects', async (t) => {
  const { api } = await cluster(t);
  const named = (...names: string[]) => names.map((name) => ({ namespace: 'test', name }));
  assert.deepEqual(await listPods(api), named('d-1', 'd-2', 'other'));
  assert.deepEqual(await podsOfPool(api, 'p'), named('d-1', 'd-2'));
  assert.equal(await podsOfPool(api, 'q'), null);
});

test('lines are asked for as kubectl asks, and an error is the server’s own', async (t) => {
  const server = await cluster(t);
  const read = async (given: { tail: number | null; previous: boolean; container: string | null }) => {
    const lines: string[] = [];
    const onLine = (line: string) => lines.push(line);
    const request = { follow: true, signal: AbortSignal.timeout(30_000), onLine, ...given };
    await readPodLog(server.api, { namespace: 'test', name: 'd-1' }, request);
    return lines;
  };
  assert.deepEqual(await read({ tail: 5, previous: false, container: 'server' }), ['one', 'two', 'three']);
  const { path, query } = server.requests.at(-1)!;
  assert.equal(path, '/api/v1/namespaces/test/pods/d-1/log');
  assert.deepEqual(Object.fromEntries(query), { tailLines: '5', follow: 'true', container: 'server' });
  await assert.rejects(
    read({ tail: null, previous: true, container: null }),
    /get pods\/log: 400 previous terminated container not found/,
  );
});

test('a stream that is followed ends without an error when it is aborted, and with one when it is cut off', async (t) => {
  const { api } = await cluster(t);
  const stop = new AbortController();
  const lines: string[] = [];
  const follow = (container: string) =>
    readPodLog(
      api,
      { namespace: 'test', name: 'd-1' },
      {
        tail: null,
        follow: true,
        previous: false,
        container,
        signal: stop.signal,
        onLine: (line) => {
          lines.push(line);
          if (container === 'open') stop.abort();
        },
      },
    );
  await assert.rejects(follow('cut'), /aborted|ECONNRESET/);
  await follow('open');
  assert.deepEqual(lines, ['one', 'one']);
});
