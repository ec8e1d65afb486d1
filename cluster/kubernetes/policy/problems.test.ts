import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseModelPool } from '../../../contract/model-pool.ts';
import { problemsOf, type Known } from './problems.ts';

function pool(name: string, spec: object = {}): Known['pools'][number] {
  const { pool, errors } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name },
    spec: { models: [name], scaleTargetRef: { name }, ...spec },
  });
  return { name, pool, errors };
}

function problems(known: Partial<Known>): string[] {
  const none = {
    pools: [pool('a')],
    deployments: new Set(['a', 'b']),
    autoscalers: [],
    forbidden: [],
    forbiddenWrites: new Map<string, string>(),
  };
  return problemsOf({ ...none, ...known }).map(({ pool, reason, message }) => `${pool} ${reason}: ${message}`);
}

const hpa = (kind: string, targetKind: string, targetName: string) => ({ kind, name: 'x', targetKind, targetName });

test('a pool that can be scaled has none, and a pool of endpoints needs no Deployment', () => {
  assert.deepEqual(problems({}), []);
  const other = { scaleTargetRef: undefined, endpoints: ['http://x:1'] };
  assert.deepEqual(problems({ pools: [pool('c', other)], forbidden: ['list deployments: 403'] }), []);
});

test('a Deployment that is not there; while none can be read nothing is said of it', () => {
  assert.deepEqual(problems({ pools: [pool('c')] }), ['c TargetNotFound: there is no Deployment c']);
  assert.deepEqual(problems({ pools: [pool('c')], deployments: null }), []);
});

test('somebody else resizes the same Deployment, by kind and name', () => {
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
      'a Conflict: HorizontalPodAutoscaler x resizes Deployment a too: delete it, or this pool',
      'a Conflict: ScaledObject x resizes Deployment a too: delete it, or this pool',
    ],
  );
});

test('two pools on one Deployment, and on one model: told to both', () => {
  const pools = [pool('a'), pool('b', { models: ['b', 'a'], scaleTargetRef: { name: 'a' } })];
  assert.deepEqual(problems({ pools }), [
    'a ModelConflict: model a is in pool b too',
    'a Conflict: Deployment a is the target of pool b too',
    'b ModelConflict: model a is in pool a too',
    'b Conflict: Deployment a is the target of pool a too',
  ]);
});

test('a write that the API server forbids is told of the pool that it was for, and of no other', () => {
  const forbiddenWrites = new Map([['a', 'update deployments/scale: 403 by a webhook']]);
  assert.deepEqual(problems({ pools: [pool('a'), pool('b')], forbiddenWrites }), [
    'a Forbidden: update deployments/scale: 403 by a webhook',
  ]);
});

test('what the API server forbids to read is told of each pool, in its words', () => {
  const forbidden = ['list pods: 403 pods is forbidden'];
  assert.deepEqual(problems({ pools: [pool('a'), pool('b')], forbidden }), [
    'a Forbidden: list pods: 403 pods is forbidden',
    'b Forbidden: list pods: 403 pods is forbidden',
  ]);
});

test('a wrong spec is named, and its last right one is still looked at', () => {
  const wrong = { ...pool('c'), errors: ['/spec/batching/maxRows: must be >= 1, was: 0'] };
  assert.deepEqual(problems({ pools: [wrong] }), [
    'c InvalidSpec: /spec/batching/maxRows: must be >= 1, was: 0',
    'c TargetNotFound: there is no Deployment c',
  ]);
  assert.deepEqual(problems({ pools: [{ ...wrong, pool: null }] }).length, 1);
});
