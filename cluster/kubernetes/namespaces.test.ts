/** One installation that serves the pools of several namespaces, at an API server that answers each namespace by itself. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import type { ClusterView } from '../port.ts';
import type { ScalerView } from '../scalable.ts';
import { KubernetesApi, type Namespaces } from './api.ts';
import { KubernetesCluster } from './gateway-cluster.ts';
import { LastView } from './last-view.ts';
import { KubernetesScaler } from './scaler-cluster.ts';
import { ApiServer, refuse, until } from './testing/api-server.ts';
import { at, podObject, readyCondition } from './testing/objects.ts';

const silent = { info: () => undefined, warn: () => undefined };

const poolIn = (namespace: string, model: string, createdS: number): object => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'ModelPool',
  metadata: {
    name: 'langid',
    namespace,
    uid: `pool-${namespace}`,
    resourceVersion: '5',
    creationTimestamp: at(createdS),
  },
  spec: { models: [model, 'shared'], scaleTargetRef: { name: 'langid' }, scaling: { maxReplicas: 4 } },
});
const podIn = (namespace: string, name: string, labels = {}): object => {
  const pod = podObject({ name, status: readyCondition('True', 5) });
  const metadata = { ...pod.metadata, namespace, uid: `${namespace}-${name}` };
  return { ...pod, metadata: { ...metadata, labels: { ...metadata.labels, ...labels } } };
};
const gatewayLabels = { 'app.kubernetes.io/name': 'sluice', 'app.kubernetes.io/component': 'gateway' };

/** Teams a and b with a pool of the same name each, and gateways in `home` and, of another installation, in b. */
const objects: Readonly<Record<string, readonly object[]>> = {
  'a/modelpools': [poolIn('a', 'm', 1)],
  'b/modelpools': [poolIn('b', 'n', 2)],
  'a/pods': [podIn('a', 'p')],
  'b/pods': [podIn('b', 'p'), podIn('b', 'other-gateway', gatewayLabels)],
  'home/pods': [podIn('home', 'gateway', gatewayLabels)],
  'a/deployments': [
    { metadata: { name: 'langid', namespace: 'a', uid: 'd-a', resourceVersion: '7' }, spec: { replicas: 1 } },
  ],
  'b/deployments': [
    { metadata: { name: 'langid', namespace: 'b', uid: 'd-b', resourceVersion: '8' }, spec: { replicas: 1 } },
  ],
};

async function start(t: TestContext, namespaces: Namespaces, forbidden = new Set<string>()) {
  const server = await ApiServer.start();
  t.after(() => server.close());
  server.intercept = ({ path: where, method, query, body }, response) => {
    const [, namespace = '', rest = ''] = /\/namespaces\/([^/]+)\/(.+)$/.exec(where) ?? [];
    if (forbidden.has(namespace)) return refuse(response, 403, `${rest} is forbidden in ${namespace}`);
    if (rest.startsWith('leases')) {
      if (method === 'GET') return refuse(response, 404, 'not found');
      response.end(JSON.stringify({ ...(body as object), metadata: { name: 'lease', resourceVersion: '1' } }));
      return true;
    }
    if (query.has('watch')) return false;
    const items = objects[`${namespace}/${rest}`] ?? [];
    response.end(JSON.stringify(method === 'GET' ? { metadata: { resourceVersion: '100' }, items } : {}));
    return true;
  };
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'x', server: server.origin, skipTLSVerify: true }],
    users: [{ name: 'x', token: 'x' }],
    contexts: [{ name: 'x', cluster: 'x', user: 'x', namespace: 'home' }],
    currentContext: 'x',
  });
  return { server, api: new KubernetesApi(config, namespaces), forbidden };
}

test('one namespace is that of the lease too, unless said otherwise; with several, those of the credentials have it', async (t) => {
  const of = async (namespaces: Namespaces) => {
    const { api } = await start(t, namespaces);
    return [api.namespaces, api.ownNamespace];
  };
  assert.deepEqual(await of({}), [['home'], 'home']);
  assert.deepEqual(await of({ own: 'x' }), [['x'], 'x']);
  assert.deepEqual(await of({ pools: ['a'] }), [['a'], 'a']);
  assert.deepEqual(await of({ pools: ['a'], own: 'x' }), [['a'], 'x']);
  assert.deepEqual(await of({ pools: ['a', 'b', 'a'] }), [['a', 'b'], 'home']);
});

