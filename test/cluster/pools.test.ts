/**
 * Mistakes in pool objects and in the Deployments that they name, and other writers of them: refused with the field's path or told
 * in a condition, no crash, and no request lost of what served before.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isReady, until } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { podsOf, poolObjects } from './support/pool.ts';
import {
  deployment,
  eventsOf,
  gatewaySelector,
  poolStatus,
  readyPods,
  restartsOf,
  scalerSelector,
  settled,
} from './support/state.ts';
import { install, type System } from './support/system.ts';

let system: System;
/** Some looks of the scaler, and of the HPA's controller, which looks every 15 s. */
const fightMs = 20_000;
/** Patience for what only a hang keeps away. */
const patienceMs = 300_000;
const readySeconds = 300;

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
      const create = ['create', '--filename', '-', '--output', 'jsonpath={.status.observedGeneration}'];
      assert.equal(await namespace.kubectl(create, JSON.stringify(pool)), '-1', 'current before a scaler has seen it');
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
      await until('the HPA to have its way', patienceMs, async () =>
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
      await namespace.kubectl(['scale', 'deployment/person', '--replicas', '3']);
      // The condition says so for a moment only, and another reason may be before it.
      await until('an event that says so', patienceMs, async () =>
        (await eventsOf(namespace, 'person')).some((event) => event.startsWith('ReplicasChanged')) ? true : null,
      );
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

  test('a rollout with one bad model of three that are required stops, loses nothing, says why, and is undone', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      const pool = {
        name: 'three',
        models: ['three-a', 'three-b', 'three-c'],
        progressDeadlineSeconds: 20,
        scaling: { minReplicas: 2, maxReplicas: 2 },
      } as const;
      await namespace.apply(poolObjects(pool));
      await settled(namespace, 'three', 2);
      await waitReady('three', readySeconds);
      const old = (await readyPods(namespace, 'three')).map(({ metadata }) => metadata.uid).toSorted();
      const loads = await Promise.all(
        ['three-a', 'three-b'].map((model) => Load.start(namespace, { perSecond: 10, model })),
      );
      await namespace.apply(poolObjects({ ...pool, annotation: 'second', broken: 'three-b' }));
      await assert.rejects(namespace.rollout('three'), /exceeded its progress deadline/);
      const fresh = (await namespace.pods(podsOf('three'))).filter(({ metadata }) => !old.includes(metadata.uid));
      assert.equal(fresh.length, 1, 'new pods');
      const told = /^503 .*model 'three-b' is required and has not been loaded yet: version 2: /;
      await until('its probe to say why', patienceMs, async () =>
        told.test(await readiness(fresh[0]!.metadata.name)) ? true : null,
      );
      await condition('three', 'Stalled', 'RolloutStuck', /three-b 2 is failed: .*protobuf/i);
      await condition('three', 'Ready', 'RolloutStuck', /three-b 2 is failed/);
      assert.deepEqual(
        (await readyPods(namespace, 'three')).map(({ metadata }) => metadata.uid).toSorted(),
        old,
        'the old pods serve on',
      );
      await namespace.kubectl(['rollout', 'undo', 'deployment/three']);
      await settled(namespace, 'three', 2);
      await waitReady('three', readySeconds);
      await condition('three', 'Stalled', 'NotStalled');
      await condition('three', 'VersionSkew', 'VersionsAgree');
      for (const load of loads) t.diagnostic(JSON.stringify(await load.endWithoutLoss(200)));
    }));

  test('an image that can not be pulled is named, with no word against the pods that serve', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      await namespace.apply(poolObjects({ name: 'image' }));
      await waitReady('image', readySeconds);
      await namespace.kubectl(['set', 'image', 'deployment/image', 'model-server=localhost/no-such-image:1']);
      const { message } = await condition('image', 'PodsHealthy', 'PodsFailing');
      assert.match(message, /image-\S+: ImagePullBackOff: .*no-such-image/);
      const { conditions = [] } = (await poolStatus(namespace, 'image')) ?? {};
      assert.equal(conditions.find(({ type }) => type === 'Ready')?.status, 'True', JSON.stringify(conditions));
      await namespace.kubectl(['rollout', 'undo', 'deployment/image']);
      await condition('image', 'PodsHealthy', 'NoneSick');
      await waitReady('image', readySeconds);
    }));

  test('a crash loop is named with its exit code and last error, and the pool is ready once it is mended', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      await namespace.apply(poolObjects({ name: 'crash', env: { SLUICE_MAX_BODY_BYTES: 'plenty' } }));
      const { message } = await condition('crash', 'PodsHealthy', 'PodsFailing', /CrashLoopBackOff/);
      assert.match(message, /crash-\S+: CrashLoopBackOff: exit code \d+.*SLUICE_MAX_BODY_BYTES/);
      await condition('crash', 'Ready', 'PodsFailing', /CrashLoopBackOff/);
      await assert.rejects(waitReady('crash', 1), /timed out/);
      await namespace.kubectl(['set', 'env', 'deployment/crash', 'SLUICE_MAX_BODY_BYTES-']);
      await waitReady('crash', readySeconds);
      await condition('crash', 'PodsHealthy', 'NoneSick');
    }));
});

