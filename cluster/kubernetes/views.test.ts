import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeploymentObject } from './objects.ts';
import { readDeployment } from './read-deployment.ts';
import { readPod, type PodRecord } from './read-pod.ts';
import { readPool, type PoolRecord } from './read-pool.ts';
import { at, podObject, readyCondition } from './testing/objects.ts';
import { gatewayMembers, gatewayView, scalerPods, scaleTargets } from './views.ts';

function pool(name: string, spec: object, previous?: PoolRecord, creationTimestamp = at(0)): PoolRecord {
  const metadata = { name, namespace: 'test', uid: `uid-${name}`, generation: 4, creationTimestamp };
  const object = { apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata };
  return readPool({ ...object, spec } as object, previous);
}

const pod = (name: string, parts: Parameters<typeof podObject>[0] = {}): PodRecord =>
  readPod(podObject({ name, status: readyCondition('True', 2), ...parts }), undefined);

const langid = pool('language', { models: ['langid'], scaleTargetRef: { name: 'langid' } });

test('the gateway view has the pods of each pool, without terminated and unrelated ones', () => {
  const view = gatewayView(
    [langid, pool('fixed', { models: ['m'], endpoints: ['http://triton:8000'] }), pool('broken', { models: [] })],
    [
      pod('a'),
      pod('b', { deployment: 'other' }),
      pod('c', { status: { phase: 'Failed' } }),
      pod('d', { meta: { ...podObject().metadata, name: 'd', deletionTimestamp: at(9) } }),
    ],
  );
  assert.deepEqual(
    view.pools.map(({ metadata }) => [metadata.name, metadata.generation]),
    [
      ['fixed', 4],
      ['language', 4],
    ],
  );
  assert.deepEqual(
    view.pods.map((one) => [one.pool, one.name, one.phase, one.origin]),
    [
      ['fixed', 'fixed-triton-8000', 'Ready', 'http://triton:8000'],
      ['language', 'a', 'Ready', 'http://10.0.0.1:8000'],
      ['language', 'd', 'Terminating', 'http://10.0.0.1:8000'],
    ],
  );
});

test('a second pool of a Deployment comes after the older one, and has neither its pods nor its replicas', () => {
  const newer = pool('a', { models: ['other'], scaleTargetRef: { name: 'langid' } }, undefined, at(5));
  const pools = [newer, langid];
  const view = gatewayView(pools, [pod('one')]);
  assert.deepEqual(
    view.pools.map(({ metadata }) => metadata.name),
    ['language', 'a'],
  );
  assert.deepEqual(
    view.pods.map((one) => one.pool),
    ['language'],
  );
  assert.deepEqual(
    scalerPods(pools, [pod('one')]).map((one) => one.pool),
    ['language'],
  );
  const object: DeploymentObject = {
    metadata: { name: 'langid', namespace: 'test', resourceVersion: '9' },
    spec: { replicas: 1 },
  };
  const deployment = readDeployment(object);
  const targets = scaleTargets(pools, [], [deployment]);
  assert.deepEqual(
    targets.map((one) => one.pool),
    ['language'],
  );
});

test('a pool that names the Deployment of the gateways gets neither their pods nor their replicas', () => {
  const labels = { 'app.kubernetes.io/name': 'sluice', 'app.kubernetes.io/component': 'gateway' };
  const pools = [pool('a', { models: ['m'], scaleTargetRef: { name: 'sluice-gateway' } })];
  const pods = [pod('g', { deployment: 'sluice-gateway', meta: { labels } })];
  assert.deepEqual([gatewayView(pools, pods).pods, scalerPods(pools, pods)], [[], []]);
  const deployment = readDeployment({ metadata: { name: 'sluice-gateway', namespace: 'test', labels } });
  assert.deepEqual(scaleTargets(pools, pods, [deployment]), []);
});

test('a pool with an invalid spec keeps its last valid one, which a new pool of that name does not inherit', () => {
  const wrong = pool('language', { models: ['langid'], batching: { maxRows: 0 } }, langid);
  assert.deepEqual(wrong.pool, langid.pool);
  assert.deepEqual(wrong.errors, ['/spec/batching/maxRows: must be >= 1, was: 0']);
  const another = pool('language', { models: [] }, { ...langid, uid: 'another' });
  assert.equal(another.pool, null);
});

test('a field that a later definition of the ModelPool fills in keeps no pool from being served', () => {
  const spec = { models: ['m'], endpoints: ['http://a:1'], later: 1, requests: { timeoutMs: 5, later: { x: 1 } } };
  const { pool: read, errors } = pool('x', spec);
  assert.deepEqual(errors, []);
  assert.equal(read?.spec.requests.timeoutMs, 5);
  assert.equal('later' in read.spec, false);
});

