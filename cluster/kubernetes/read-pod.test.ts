import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodObject } from './objects.ts';
import { readPod } from './read-pod.ts';
import { at, podObject, readyCondition } from './testing/objects.ts';

const read = (object: PodObject) => readPod(object, undefined);
const container = (status: NonNullable<NonNullable<PodObject['status']>['containerStatuses']>[number]) => ({
  ...readyCondition('False', 1),
  containerStatuses: [status],
});

test('a ready pod has all fields', () => {
  assert.deepEqual(
    read(podObject({ status: readyCondition('True', 9), meta: { ...podObject().metadata, annotations: {} } })),
    {
      uid: 'uid-p',
      name: 'p',
      namespace: 'test',
      version: '7',
      deployment: 'langid',
      replicaSet: 'langid-5f6d',
      component: null,
      finished: false,
      phase: 'Ready',
      origin: 'http://10.0.0.1:8000',
      adminOrigin: null,
      restarts: 0,
      createdAtMs: Date.parse(at(0)),
      readyAtMs: Date.parse(at(9)),
      wasReady: true,
      crashLooping: false,
      endGraceMs: 30_000,
      draining: null,
      drainLease: null,
      deletionCost: 0,
      reason: null,
      failure: null,
      lastExit: null,
    },
  );
});

test('a pod without any field but a name is read without an exception', () => {
  const { phase, origin, reason, deployment } = read({ metadata: { name: 'x' } });
  assert.deepEqual([phase, origin, reason, deployment], ['Pending', null, 'starting', null]);
});

test('phase and reason follow from conditions and container states', () => {
  const cases: readonly (readonly [PodObject, string, string | null])[] = [
    [podObject({ status: { phase: 'Pending' } }), 'Pending', 'starting'],
    [
      podObject({
        status: {
          phase: 'Pending',
          conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes' }],
        },
      }),
      'Pending',
      'Unschedulable: 0/1 nodes',
    ],
    [
      podObject({
        status: { phase: 'Pending', ...container({ state: { waiting: { reason: 'ErrImagePull', message: 'no' } } }) },
      }),
      'Pending',
      'ErrImagePull: no',
    ],
    [
      podObject({
        status: { phase: 'Pending', ...container({ state: { waiting: { reason: 'ContainerCreating' } } }) },
      }),
      'Pending',
      'starting',
    ],
    [podObject({ status: readyCondition('False', 1) }), 'Running', 'ContainersNotReady: unready: [c]'],
    [
      podObject({
        status: container({
          state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 20s' } },
          lastState: { terminated: { exitCode: 1 } },
        }),
      }),
      'Running',
      'CrashLoopBackOff: exit code 1',
    ],
    [
      podObject({
        status: container({
          state: { running: {} },
          lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
        }),
      }),
      'Running',
      'restarted after out of memory (OOMKilled)',
    ],
    [
      podObject({ meta: { ...podObject().metadata, deletionTimestamp: at(5) }, status: readyCondition('True', 2) }),
      'Terminating',
      'terminating',
    ],
  ];
  assert.deepEqual(
    cases.map(([object]) => [read(object).phase, read(object).reason]),
    cases.map(([, phase, reason]) => [phase, reason]),
  );
});

test('a pod is crash-looping while the kubelet backs off; restarts are summed over containers', () => {
  const status = {
    containerStatuses: [
      { restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff' } } },
      { restartCount: 1, state: { running: {} } },
    ],
  };
  const { crashLooping, restarts } = read(podObject({ status }));
  assert.deepEqual([crashLooping, restarts], [true, 3]);
  const pulling = { containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff' } } }] };
  assert.equal(read(podObject({ status: pulling })).crashLooping, false);
});

test('the origin has the port named http or the first port, IPv6 in brackets; the admin origin only the port named admin', () => {
  const ports = [{ containerPort: 9000 }, { name: 'http', containerPort: 8000 }];
  assert.equal(read(podObject({ ports })).origin, 'http://10.0.0.1:8000');
  assert.equal(read(podObject({ ports: [{ containerPort: 9000 }] })).origin, 'http://10.0.0.1:9000');
  assert.equal(read(podObject({ ports: [] })).origin, null);
  assert.equal(read(podObject({ status: { podIP: 'fd00::1' } })).origin, 'http://[fd00::1]:8000');
  assert.equal(read(podObject({ status: { podIP: '' } })).origin, null);
  const admin = [...ports, { name: 'admin', containerPort: 8081 }];
  assert.equal(read(podObject({ ports: admin })).adminOrigin, 'http://10.0.0.1:8081');
});

test('the Deployment follows from ReplicaSet and template hash; similar names and bare ReplicaSets do not match', () => {
  assert.equal(read(podObject({ deployment: 'langid-2', hash: 'abc' })).deployment, 'langid-2');
  const bare = { ...podObject().metadata, labels: {} };
  assert.equal(read(podObject({ meta: bare })).deployment, null);
  const job = { ...podObject().metadata, ownerReferences: [{ kind: 'Job', name: 'langid-5f6d', controller: true }] };
  assert.equal(read(podObject({ meta: job })).deployment, null);
});

test('draining and deletion cost come from annotations; an invalid cost counts as 0', () => {
  const annotated = (cost: string) =>
    read(
      podObject({
        meta: {
          ...podObject().metadata,
          annotations: { 'sluice.dev/draining': '4', 'controller.kubernetes.io/pod-deletion-cost': cost },
        },
      }),
    );
  assert.deepEqual([annotated('-7').draining, annotated('-7').deletionCost], ['4', -7]);
  assert.equal(annotated('cheap').deletionCost, 0);
});

test('a pod was ready if it is ready, was observed ready, or became unready after its initialization', () => {
  assert.equal(read(podObject({ status: readyCondition('False', 1) })).wasReady, false);
  assert.equal(read(podObject({ status: readyCondition('False', 30) })).wasReady, true);
  const seen = read(podObject({ status: readyCondition('True', 2) }));
  assert.equal(readPod(podObject({ status: readyCondition('False', 1) }), seen).wasReady, true);
  const another = { ...podObject().metadata, uid: 'another' };
  assert.equal(readPod(podObject({ meta: another, status: readyCondition('False', 1) }), seen).wasReady, false);
});

test('a gateway has both labels', () => {
  const labelled = (name: string) => ({
    ...podObject().metadata,
    labels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': 'gateway' },
  });
  assert.equal(read(podObject({ meta: labelled('sluice') })).component, 'gateway');
  assert.equal(read(podObject({ meta: labelled('another') })).component, null);
});