test('a younger pool that claims the model of another gets none of its requests, gateways started again included', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    await namespace.apply(poolObjects({ name: 'older', scaling: { minReplicas: 1, maxReplicas: 3 } }));
    await settled(namespace, 'older', 1);
    const load = await Load.start(namespace, { perSecond: 15, model: 'older', connections: 'both' });
    // Its name is the first of the two by the alphabet, so that age alone decides.
    await namespace.apply(poolObjects({ name: 'newer', model: 'older' }));
    const claim = await condition('newer', 'AbleToScale', 'ModelConflict');
    assert.match(claim.message, /model older belongs to pool older/);
    await namespace.apply(
      poolWith('also', { models: ['another'], scaleTargetRef: { name: 'older' }, scaling: { maxReplicas: 1 } }),
    );
    const target = await condition('also', 'AbleToScale', 'Conflict');
    assert.match(target.message, /Deployment older belongs to pool older/);
    await settled(namespace, 'newer', 1);
    await namespace.kubectl(['rollout', 'restart', 'deployment/sluice-gateway']);
    await namespace.rollout('sluice-gateway');
    await until('the old gateways to go', patienceMs, async () => {
      const gateways = await namespace.pods(gatewaySelector);
      return gateways.length === 2 && gateways.every(isReady) ? true : null;
    });
    await sleep(3000);
    await condition('older', 'AbleToScale', 'ReadyForNewScale');
    await namespace.kubectl([
      'patch',
      'modelpool',
      'older',
      '--type',
      'merge',
      '--patch',
      '{"spec":{"scaling":{"minReplicas":2}}}',
    ]);
    await settled(namespace, 'older', 2);
    await waitReady('older', readySeconds);
    const report = await load.endWithoutLoss(200);
    assert.deepEqual(
      Object.keys(report.byPod).filter((pod) => !pod.startsWith('older-')),
      [],
      'answers of pods of the younger pool',
    );
    t.diagnostic(JSON.stringify(report));
  }));

/** @throws KubectlError after so many seconds in which the pool is not ready by its status */
const waitReady = (pool: string, withinSeconds: number): Promise<string> =>
  system.namespace.kubectl(['wait', '--for=condition=Ready', `modelpool/${pool}`, `--timeout=${withinSeconds}s`]);

/** Status and text of the answer that a pod gives its readiness probe. The proxy of the API server hides the text of a 503. */
function readiness(pod: string): Promise<string> {
  const ask = `fetch('http://127.0.0.1:8000/v2/health/ready').then(async (it) => console.log(it.status, await it.text()))`;
  return system.namespace.kubectl(['exec', pod, '--', 'node', '-e', ask]);
}

function condition(pool: string, type: string, reason: string, words = /./): Promise<{ message: string }> {
  return until(`condition ${type} of ${pool}: ${reason}, ${words}`, patienceMs, async () => {
    const conditions = (await poolStatus(system.namespace, pool))?.conditions ?? [];
    return conditions.find((one) => one.type === type && one.reason === reason && words.test(one.message)) ?? null;
  });
}
