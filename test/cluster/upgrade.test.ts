/**
 * An upgrade from an earlier release and back, part by part, under load, without a lost request.
 *
 * Four parts can be moved in 24 orders, and what may not fit is always two parts of different releases that meet. One cycle, up and
 * then back in the same order, has every pair both ways: after `up`, the first of a pair is new and the second old; on the way back
 * the first is old again while the second is still new. In each state the pool grows or shrinks. It shrinks, by drains, in the
 * two states where the scaler alone is new and where the scaler alone is old. Half of the requests come on connections that clients
 * keep, half on new ones.
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { installCrd } from './support/crd.ts';
import { kubectl, Namespace, requireCluster, until } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { poolObjects } from './support/pool.ts';
import { earlierRelease, noEarlier, present, type Release } from './support/release.ts';
import { settled } from './support/state.ts';
import { manifests, scripts, sharedSecret, System } from './support/system.ts';

type Part = 'scaler' | 'pods' | 'gateway' | 'crd';
const order = (process.env.SLUICE_TEST_UPGRADE_ORDER ?? 'scaler,pods,gateway,crd').split(',') as Part[];
/** Setting of an upgrade from a release without the shared secret, by docs/operations.md. */
const accepting = { SLUICE_ACCEPT_PEERS_WITHOUT_SECRET: 'true' };

test('up part by part and back in the same order: no request is lost', { skip: noEarlier }, async (t) => {
  requireCluster();
  const earlier = await earlierRelease();
  const namespace = new Namespace(`sluice-test-upgrade-${Math.random().toString(36).slice(2, 6)}`);
  await kubectl(['create', 'namespace', namespace.name]);
  const system = new System(namespace);
  t.after(async () => {
    await system.close();
    await installCrd();
    await earlier.close();
  });

  await system.watched(t, async () => {
    await namespace.apply(await scripts());
    await namespace.apply(sharedSecret());
    for (const part of ['crd', 'gateway', 'scaler', 'pods'] as const) await move(namespace, part, earlier);
    await scale(namespace, 3);
    const load = await Load.start(namespace, { perSecond: 20, connections: 'both' });
    const inUse: Record<Part, Release> = { scaler: earlier, pods: earlier, gateway: earlier, crd: earlier };
    let pods = 3;
    for (const release of [present, earlier]) {
      for (const part of order) {
        const startedMs = performance.now();
        await move(namespace, part, release);
        inUse[part] = release;
        pods = pods === 3 ? 2 : 3;
        await scale(namespace, pods);
        const state = order.map((name) => `${name} ${inUse[name] === present ? 'new' : 'old'}`).join(', ');
        const { failures, examples, byConnection } = await load.report();
        const right = `${byConnection.kept.right} right on kept connections, ${byConnection.new.right} on new ones`;
        const tookS = Math.round((performance.now() - startedMs) / 1000);
        t.diagnostic(`${state}: ${pods} pods, ${right}, ${failures} failed, ${tookS} s`);
        assert.equal(failures, 0, `${state}:\n${examples.join('\n')}`);
      }
    }
    t.diagnostic(JSON.stringify(await load.endWithoutLoss(1000)));
  });
});

/** Applies the manifests of one part as a person would, and waits until none of its earlier pods is left. */
async function move(namespace: Namespace, part: Part, release: Release): Promise<void> {
  const env = release.hasSecret ? accepting : {};
  if (part === 'crd') return installCrd(release);
  if (part === 'pods') {
    // The bounds are changed by patches alone.
    const { items } = poolObjects({ release, env }) as { items: readonly KubernetesObject[] };
    const isThere = (await namespace.kubectl(['get', 'modelpools', '--output', 'name'])) !== '';
    await namespace.apply({ ...list, items: items.filter(({ kind }) => !isThere || kind !== 'ModelPool') });
    await namespace.rollout('simple');
    return;
  }
  const text = await manifests(namespace.name, { gateways: 2, scalers: 1, env }, release);
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
  const items = objects.filter(
    ({ kind, metadata }) =>
      kind !== 'CustomResourceDefinition' && (metadata.name.includes('scaler') ? 'scaler' : 'gateway') === part,
  );
  await namespace.apply({ ...list, items });
  await namespace.rollout(`sluice-${part}`);
  const count = part === 'gateway' ? 2 : 1;
  await until(`the earlier ${part} to go`, 90_000, async () =>
    (await namespace.pods(`app.kubernetes.io/component=${part}`)).length === count ? true : null,
  );
}

/** Has the scaler add or drain a pod, by the bounds of the pool. */
async function scale(namespace: Namespace, pods: number): Promise<void> {
  const patch = JSON.stringify({ spec: { scaling: { minReplicas: pods, maxReplicas: pods } } });
  await namespace.kubectl(['patch', 'modelpool', 'simple', '--type', 'merge', '--patch', patch]);
  await settled(namespace, 'simple', pods);
}

const list = { apiVersion: 'v1', kind: 'List' };
interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}
