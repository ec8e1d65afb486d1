/** The API server is away from gateway and scaler for longer than a view stays young, and comes back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesCluster } from '../../cluster/kubernetes/gateway-cluster.ts';
import type { KubernetesScaler } from '../../cluster/kubernetes/scaler-cluster.ts';
import type { ClusterView } from '../../cluster/port.ts';
import type { ScalerView } from '../../cluster/scalable.ts';
import { adapterNamespace, gatewayOf, idleDeployment, poolOf, scalerOf, skip } from './support/adapter.ts';
import { ApiGate, type Way } from './support/api-gate.ts';
import { until, type Namespace } from './support/kubectl.ts';
import { readyStatus, StandInNode } from './support/stand-in-node.ts';

const patienceMs = 90_000;
/** Time without the API server: longer than the scaler accepts a view as current. */
const awayMs = 35_000;

describe('the API server is away', { skip }, () => {
  let namespace: Namespace;
  let gate: ApiGate;
  let gateway: KubernetesCluster;
  let scaler: KubernetesScaler;
  let seen: ClusterView | undefined;
  let scaled: ScalerView | undefined;
  let fewest = Infinity;
  const log: string[] = [];
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    namespace = await adapterNamespace('away');
    const node = await StandInNode.start(namespace, { statusOf: (pod) => readyStatus(pod, '10.1.2.3') });
    ends.unshift(() => node.close());
    await namespace.apply(idleDeployment('idle', { replicas: 3, podSpec: node.podSpec }));
    await namespace.apply(poolOf('idle'));
    gate = await ApiGate.start();
    ends.unshift(() => gate.close());
    gateway = gatewayOf(namespace, { api: gate.api(namespace.name), log });
    scaler = scalerOf(namespace, { api: gate.api(namespace.name) });
    ends.unshift(() => Promise.all([gateway.close(), scaler.close()]));
    gateway.watch((view) => {
      seen = view;
      fewest = Math.min(fewest, view.pods.length);
    });
    scaler.watchAll((view) => (scaled = view));
  });
  after(async () => {
    for (const end of ends) await end();
  });

  const readyPods = (view: ClusterView | ScalerView | undefined): number =>
    view?.pods.filter(({ phase }) => phase === 'Ready').length ?? 0;
  const ageMs = (): number => Date.now() - scaled!.asOfMs;

  async function bothSee(count: number): Promise<void> {
    await until(`${count} ready pods`, patienceMs, () =>
      readyPods(seen) === count && readyPods(scaled) === count && scaled?.pods.length === count ? true : null,
    );
  }

  for (const way of ['refused', 'silent'] satisfies Way[]) {
    test(`${way} for ${awayMs / 1000} s: the view stays and ages, and missed changes appear after the reconnect`, async (t) => {
      const before = seen?.pods.length ?? 3;
      await bothSee(before);
      fewest = Infinity;
      await gate.set(way);
      await sleep(1000);
      // Changes the Deployment while the adapter cannot see it.
      await namespace.kubectl(['scale', 'deployment/idle', `--replicas=${before + 2}`]);
      await sleep(awayMs - 1000);
      assert.equal(readyPods(seen), before);
      assert.equal(readyPods(scaled), before);
      assert.ok(ageMs() > awayMs - 10_000, `the view is ${ageMs()} ms old`);
      assert.equal(scaler.leadership().leading, false);

      await gate.set('open');
      const backMs = performance.now();
      await bothSee(before + 2);
      t.diagnostic(`all pods were seen ${((performance.now() - backMs) / 1000).toFixed(1)} s after the reconnect`);
      await until('a current view without errors', patienceMs, () =>
        ageMs() < 10_000 && scaled?.error === null ? true : null,
      );
      await until('to lead again', patienceMs, () => (scaler.leadership().leading ? true : null));
      assert.ok(fewest >= before, `a gateway saw only ${fewest} pods`);
    });
  }

  test('each outage and each recovery is logged once', () => {
    const old = log.filter((line) => line.startsWith('pods are not updated'));
    assert.ok(old.length > 0 && old.length <= 2, log.join('\n'));
    assert.equal(log.filter((line) => line === 'pods are current again').length, old.length);
  });
});
