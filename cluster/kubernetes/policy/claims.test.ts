import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseModelPool } from '../../../contract/model-pool.ts';
import { byPrecedence, ownsDeployment, settleClaims, type Claimant } from './claims.ts';

function claimant(name: string, createdAtMs: number, spec: object, namespace = 'test'): Claimant {
  const { pool, errors } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: name.slice(name.indexOf('/') + 1) },
    spec,
  });
  assert.deepEqual(errors, []);
  return { name, namespace, createdAtMs, pool };
}

const spec = (deployment: string, ...models: string[]): object => ({
  models,
  scaleTargetRef: { name: deployment },
  scaling: { maxReplicas: 2 },
});

test('the older pool has the model and the Deployment, whatever the names and the order', () => {
  const older = claimant('z', 1, spec('d', 'm'));
  const newer = claimant('a', 2, spec('d', 'm', 'n'));
  for (const order of [
    [older, newer],
    [newer, older],
  ]) {
    const claims = settleClaims(order);
    assert.deepEqual([...claims.modelOwners].toSorted(), [
      ['m', 'z'],
      ['n', 'a'],
    ]);
    assert.deepEqual([ownsDeployment(claims, older), ownsDeployment(claims, newer)], [true, false]);
  }
});

test('of two pools of one second the first by name has the claim', () => {
  const claims = settleClaims([claimant('b', 1, spec('d', 'm')), claimant('a', 1, spec('d', 'm'))]);
  assert.deepEqual([claims.modelOwners.get('m'), claims.deploymentOwners.get('test/d')], ['a', 'a']);
});

test('a pool without a valid spec claims nothing, and a pool of endpoints has no Deployment', () => {
  const external = claimant('b', 2, { models: ['m'], endpoints: ['http://x:1'] });
  const claims = settleClaims([{ name: 'a', namespace: 'test', createdAtMs: 1, pool: null }, external]);
  assert.equal(claims.modelOwners.get('m'), 'b');
  assert.equal(ownsDeployment(claims, external), false);
});

test('a model has one owner in all namespaces, and a Deployment one in its own', () => {
  const older = claimant('x/a', 1, spec('d', 'm'), 'x');
  const newer = claimant('y/a', 2, spec('d', 'm'), 'y');
  const claims = settleClaims([newer, older]);
  assert.equal(claims.modelOwners.get('m'), 'x/a');
  assert.deepEqual([ownsDeployment(claims, older), ownsDeployment(claims, newer)], [true, true]);
});

test('each claim has one owner that made it, in every order', () => {
  const claimants = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      createdAtMs: fc.integer({ min: 1, max: 3 }),
      deployment: fc.constantFrom('x', 'y'),
      models: fc.uniqueArray(fc.constantFrom('m', 'n', 'o'), { minLength: 1 }),
    }),
    { selector: ({ name }) => name },
  );
  fc.assert(
    fc.property(claimants, (made) => {
      const all = made.map(({ name, createdAtMs, deployment, models }) =>
        claimant(name, createdAtMs, spec(deployment, ...models)),
      );
      const claims = settleClaims(all);
      assert.deepEqual(settleClaims(all.toReversed()), claims);
      const first = byPrecedence(all);
      for (const [model, owner] of claims.modelOwners) {
        assert.equal(owner, first.find(({ pool }) => pool!.spec.models.includes(model))?.name);
      }
      for (const { pool } of all) for (const model of pool!.spec.models) assert.ok(claims.modelOwners.has(model));
    }),
  );
});
