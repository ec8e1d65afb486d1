/** Why a pool can't be scaled, as a real API server gives cause for it: wrong references, other writers, missing rights. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { KubernetesApi } from '../../cluster/kubernetes/api.ts';
import type { KubernetesScaler } from '../../cluster/kubernetes/scaler-cluster.ts';
import type { ScalerView } from '../../cluster/scalable.ts';
import { adapterNamespace, idleDeployment, poolOf, scalerOf, skip } from './support/adapter.ts';
import { until, type Namespace } from './support/kubectl.ts';
import { root } from './support/image.ts';

const patienceMs = 60_000;

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules: readonly {
    readonly apiGroups: string[];
    readonly resources: string[];
    readonly resourceNames?: string[];
    readonly verbs: string[];
  }[];
}

describe('why a pool can not be scaled', { skip }, () => {
  let namespace: Namespace;
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    namespace = await adapterNamespace('problems');
    ends.unshift(() => namespace.delete());
  });
  after(async () => {
    for (const end of ends) await end();
  });

  function viewOf(scaler: KubernetesScaler, what: string, isSo: (view: ScalerView) => boolean): Promise<ScalerView> {
    let seen: ScalerView | undefined;
    const stop = scaler.watchAll((view) => (seen = view));
    return until(what, patienceMs, () => (seen !== undefined && isSo(seen) ? seen : null), 50).finally(stop);
  }

  const said = ({ problems }: ScalerView): string[] =>
    problems.map(({ pool, reason, message }) => `${pool}: ${reason}: ${message}`).toSorted();

  test('a reference to nothing, two pools on one Deployment or model, and other autoscalers; each ends with its cause', async () => {
    const scaler = scalerOf(namespace);
    ends.unshift(() => scaler.close());
    const expected = (what: string, lines: readonly string[]): Promise<ScalerView> =>
      viewOf(scaler, `${what}: ${lines.join('; ')}`, (view) => said(view).join() === lines.join());

    await namespace.apply(poolOf('one'));
    await expected('nothing there', ['one: TargetNotFound: Deployment one does not exist']);
    await namespace.apply(idleDeployment('one'));
    await expected('it came', []);

    await namespace.apply(poolOf('two', { scaleTargetRef: { name: 'one' } }));
    await expected('a second pool', ['two: Conflict: Deployment one belongs to pool one, which is older']);
    await namespace.apply(idleDeployment('two'));
    await namespace.apply(poolOf('two', { models: ['one', 'two'] }));
    await expected('a model of two pools', ['two: ModelConflict: model one belongs to pool one, which is older']);
    await namespace.apply(poolOf('two'));
    await expected('each its own', []);

    await namespace.apply({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'rival' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'one' },
        minReplicas: 1,
        maxReplicas: 2,
      },
    });
    await expected('an HPA', [
      'one: Conflict: HorizontalPodAutoscaler rival also resizes Deployment one: delete it or this pool',
    ]);
    await namespace.kubectl(['delete', 'hpa', 'rival']);
    await namespace.kubectl(['delete', 'deployment', 'two']);
    await expected('the other Deployment went', ['two: TargetNotFound: Deployment two does not exist']);
    await namespace.kubectl(['delete', 'modelpool', 'two']);
    await expected('its pool went', []);
  });

  test('a wrong spec is refused by the API server with the path of the field', async () => {
    const wrong = (spec: object): Promise<unknown> => namespace.apply(poolOf('wrong', spec));
    await assert.rejects(wrong({ scaling: { minReplicas: -1 } }), /spec\.scaling\.minReplicas/);
    await assert.rejects(wrong({ objective: { latencyMs: 'fast' } }), /spec\.objective\.latencyMs/);
    await assert.rejects(wrong({ scaling: { minReplicas: 5, maxReplicas: 2 } }), /spec\.scaling/);
    await assert.rejects(wrong({ modles: [] }), /spec\.modles/);
  });

  test('what the API server lets through and is wrong all the same is an event of the pool', async () => {
    await namespace.apply(poolOf('wrong', { scaleTargetRef: undefined, endpoints: ['http://a b'] }));
    const said = await until('an event', patienceMs, async () => {
      const { items } = await namespace.json<{ items: { reason: string; message: string }[] }>([
        'get',
        'events',
        '--field-selector',
        'involvedObject.name=wrong',
      ]);
      return items[0] ?? null;
    });
    assert.equal(said.reason, 'InvalidSpec');
    assert.match(said.message, /\/spec\/endpoints\/0: must be http:\/\/host:port, was: "http:\/\/a b"/);
    await namespace.kubectl(['delete', 'modelpool', 'wrong']);
  });

  for (const [group, resource, verb, words] of [
    ['apps', 'deployments', 'list', /^list deployments: 403 .*cannot list resource "deployments" in API group "apps"/],
    ['apps', 'deployments', 'watch', /^watch deployments: 403 .*cannot watch resource "deployments" in API group/],
    ['autoscaling', 'horizontalpodautoscalers', 'list', /^list horizontalpodautoscalers: 403 .*cannot list resource/],
    [
      'apps',
      'deployments/scale',
      'update',
      /^update deployments\/scale: 403 .*cannot update resource "deployments\/scale"/,
    ],
  ] as const) {
    test(`without the right to ${verb} ${resource} the pool says so, and no longer once it is granted`, async () => {
      const account = `no-${verb}-${resource.replace('/', '-')}`;
      const role = await scalerRole();
      const less = role.rules.map((rule) =>
        rule.apiGroups.includes(group) && rule.resources.includes(resource)
          ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) }
          : rule,
      );
      const rules = (given: Role['rules']): object => ({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: account },
        rules: given
          .filter(({ verbs }) => verbs.length > 0)
          .map((rule) => (rule.resourceNames === undefined ? rule : { ...rule, resourceNames: [account] })),
      });
      await namespace.apply(idleDeployment('one'));
      await namespace.apply(poolOf('one'));
      await namespace.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account } });
      await namespace.apply(rules(less));
      await namespace.apply({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: account },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: account },
        subjects: [{ kind: 'ServiceAccount', name: account, namespace: namespace.name }],
      });
      const api = apiOf((await namespace.kubectl(['create', 'token', account])).trim(), namespace.name);
      const scaler = scalerOf(namespace, { api, identity: account, leaseName: account });
      ends.unshift(() => scaler.close());
      if (resource === 'deployments/scale') {
        const { targets } = await viewOf(scaler, 'a target', (view) => view.targets.length > 0);
        await until('to lead', patienceMs, () => (scaler.leadership().leading ? true : null));
        const answer = await scaler.scale(targets[0]!, 1);
        assert.equal(answer.kind, 'failed');
        assert.match('detail' in answer ? answer.detail : '', words);
      }
      const { problems } = await viewOf(scaler, 'a problem', (view) => view.problems.length > 0);
      assert.deepEqual(
        problems.map(({ pool, reason }) => [pool, reason]),
        [['one', 'Forbidden']],
      );
      assert.match(problems[0]!.message, words);

      await namespace.apply(rules(role.rules));
      await viewOf(scaler, 'no problem any more', (view) => view.problems.length === 0 && view.error === null);
    });
  }
});

async function scalerRole(): Promise<Role> {
  const text = await readFile(path.join(root, 'deploy/base/scaler-access.yaml'), 'utf8');
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Role)
    .find(({ kind }) => kind === 'Role')!;
}

/** The API server that KUBECONFIG names, as a service account. */
function apiOf(token: string, namespace: string): KubernetesApi {
  const config = new KubeConfig();
  config.loadFromDefault();
  const cluster = config.getCurrentCluster()!;
  config.loadFromClusterAndUser(cluster, { name: 'account', token });
  return new KubernetesApi(config, { pools: [namespace] });
}
