/** One installation serves and scales pools of the same name in two namespaces, with the rights of deploy/pool-namespace in each. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { PoolsReport } from '../../contract/scaler-api.ts';
import { installCrd } from './support/crd.ts';
import { root } from './support/image.ts';
import { kubectl, Namespace, requireCluster, until } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { poolObjects } from './support/pool.ts';
import { gatewaySelector, readyPods, scalerSelector, settled } from './support/state.ts';
import { manifests, scripts, sharedSecret, System } from './support/system.ts';

const suffix = Math.random().toString(36).slice(2, 6);
const [own, first, second] = ['own', 'a', 'b'].map((name) => new Namespace(`sluice-test-${name}-${suffix}`)) as [
  Namespace,
  Namespace,
  Namespace,
];
const system = new System(own);
const poolIn = (team: Namespace, model: string, pods: number): Promise<string> =>
  team.apply(poolObjects({ name: 'simple', model, scaling: { minReplicas: pods, maxReplicas: pods } }));

before(async () => {
  requireCluster();
  await installCrd();
  const secret = sharedSecret();
  for (const namespace of [own, first, second]) {
    await kubectl(['create', 'namespace', namespace.name]);
    await namespace.apply(secret);
    await namespace.apply(await scripts());
  }
  await grant(first);
  const env = { SLUICE_NAMESPACE: `${first.name},${second.name}` };
  await own.apply(await manifests(own.name, { gateways: 1, scalers: 1, env }));
  await Promise.all([own.rollout('sluice-gateway'), own.rollout('sluice-scaler')]);
});
after(() => Promise.all([own, first, second].map((namespace) => namespace.delete())));

/** Applies the rights as docs/kubernetes.md says, for the accounts of this installation. */
async function grant(team: Namespace): Promise<void> {
  const text = await kubectl(['kustomize', path.join(root, 'deploy/pool-namespace')]);
  await team.apply(text.replaceAll('namespace: sluice', `namespace: ${own.name}`));
}

test('each namespace is served and scaled by its own rights, and none waits for those of another', (t) =>
  system.watched(t, async () => {
    await Promise.all([poolIn(first, 'one', 2), poolIn(second, 'two', 2)]);
    await settled(first, 'simple', 2);
    const load = await Load.start(own, { perSecond: 10, model: 'one' });
    assert.equal((await readyPods(second, 'simple')).length <= 1, true, 'resized without the right to');
    await grant(second);
    await settled(second, 'simple', 2);
    // The gateway asks again for what it had no right to read at times of its own, apart from those of the scaler.
    const [gateway] = await own.pods(gatewaySelector);
    await until('the gateway to know the second pool', 120_000, () =>
      own.get(gateway!.metadata.name, 8080, '/v2/models/two/ready').then(() => true),
    );
    const other = await Load.start(own, { perSecond: 10, model: 'two' });
    await poolIn(first, 'one', 1);
    await settled(first, 'simple', 1);
    await load.endWithoutLoss(50);
    await other.endWithoutLoss(20);

    const [scaler] = await own.pods(scalerSelector);
    const readyBy = async (): Promise<string[]> => {
      const { pools } = JSON.parse(await own.get(scaler!.metadata.name, 8082, '/api/pools')) as PoolsReport;
      return pools.map(({ name, readyReplicas }) => `${name}: ${readyReplicas}`).toSorted();
    };
    const expected = [`${first.name}/simple: 1`, `${second.name}/simple: 2`].toSorted();
    // A scaler sees its pods a moment after the API server.
    await until(`the scaler to see ${expected.join(' and ')}`, 60_000, async () =>
      (await readyBy()).join() === expected.join() ? true : null,
    ).catch(async () => assert.deepEqual(await readyBy(), expected));
    const holder = await own.kubectl(['get', 'lease', 'sluice-scaler', '--output', 'jsonpath={.spec.holderIdentity}']);
    assert.match(holder, /^sluice-scaler-/);
  }));
