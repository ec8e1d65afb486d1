/**
 * Between Sluice and the API server stands a proxy. It shows that each verb of the Roles is used and none is missing; then a verb
 * is taken away; then the API server itself, for a minute under load.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { ApiProxy } from './support/api-proxy.ts';
import { killProcess } from './support/kill.ts';
import { isReady, until, type PodObject } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { podsOf, poolObjects } from './support/pool.ts';
import {
  deployment,
  gatewaySelector,
  poolStatus,
  readyPods,
  restartsOf,
  scalerSelector,
  settled,
} from './support/state.ts';
import { root } from './support/image.ts';
import { install, type System } from './support/system.ts';

const awayMs = 60_000;
let system: System;
let proxy: ApiProxy;

before(async () => {
  system = await install('api', { proxied: true, shareProcesses: true });
  proxy = new ApiProxy(system.namespace);
  await system.namespace.apply(
    poolObjects({ name: 'simple', sick: true, scaling: { minReplicas: 3, maxReplicas: 3 } }),
  );
  await settled(system.namespace, 'simple', 3);
});
after(() => system.close());

/** A pod with a kubelet ends with its grace, and is not deleted by force: that is for one whose node is gone. */
const withoutForce = 'sluice-scaler delete pods';
/** Where KEDA is not installed its objects are asked for, and there is nothing to watch. */
const withoutKeda = 'sluice-scaler watch scaledobjects.keda.sh';

const bounds = (minReplicas: number, maxReplicas: number): Promise<string> =>
  system.namespace.kubectl([
    'patch',
    'modelpool',
    'simple',
    '--type',
    'merge',
    '--patch',
    JSON.stringify({ spec: { scaling: { minReplicas, maxReplicas } } }),
  ]);

test('each verb of the Roles is used, and nothing was forbidden', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    // A pod that is replaced, a pool that shrinks with its drains, a leader that gives its lease back.
    const sick = (await readyPods(namespace, 'simple'))[0]!;
    const load = await Load.start(namespace, { perSecond: 10 });
    await namespace.get(sick.metadata.name, 9000, '/fault?kind=garbage');
    await until('the sick pod to be replaced', 120_000, async () =>
      (await namespace.pods(podsOf('simple'))).every(({ metadata }) => metadata.uid !== sick.metadata.uid)
        ? true
        : null,
    );
    await settled(namespace, 'simple', 3);
    // Repeated resizes make the scaler write the same event again, late enough to update the first one.
    for (const count of [2, 3, 2, 3, 2]) {
      await bounds(count, count);
      await settled(namespace, 'simple', count);
    }
    await load.end();
    const used = await proxy.counts();
    assert.deepEqual(
      Object.entries(used).flatMap(([what, { statuses }]) => (statuses['403'] === undefined ? [] : what)),
      [],
      'forbidden',
    );
    assert.deepEqual(
      granted().filter((what) => used[what] === undefined && what !== withoutKeda && what !== withoutForce),
      [],
      'granted and not used',
    );
    t.diagnostic(JSON.stringify(Object.fromEntries(Object.entries(used).map(([what, { count }]) => [what, count]))));
  }));

test('a verb that is missing is named, in the condition of the pool and in the log; given back, all goes on', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    await without('sluice-scaler', 'deployments/scale', 'update', async () => {
      await bounds(3, 3);
      const message = await forbiddenCondition();
      assert.match(message, /update deployments\/scale/);
    });
    await settled(namespace, 'simple', 3);
    await without('sluice-gateway', 'pods', 'watch', async () => {
      await namespace.kubectl(['rollout', 'restart', 'deployment/sluice-gateway']);
      await until('a log line that names it', 60_000, async () =>
        /watch pods: 403/.test(await namespace.kubectl(['logs', '--selector', gatewaySelector, '--tail', '50']))
          ? true
          : null,
      );
    });
    await namespace.rollout('sluice-gateway');
  }));

test('the API server is away for a minute: no request fails, nothing shrinks, nothing is started again', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    await bounds(1, 3);
    await settled(namespace, 'simple', 3);
    await until('the old gateways to go', 90_000, async () =>
      (await namespace.pods(gatewaySelector)).length === 2 ? true : null,
    );
    const pods = uids(await readyPods(namespace, 'simple'));
    const { metadata } = await deployment(namespace, 'simple');
    const load = await Load.start(namespace, { perSecond: 20 });
    await sleep(3000);
    await proxy.away(true);
    await sleep(awayMs);
    await proxy.away(false);
    const backAtMs = Date.now();
    await until('a leader', 60_000, async () => {
      const { spec } = await namespace.json<{ spec: { renewTime: string } }>(['get', 'lease', 'sluice-scaler']);
      return Date.parse(spec.renewTime) > backAtMs ? true : null;
    });
    await sleep(5000);
    assert.equal((await deployment(namespace, 'simple')).metadata.generation, metadata.generation, 'writes');
    assert.deepEqual(uids(await readyPods(namespace, 'simple')), pods);
    await bounds(4, 4);
    await settled(namespace, 'simple', 4);
    t.diagnostic(JSON.stringify(await load.endWithoutLoss(1000)));
    for (const selector of [gatewaySelector, scalerSelector]) {
      assert.deepEqual(await restartsOf(namespace, selector), [0, 0], selector);
    }
  }));

