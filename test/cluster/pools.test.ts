/** Mistakes in pool objects, and other writers of them: refused with the field's path or told in a condition, no crash. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { poolObjects } from './support/pool.ts';
import { deployment, poolStatus, ReasonWatch, restartsOf, scalerSelector, settled } from './support/state.ts';
import { install, type System } from './support/system.ts';

let system: System;
/** Some looks of the scaler, and of the HPA's controller, which looks every 15 s. */
const fightMs = 20_000;

before(async () => {
  system = await install('pools');
});
after(() => system.close());

const poolWith = (name: string, spec: object): object => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'ModelPool',
  metadata: { name },
  spec: { models: [name], scaleTargetRef: { name }, ...spec },
});

test('a wrong spec is refused by the API server, with the path of the field', async () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ models: [] }, /spec\.models/],
    [{ models: ['a/b'] }, /spec\.models\[0\]/],
    [{ scaling: { maxReplicas: 0 } }, /spec\.scaling\.maxReplicas/],
    [{ scaling: { minReplicas: 5, maxReplicas: 2 } }, /spec\.scaling.*maxReplicas.*minReplicas/s],
    [{ scaling: { mode: 'Sometimes' } }, /spec\.scaling\.mode/],
    [{ objective: { latencyMs: -1 } }, /spec\.objective\.latencyMs/],
    [{ scaleTargetRef: { kind: 'StatefulSet', name: 'x' } }, /spec\.scaleTargetRef\.kind/],
    [{ scalling: {} }, /spec\.scalling/],
  ];
  for (const [spec, path] of cases) {
    await assert.rejects(system.namespace.apply(poolWith('wrong', spec)), path, JSON.stringify(spec));
  }
});

describe('in one namespace', { concurrency: true }, () => {
  test('a Deployment that is not there is a condition until it is, and no scaler starts again for it', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      const [, workload, , pool] = (poolObjects({ name: 'late' }) as { items: object[] }).items;
      await namespace.apply(pool!);
      const { message } = await condition('late', 'AbleToScale', 'TargetNotFound');
      assert.match(message, /Deployment late/);
      const { items } = poolObjects({ name: 'late' }) as { items: object[] };
      await namespace.apply(items[0]!);
      await namespace.apply(workload!);
      await condition('late', 'AbleToScale', 'ReadyForNewScale');
      assert.deepEqual(await restartsOf(namespace, scalerSelector), [0, 0]);
    }));

  test('an HPA on the same Deployment: Conflict, and the count is left to it', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      await namespace.apply(poolObjects({ name: 'hpa', scaling: { minReplicas: 3, maxReplicas: 3 } }));
      await settled(namespace, 'hpa', 3);
      await namespace.apply({
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'rival' },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'hpa' },
          minReplicas: 1,
          maxReplicas: 2,
        },
      });
      const { message } = await condition('hpa', 'AbleToScale', 'Conflict');
      assert.match(message, /HorizontalPodAutoscaler rival/);
      await until('the HPA to have its way', 60_000, async () =>
        (await deployment(namespace, 'hpa')).spec.replicas === 2 ? true : null,
      );
      const { metadata } = await deployment(namespace, 'hpa');
      await sleep(fightMs);
      assert.equal((await deployment(namespace, 'hpa')).metadata.generation, metadata.generation, 'writes in a fight');
      await namespace.kubectl(['delete', 'hpa', 'rival']);
      await condition('hpa', 'AbleToScale', 'ReadyForNewScale');
      await settled(namespace, 'hpa', 3);
    }));

  test('a person scales the Deployment under load: seen, said, and not undone at once', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      await namespace.apply(poolObjects({ name: 'person', scaling: { minReplicas: 1, maxReplicas: 6 } }));
      await settled(namespace, 'person', 1);
      const load = await Load.start(namespace, { perSecond: 10, model: 'person' });
      await sleep(3000);
      const said = new ReasonWatch(namespace, 'person');
      await namespace.kubectl(['scale', 'deployment/person', '--replicas', '3']);
      await until('a condition that says so', 30_000, () => (said.reasons.has('ReplicasChanged') ? true : null));
      said.close();
      const { metadata, spec } = await deployment(namespace, 'person');
      assert.equal(spec.replicas, 3);
      await sleep(fightMs);
      assert.equal(
        (await deployment(namespace, 'person')).metadata.generation,
        metadata.generation,
        'writes in a fight',
      );
      t.diagnostic(JSON.stringify(await load.endWithoutLoss(150)));
    }));
});

function condition(pool: string, type: string, reason: string): Promise<{ message: string }> {
  return until(`condition ${type} of ${pool}: ${reason}`, 90_000, async () => {
    const conditions = (await poolStatus(system.namespace, pool))?.conditions ?? [];
    return conditions.find((one) => one.type === type && one.reason === reason) ?? null;
  });
}
