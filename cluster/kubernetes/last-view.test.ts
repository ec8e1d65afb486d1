import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ClusterView } from '../port.ts';
import { KubernetesCluster } from './gateway-cluster.ts';
import { LastView } from './last-view.ts';
import { gatewayView } from './views.ts';
import { readPod } from './read-pod.ts';
import { readPool } from './read-pool.ts';
import { ApiServer, until } from './testing/api-server.ts';
import { podObject, readyCondition } from './testing/objects.ts';

const poolObject = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'ModelPool',
  metadata: { name: 'langid', namespace: 'test', uid: 'pool', resourceVersion: '5', generation: 3 },
  spec: { models: ['langid'], scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'langid' } },
};
const podOf = (name: string, annotations: Readonly<Record<string, string>> = {}) => {
  const plain = podObject({ name, status: readyCondition('True', 5) });
  return { ...plain, metadata: { ...plain.metadata, annotations } };
};
const viewOf = (...pods: ReturnType<typeof podOf>[]): ClusterView =>
  gatewayView(
    [readPool(poolObject, undefined)],
    pods.map((pod) => readPod(pod, undefined)),
  );

function start(t: TestContext, namespace = 'test') {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-view-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'view.json');
  const warnings: string[] = [];
  const open = (of = namespace) =>
    new LastView({ file, namespaces: of.split(','), onWarning: (message) => warnings.push(message) });
  return { folder, file, warnings, open };
}

/** A view as a file keeps it: without what changes every few seconds. */
const lasting = (view: ClusterView): unknown =>
  JSON.parse(JSON.stringify(view, (key, value: unknown) => (key === 'drainLease' ? undefined : value)));

test('a view that was kept is read by the next process, whole and without a trace of its writing', async (t) => {
  const { folder, warnings, open } = start(t);
  assert.equal(open().read(), null);
  const view = viewOf(podOf('a', { 'sluice.dev/draining': '7', 'sluice.dev/drain-lease': 'x' }), podOf('b'));
  const last = open();
  last.keep(viewOf(podOf('a')));
  last.keep(view);
  await last.close();
  assert.deepEqual(open().read()?.view, lasting(view));
  assert.deepEqual(readdirSync(folder), ['view.json']);
  assert.deepEqual(warnings, []);
});

test('a renewed drain mark is no reason to write', async (t) => {
  const { file, open } = start(t);
  const last = open();
  last.keep(viewOf(podOf('a', { 'sluice.dev/draining': '7', 'sluice.dev/drain-lease': 'x' })));
  await last.close();
  writeFileSync(file, 'untouched');
  last.keep(viewOf(podOf('a', { 'sluice.dev/draining': '7', 'sluice.dev/drain-lease': 'y' })));
  await last.close();
  assert.equal(readFileSync(file, 'utf8'), 'untouched');
});

test('a file that is corrupt, foreign or too large is a warning that names it, and no view', async (t) => {
  const { file, warnings, open } = start(t);
  const last = open();
  last.keep(viewOf(podOf('a')));
  await last.close();
  const good = readFileSync(file, 'utf8');
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /JSON/],
    [good.slice(0, -40), /JSON/],
    ['{"apiVersion":"v1"}', /\/: must have required properties/],
    [good.replace('"format":1', '"format":2'), /\/format: /],
    [good.replace('"namespace":"test"', '"namespace":"other"'), /it is of namespace other, not test/],
    [good.replace('"models":["langid"]', '"models":"langid"'), /\/spec\/models: must be array/],
    [good.replace('"http://10.0.0.1:8000"', '"10.0.0.1"'), /\/view\/pods\/0\/origin: /],
    [good.replace('"phase":"Ready"', '"phase":"Fine"'), /\/view\/pods\/0\/phase: /],
  ];
  for (const [text, expected] of cases) {
    assert.notEqual(text, good);
    warnings.length = 0;
    writeFileSync(file, text);
    assert.equal(open().read(), null, text);
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]!.startsWith(`${file}: the last view of the cluster can't be used: `), warnings[0]);
    assert.match(warnings[0]!, expected);
  }
  truncateSync(file, 17 * 1024 * 1024);
  assert.equal(open().read(), null);
  assert.match(warnings.at(-1)!, /it is larger than 16777216 bytes/);
});

test('a folder that can not be written is one warning, and no harm', async (t) => {
  const { folder, warnings } = start(t);
  const last = new LastView({
    file: path.join(folder, 'missing', 'view.json'),
    namespaces: ['test'],
    onWarning: (message) => warnings.push(message),
  });
  last.keep(viewOf(podOf('a')));
  await last.close();
  last.keep(viewOf(podOf('b')));
  await last.close();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /view\.json: the view of the cluster can't be kept: ENOENT/);
});

/** Answers lists of the fake API server by kind; watches go on to it. */
function serve(server: ApiServer, pods: readonly object[]): void {
  server.intercept = ({ path: where, query }, response) => {
    if (query.has('watch')) return false;
    const items = where.endsWith('/modelpools') ? [poolObject] : pods;
    response.writeHead(200).end(JSON.stringify({ metadata: { resourceVersion: '9' }, items }));
    return true;
  };
}

test('a gateway shows the last view while the API server is away, and the present one as soon as it is back', async (t) => {
  const { file, open } = start(t);
  const server = await ApiServer.start();
  const log: string[] = [];
  const note = (_fields: object, message: string): unknown => log.push(message);
  const connect = (): [KubernetesCluster, ClusterView[]] => {
    const views: ClusterView[] = [];
    const cluster = new KubernetesCluster(server.api, { info: note, warn: note }, open());
    cluster.watch((view) => views.push(view));
    return [cluster, views];
  };
  const names = (view: ClusterView | undefined) => view?.pods.map(({ name }) => name);

  serve(server, [podOf('a')]);
  const [first, seen] = connect();
  await until('the view', () => seen.length > 0);
  await first.close();
  assert.deepEqual(names(seen[0]), ['a']);
  assert.ok(readFileSync(file, 'utf8').includes('uid-a'));

  server.intercept = (_, response) => {
    response.destroy();
    return true;
  };
  const [second, later] = connect();
  await until('the last view', () => later.length > 0);
  assert.deepEqual(names(later[0]), ['a']);
  assert.equal(log.filter((line) => line.includes('serving from the last view of the cluster, of 2')).length, 1);
  serve(server, [podOf('a'), podOf('b')]);
  await until('the present', () => names(later.at(-1))?.length === 2);
  await second.close();
  assert.ok(readFileSync(file, 'utf8').includes('uid-b'));

  // An API server that takes connections and says nothing is away as well.
  server.intercept = () => true;
  const [third, silent] = connect();
  await until('the last view', () => silent.length > 0);
  assert.deepEqual(names(silent[0]), ['a', 'b']);
  await third.close();
  await server.close();
});