test('an endpoint that matches the pattern but is not a URL is an error, not an exception', () => {
  const { pool: read, errors } = pool('x', { models: ['m'], endpoints: ['http://a b'] });
  assert.equal(read, null);
  assert.deepEqual(errors, ['/spec/endpoints/0: must be http://host:port, was: "http://a b"']);
});

test('a status is read back as written, although the API server omits nulls', () => {
  const counts = { replicas: 1, readyReplicas: 1, desiredReplicas: 1, drainingReplicas: 0, queued: 0 };
  const object = { metadata: { name: 'x' }, status: { ...counts, conditions: [] } };
  assert.deepEqual(readPool(object, undefined).status, {
    ...counts,
    conditions: [],
    predictedWaitMs: null,
    lastDecision: null,
  });
  const decision = { reason: 'steady', at: at(0), inputs: { a: 1 } };
  const decided = { ...object, status: { ...object.status, lastDecision: decision } };
  assert.deepEqual(readPool(decided, undefined).status?.lastDecision, { ...decision, replicas: null });
  assert.equal(readPool({ metadata: { name: 'x' }, status: { replicas: 'many' } } as object, undefined).status, null);
});

function target(deployment: DeploymentObject, pods: readonly PodRecord[] = [pod('a')]) {
  const record = readDeployment({
    metadata: { name: 'langid', namespace: 'test', resourceVersion: '9', generation: 2 },
    ...deployment,
  });
  return scaleTargets([langid], pods, [record])[0];
}

const settled = { observedGeneration: 2, replicas: 3, updatedReplicas: 3 };
const exceeded = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];

test('a scale target has the requested replicas and the version of the Deployment', () => {
  assert.deepEqual(target({ spec: { replicas: 3 }, status: settled }), {
    pool: 'language',
    name: 'Deployment test/langid',
    replicas: 3,
    version: '9',
    rollout: 'none',
    createFailure: null,
  });
  assert.equal(target({ spec: { replicas: 0 }, status: settled })?.replicas, 0);
  assert.equal(target({ status: settled })?.replicas, 1);
  assert.deepEqual(scaleTargets([langid], [], []), []);
});

test('a rollout is running until all pods have the current template, and stuck past its deadline', () => {
  const two = [pod('a'), pod('b', { hash: 'other' })];
  const leaving = [
    pod('a'),
    pod('b', { hash: 'other', meta: { ...podObject({ hash: 'other' }).metadata, deletionTimestamp: at(3) } }),
  ];
  assert.equal(target({ status: { ...settled, observedGeneration: 1 } })?.rollout, 'running');
  assert.equal(target({ status: { ...settled, updatedReplicas: 2 } })?.rollout, 'running');
  assert.equal(target({ status: settled }, two)?.rollout, 'running');
  assert.equal(target({ status: settled }, leaving)?.rollout, 'none');
  assert.equal(target({ status: { ...settled, updatedReplicas: 2, conditions: exceeded } })?.rollout, 'stuck');
  assert.equal(target({ status: { ...settled, conditions: exceeded } })?.rollout, 'none');
});

test('the scaler view has marks and versions of pods, and the existing gateways', () => {
  const [one] = scalerPods([langid], [pod('a')]);
  assert.deepEqual([one?.version, one?.draining, one?.pool], ['7', null, 'language']);
  const labels = { 'app.kubernetes.io/name': 'sluice', 'app.kubernetes.io/component': 'gateway' };
  const gateway = (name: string, meta: object = {}, status: object = readyCondition('True', 2)) =>
    pod(name, {
      ports: [{ name: 'admin', containerPort: 8081 }],
      meta: { name, uid: name, creationTimestamp: at(0), labels, ...meta },
      status,
    });
  assert.deepEqual(
    gatewayMembers([
      gateway('g'),
      gateway('new', {}, { ...readyCondition('False', 1), podIP: '' }),
      gateway('going', { deletionTimestamp: at(3) }),
      gateway('ended', {}, { phase: 'Succeeded' }),
      pod('a'),
    ]).map(({ name, adminOrigin, wasReady, terminating }) => [name, adminOrigin, wasReady, terminating]),
    [
      ['g', 'http://10.0.0.1:8081', true, false],
      ['new', null, false, false],
      ['going', 'http://10.0.0.1:8081', true, true],
    ],
  );
});
