import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseModelPool } from '../../../contract/model-pool.ts';
import { scaleProblems, type ProblemInputs } from './problems.ts';

function pool(name: string, spec: object = {}, createdAtMs = 0, namespace = 'x'): ProblemInputs['pools'][number] {
  const { pool, errors } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: name.slice(name.indexOf('/') + 1) },
    spec: { models: [name], scaleTargetRef: { name }, ...spec },
  });
  return { name, namespace, createdAtMs, pool, errors };
}

function problems(inputs: Partial<ProblemInputs>): string[] {
  const none = {
    pools: [pool('a')],
    deployments: ['a', 'b'].map((name) => ({ namespace: 'x', name, isSluice: false })),
    unreadNamespaces: [],
    autoscalers: [],
    forbidden: [],
    forbiddenWrites: new Map<string, string>(),
  };
  return scaleProblems({ ...none, ...inputs }).map(({ pool, reason, message }) => `${pool} ${reason}: ${message}`);
}

const hpa = (kind: string, targetKind: string, targetName: string) => ({
  kind,
  name: 'x',
  namespace: 'x',
  targetKind,
  targetName,
});

test('a scalable pool has no problems, and a pool with endpoints needs no Deployment', () => {
  assert.deepEqual(problems({}), []);
  const other = { scaleTargetRef: undefined, endpoints: ['http://x:1'] };
  assert.deepEqual(
    problems({ pools: [pool('c', other)], forbidden: [{ namespace: 'x', message: 'list deployments: 403' }] }),
    [],
  );
});

test('a missing Deployment is reported, unless Deployments cannot be read', () => {
  assert.deepEqual(problems({ pools: [pool('c')] }), ['c TargetNotFound: Deployment c does not exist']);
  assert.deepEqual(problems({ pools: [pool('c')], deployments: [], unreadNamespaces: ['x'] }), []);
});

test('a Deployment of gateways or scalers is no target', () => {
  const deployments = [{ namespace: 'x', name: 'sluice-gateway', isSluice: true }];
  const pools = [pool('c', { scaleTargetRef: { name: 'sluice-gateway' } })];
  assert.deepEqual(problems({ pools, deployments }), [
    'c InvalidSpec: /spec/scaleTargetRef/name: Deployment sluice-gateway is a part of Sluice itself',
  ]);
});

test('autoscalers of the same Deployment are conflicts, matched by kind and name', () => {
  assert.deepEqual(
    problems({
      autoscalers: [
        hpa('HorizontalPodAutoscaler', 'Deployment', 'a'),
        hpa('ScaledObject', 'Deployment', 'a'),
        hpa('HorizontalPodAutoscaler', 'StatefulSet', 'a'),
        hpa('HorizontalPodAutoscaler', 'Deployment', 'other'),
      ],
    }),
    [
      'a Conflict: HorizontalPodAutoscaler x also resizes Deployment a: delete it or this pool',
      'a Conflict: ScaledObject x also resizes Deployment a: delete it or this pool',
    ],
  );
});

test('a second pool with a model or a Deployment of an older one is told so, and the older one has no problem', () => {
  const second = { models: ['b', 'a'], scaleTargetRef: { name: 'a' } };
  assert.deepEqual(problems({ pools: [pool('b', second, 2), pool('a', {}, 1)] }), [
    'b ModelConflict: model a belongs to pool a, which is older',
    'b Conflict: Deployment a belongs to pool a, which is older',
  ]);
});

test('a forbidden write is reported only on its pool', () => {
  const forbiddenWrites = new Map([['a', 'update deployments/scale: 403 by a webhook']]);
  assert.deepEqual(problems({ pools: [pool('a'), pool('b')], forbiddenWrites }), [
    'a Forbidden: update deployments/scale: 403 by a webhook',
  ]);
});

test('forbidden reads are reported on every pool, with the message of the API server', () => {
  const forbidden = [{ namespace: 'x', message: 'list pods: 403 pods is forbidden' }];
  assert.deepEqual(problems({ pools: [pool('a'), pool('b')], forbidden }), [
    'a Forbidden: list pods: 403 pods is forbidden',
    'b Forbidden: list pods: 403 pods is forbidden',
  ]);
});

test('an invalid spec is reported, and the last valid one is still checked', () => {
  const wrong = { ...pool('c'), errors: ['/spec/batching/maxRows: must be >= 1, was: 0'] };
  assert.deepEqual(problems({ pools: [wrong] }), [
    'c InvalidSpec: /spec/batching/maxRows: must be >= 1, was: 0',
    'c TargetNotFound: Deployment c does not exist',
  ]);
  assert.deepEqual(problems({ pools: [{ ...wrong, pool: null }] }).length, 1);
});

test('Deployments, autoscalers and forbidden reads of another namespace are none of a pool', () => {
  const pools = [pool('a'), pool('y/a', { models: ['m'], scaleTargetRef: { name: 'a' } }, 1, 'y')];
  const autoscalers = [hpa('HorizontalPodAutoscaler', 'Deployment', 'a')];
  const conflict = 'a Conflict: HorizontalPodAutoscaler x also resizes Deployment a: delete it or this pool';
  assert.deepEqual(problems({ pools, autoscalers }), [conflict, 'y/a TargetNotFound: Deployment a does not exist']);
  const forbidden = [{ namespace: 'y', message: 'list deployments: 403' }];
  assert.deepEqual(problems({ pools, forbidden, unreadNamespaces: ['y'] }), ['y/a Forbidden: list deployments: 403']);
});
