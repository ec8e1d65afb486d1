import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseModelPool } from '../../contract/model-pool.ts';
import { readPool } from '../../cluster/kubernetes/read-pool.ts';
import { crdYaml } from './crd.ts';
import { structural } from './structural.ts';

interface Node {
  readonly type?: string;
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly additionalProperties?: Node;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}
interface Crd {
  readonly spec: {
    readonly versions: readonly {
      readonly subresources: unknown;
      readonly schema: { readonly openAPIV3Schema: Node };
    }[];
  };
}

const written = readFileSync(new URL('modelpools.yaml', import.meta.url), 'utf8');
const version = (parse(written) as Crd).spec.versions[0]!;
const root = version.schema.openAPIV3Schema;

test('modelpools.yaml is up to date with the schemas (npm run crd)', () => assert.equal(written, crdYaml()));

/** Defaulting as the API server does it: outer objects first, then their fields. */
function filled(node: Node, value: unknown): unknown {
  if (node.properties === undefined || typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = { ...value };
  for (const [name, property] of Object.entries(node.properties)) {
    const own = out[name] ?? structuredClone(property.default);
    if (own !== undefined) out[name] = filled(property, own);
  }
  return out;
}

/** Fields that the API server with the definition of the first release, b77e3a0, stores of the pool below. */
const fieldsOfFirstRelease = [
  'batching.enabled',
  'batching.maxBytes',
  'batching.maxRequestRows',
  'batching.maxRows',
  'endpoints',
  'health.ejectAfterFailures',
  'health.maxEjectedRatio',
  'models',
  'objective.latencyMs',
  'objective.percentile',
  'requests.coldStartHoldMs',
  'requests.idempotent',
  'requests.maxBodyBytes',
  'requests.maxQueued',
  'requests.maxQueuedBytes',
  'requests.timeoutMs',
  'scaleTargetRef.apiVersion',
  'scaleTargetRef.kind',
  'scaleTargetRef.name',
  'scaling.idleSeconds',
  'scaling.minReplicas',
  'scaling.mode',
];

test('the API server fills in the fields of the first release alone, as that one would refuse a pool with others', () => {
  const spec = { models: ['a'], objective: { latencyMs: 5 }, scaleTargetRef: { name: 'a' } };
  const stored = filled(root, { spec }) as { readonly spec: Record<string, object> };
  const fields = Object.entries(stored.spec).flatMap(([name, value]) =>
    Array.isArray(value) ? name : Object.keys(value).map((inner) => `${name}.${inner}`),
  );
  assert.deepEqual(fields.toSorted(), fieldsOfFirstRelease);
});

test('the API server and a process together fill in the same defaults as parseModelPool', () => {
  for (const spec of [
    { models: ['a'] },
    { models: ['a'], objective: { latencyMs: 5 }, scaleTargetRef: { name: 'a' }, scaling: { maxReplicas: 3 } },
  ]) {
    const pool = { apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name: 'a' }, spec };
    // A process reads the status apart from what a person has written.
    const stored = filled(root, pool) as { status?: object };
    delete stored.status;
    assert.deepEqual(parseModelPool(stored).pool, parseModelPool(pool).pool);
  }
});

test('a pool without a status of the scaler is of no observed generation, and its status is read as none', () => {
  const object = {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'a', generation: 1 },
    spec: { models: ['a'], scaleTargetRef: { name: 'a' }, scaling: { maxReplicas: 3 } },
  };
  const stored = filled(root, object) as typeof object & { readonly status: { readonly observedGeneration: number } };
  // The rule of kstatus: in progress unless this is the generation of the object, which begins with 1.
  assert.deepEqual(stored.status, { observedGeneration: -1 });
  const { pool, errors, status } = readPool(stored, undefined);
  assert.deepEqual([pool?.spec.models, errors, status], [['a'], [], null]);
});

test('every schema node has a type or preserves unknown fields', () => {
  const untyped: string[] = [];
  const visit = (node: Node, path: string): void => {
    if (node.type === undefined && node['x-kubernetes-preserve-unknown-fields'] !== true) untyped.push(path);
    for (const [name, child] of Object.entries(node.properties ?? {})) visit(child, `${path}.${name}`);
    if (node.items !== undefined) visit(node.items, `${path}[]`);
    if (node.additionalProperties !== undefined) visit(node.additionalProperties, `${path}.*`);
  };
  visit(root, '');
  assert.deepEqual(untyped, []);
  assert.deepEqual(version.subresources, { status: {} });
});

test('a keyword without a structural form is an error, not silently dropped', () => {
  assert.deepEqual(structural({ anyOf: [{ type: 'number', exclusiveMinimum: 0 }, { type: 'null' }] }), {
    type: 'number',
    minimum: 0,
    exclusiveMinimum: true,
    nullable: true,
  });
  const multiple = { type: 'integer', multipleOf: 2 };
  assert.throws(() => structural(multiple), /no structural form of multipleOf/);
});