test('a gateway serves pools of one name in two namespaces apart, each with its own pods, and keeps that view', async (t) => {
  const { api } = await start(t, { pools: ['a', 'b'] });
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-namespaces-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const options = {
    file: path.join(folder, 'view'),
    namespaces: api.namespaces,
    onWarning: (message: string) => assert.equal(message, null),
  };
  const cluster = new KubernetesCluster(api, silent, new LastView(options));
  let view: ClusterView | null = null;
  cluster.watch((next) => (view = next));
  await until('a view', () => view !== null);
  await cluster.close();
  const { pools, pods } = view!;
  assert.deepEqual(
    pools.map(({ metadata }) => metadata.name),
    ['a/langid', 'b/langid'],
  );
  assert.deepEqual(
    pods.map(({ pool, uid }) => [pool, uid]),
    [
      ['a/langid', 'a-p'],
      ['b/langid', 'b-p'],
    ],
  );
  const kept = new LastView(options).read()?.view;
  assert.deepEqual(
    kept?.pools.map(({ metadata }) => metadata.name),
    ['a/langid', 'b/langid'],
  );
});

test('a namespace that may not be read keeps no other from being served, and is served once it may be', async (t) => {
  const { api, forbidden } = await start(t, { pools: ['a', 'b'] }, new Set(['b']));
  const cluster = new KubernetesCluster(api, silent);
  t.after(() => cluster.close());
  let names: string[] = [];
  cluster.watch(({ pools }) => (names = pools.map(({ metadata }) => metadata.name)));
  await until('a view of a', () => names.length > 0);
  assert.deepEqual(names, ['a/langid']);
  forbidden.clear();
  await until('the pool of b', () => names.length === 2);
});

async function scaler(t: TestContext, forbidden?: Set<string>) {
  const { server, api } = await start(t, { pools: ['a', 'b'] }, forbidden);
  const cluster = new KubernetesScaler({ api, log: silent, leaseName: 'lease', identity: 'me' });
  t.after(() => cluster.close());
  let view: ScalerView | null = null;
  cluster.watchAll((next) => (view = next));
  await until('a view of the leader', () => view !== null && cluster.leadership().leading);
  return { server, cluster, view: view! };
}

test('a scaler writes to the namespace of each pool, and has its lease and its gateways in its own', async (t) => {
  const { server, cluster, view } = await scaler(t);
  assert.equal(cluster.leadership().group, 'home/lease');
  assert.deepEqual(
    view.gateways.map(({ name }) => name),
    ['gateway'],
  );
  assert.deepEqual(
    view.problems.map(({ pool, reason, message }) => `${pool} ${reason}: ${message}`),
    ['b/langid ModelConflict: model shared belongs to pool a/langid, which is older'],
  );
  const pool = 'b/langid';
  const target = view.targets.find((one) => one.pool === pool)!;
  assert.equal(target.name, 'Deployment b/langid');
  const pod = view.pods.find((one) => one.pool === pool)!;
  await cluster.scale(target, 3);
  await cluster.markDraining(pod, 'me');
  await cluster.setDeletionCost(pod, 5);
  await cluster.evict(pod);
  await cluster.kill(pod);
  await cluster.writeStatus(pool, { replicas: 1 } as Parameters<typeof cluster.writeStatus>[1]);
  cluster.emit({ pool, type: 'Normal', reason: 'Told', message: 'text' });
  const written = () =>
    server.requests.filter(({ method, path: where }) => method !== 'GET' && !where.includes('lease'));
  await until('the event', () => written().length === 7);
  assert.deepEqual(
    written().map(({ method, path: where }) => `${method} ${where}`),
    [
      'PUT /apis/apps/v1/namespaces/b/deployments/langid/scale',
      'PATCH /api/v1/namespaces/b/pods/p',
      'PATCH /api/v1/namespaces/b/pods/p',
      'POST /api/v1/namespaces/b/pods/p/eviction',
      'DELETE /api/v1/namespaces/b/pods/p',
      'PATCH /apis/sluice.dev/v1alpha1/namespaces/b/modelpools/langid/status',
      'POST /api/v1/namespaces/b/events',
    ],
  );
  const { involvedObject } = written().at(-1)!.body as { involvedObject: object };
  assert.deepEqual(involvedObject, {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    namespace: 'b',
    name: 'langid',
    uid: 'pool-b',
  });
});

test('a namespace that may not be read makes the view of no other stale', async (t) => {
  const beforeMs = Date.now();
  const { view } = await scaler(t, new Set(['b']));
  assert.deepEqual(
    view.pools.map(({ metadata }) => metadata.name),
    ['a/langid'],
  );
  assert.deepEqual(view.problems, []);
  assert.ok(view.asOfMs >= beforeMs);
  assert.match(view.error ?? '', /is forbidden in b/);
});
