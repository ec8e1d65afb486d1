/**
 * Between Sluice and the API server stands a proxy. It shows that each verb of the Roles is used and none is missing; then a verb
 * is taken away; then the API server itself, for a minute under load, and again while parts are killed (the long form: five minutes).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { longForm } from '../support/long-form.ts';
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
/** Time away, at least, while parts are killed. The long form has each kind of part killed three times or more, all over the time. */
const awayWithKillsMs = longForm ? 300_000 : 20_000;
/** Patience for what only a hang keeps away. */
const patienceMs = 180_000;
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

test(`the API server is away for ${awayWithKillsMs / 1000} s while gateways, scalers and pods are killed: all is right 3 s after each restart`, (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    const load = await Load.start(namespace, { perSecond: 20, connections: 'both' });
    await proxy.away(true);
    const awayAtMs = performance.now();
    await sleep(3000);
    const [gateways, scalers] = [await readyOf(gatewaySelector), await readyOf(scalerSelector)];
    const pods = await readyPods(namespace, 'simple');
    const gateway = (at: number): Kill => ofProcess(gateways[at]!, 'gateway');
    const scaler = (at: number): Kill => ofProcess(scalers[at]!, 'scaler');
    const pod = (at: number): Kill => ofProcess(pods[at]!, 'model-server');
    const lastPod = ofPod(pods.at(-1)!, pods.length);
    const kills = longForm
      ? [gateway(0), pod(0), scaler(0), gateway(1), lastPod, scaler(1), gateway(0), pod(1), gateway(1), scaler(0)]
      : [gateway(0), gateway(1), scaler(0), lastPod];
    const everyMs = longForm ? (awayWithKillsMs - 5000) / kills.length : 0;
    const all = { right: 0, failed: 0 };
    for (const [turn, { what, kill, isBack }] of kills.entries()) {
      const killedAtMs = performance.now();
      await kill();
      await until(`${what} to be back`, patienceMs, async () => ((await isBack()) ? true : null));
      const backAfterS = ((performance.now() - killedAtMs) / 1000).toFixed(1);
      await sleep(3000);
      const from = await load.report();
      await sleep(Math.max(5000, awayAtMs + (turn + 1) * everyMs - performance.now()));
      const to = await load.report();
      const [right, failed] = [to.right - from.right, to.failures - from.failures];
      all.right += right;
      all.failed += failed;
      const said = `${what}: back after ${backAfterS} s, then ${right} right, ${failed} failed`;
      t.diagnostic(said);
      assert.ok(right >= 50, said);
      assert.ok(1000 * failed <= right + failed, `${said}\n${to.examples.join('\n')}`);
    }
    for (const { metadata } of gateways) {
      assert.match(await namespace.kubectl(['logs', metadata.name]), /serving from the last view of the cluster/);
    }
    await sleep(Math.max(0, awayAtMs + awayWithKillsMs - performance.now()));
    const awayS = Math.round((performance.now() - awayAtMs) / 1000);
    await proxy.away(false);
    const { sent, right, failed, byConnection } = await load.end();
    t.diagnostic(
      `away for ${awayS} s, ${JSON.stringify(all)}; ${JSON.stringify({ sent, right, failed, byConnection })}`,
    );
    assert.ok(1000 * awayS >= awayWithKillsMs, `away for ${awayS} s only`);
    await bounds(3, 3);
    await settled(namespace, 'simple', 3);
  }));

/** A part that is killed, and how to tell that it is back. */
interface Kill {
  readonly what: string;
  readonly kill: () => Promise<unknown>;
  readonly isBack: () => Promise<boolean>;
}

/** `kill -9` of the process of a pod, whose container starts it again. A scaler is not ready before it has seen the API server. */
function ofProcess({ metadata: { name } }: PodObject, command: 'gateway' | 'scaler' | 'model-server'): Kill {
  const { namespace } = system;
  const look = () => namespace.json<PodObject>(['get', 'pod', name]);
  const restartsIn = ({ status }: PodObject): number => status.containerStatuses?.[0]?.restartCount ?? 0;
  let before = 0;
  return {
    what: name,
    kill: async () => {
      before = restartsIn(await look());
      await killProcess(namespace, name, command, command);
    },
    isBack: async () => {
      const found = await look();
      return restartsIn(found) > before && (command === 'scaler' ? isRunning(found) : isReady(found));
    },
  };
}

/** A pod that goes without a word, and another in its place, which gateways can't know of. */
function ofPod({ metadata: { name } }: PodObject, count: number): Kill {
  const { namespace } = system;
  return {
    what: name,
    kill: () => namespace.kubectl(['delete', 'pod', name, '--grace-period=0', '--force']),
    isBack: async () => (await readyPods(namespace, 'simple')).length === count,
  };
}

const isRunning = ({ status }: PodObject): boolean => status.containerStatuses?.[0]?.state.running !== undefined;

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