test('the API server is away while gateways, a scaler and a pod are killed: all is right 3 s after each restart', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    const load = await Load.start(namespace, { perSecond: 20, spread: true });
    await proxy.away(true);
    await sleep(3000);
    const gateways = await readyOf(gatewaySelector);
    const [scaler] = await readyOf(scalerSelector);
    const pods = await readyPods(namespace, 'simple');
    const [pod] = pods;
    const said: string[] = [];
    /** Failures within 5 s, from 3 s after what was killed is back. */
    const rightAfter = async (what: string, kill: () => Promise<unknown>, isBack: () => Promise<boolean>) => {
      await kill();
      await until(`${what} to be back`, 60_000, async () => ((await isBack()) ? true : null));
      await sleep(3000);
      const from = await load.report();
      await sleep(5000);
      const to = await load.report();
      said.push(`${what}: ${to.right - from.right} right, ${to.failures - from.failures} failed`);
      assert.ok(to.right - from.right >= 50, said.join('; '));
      assert.equal(to.failures - from.failures, 0, `${said.join('; ')}\n${to.examples.join('\n')}`);
    };
    for (const { metadata } of gateways) {
      const restarted = async (): Promise<boolean> =>
        (await readyOf(gatewaySelector)).some(
          ({ metadata: { name }, status }) =>
            name === metadata.name && (status.containerStatuses?.[0]?.restartCount ?? 0) === 1,
        );
      await rightAfter(metadata.name, () => killProcess(namespace, metadata.name, 'gateway', 'gateway'), restarted);
      assert.match(await namespace.kubectl(['logs', metadata.name]), /serving from the last view of the cluster/);
    }
    await rightAfter(
      scaler!.metadata.name,
      () => killProcess(namespace, scaler!.metadata.name, 'scaler', 'scaler'),
      async () => (await restartsOf(namespace, scalerSelector)).includes(1),
    );
    await rightAfter(
      pod!.metadata.name,
      () => namespace.kubectl(['delete', 'pod', pod!.metadata.name, '--grace-period=0', '--force']),
      async () => (await readyPods(namespace, 'simple')).length === pods.length,
    );
    await proxy.away(false);
    t.diagnostic(said.join('; '));
    const { sent, right, failed } = await load.end();
    t.diagnostic(JSON.stringify({ sent, right, failed }));
    await bounds(3, 3);
    await settled(namespace, 'simple', 3);
  }));

const readyOf = async (selector: string): Promise<PodObject[]> =>
  (await system.namespace.pods(selector)).filter(isReady);

const uids = (pods: readonly { metadata: { uid: string } }[]): string[] =>
  pods.map(({ metadata }) => metadata.uid).toSorted();

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules: readonly { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[] }[];
}

function roles(): Role[] {
  return ['gateway', 'scaler'].flatMap((name) =>
    parseAllDocuments(readFileSync(path.join(root, `deploy/base/${name}-access.yaml`), 'utf8'))
      .map((document) => document.toJS() as Role)
      .filter(({ kind }) => kind === 'Role'),
  );
}

/** Granted verbs of all Roles, as `<service account> <verb> <resource>`, the form in which the proxy counts requests. */
function granted(): string[] {
  return roles().flatMap(({ metadata, rules }) =>
    rules.flatMap(({ apiGroups: [group], resources, verbs }) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => `${metadata.name} ${verb} ${resource}${group === '' ? '' : `.${group!}`}`),
      ),
    ),
  );
}

async function without(account: string, resource: string, verb: string, body: () => Promise<void>): Promise<void> {
  const role = roles().find(({ metadata }) => metadata.name === account)!;
  const rules = role.rules.map((rule) =>
    rule.resources.includes(resource) ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) } : rule,
  );
  assert.notDeepEqual(rules, role.rules, `${account} has no ${verb} ${resource}`);
  // A list of no verbs would be refused.
  const left = rules.filter(({ verbs }) => verbs.length > 0);
  await system.namespace.apply({ ...role, rules: left });
  try {
    await body();
  } finally {
    await system.namespace.apply(role);
  }
}

function forbiddenCondition(): Promise<string> {
  return until('a condition that names the verb', 60_000, async () => {
    const { conditions = [] } = (await poolStatus(system.namespace, 'simple')) ?? {};
    return conditions.find(({ reason }) => reason === 'Forbidden')?.message ?? null;
  });
}
