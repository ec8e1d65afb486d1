/**
 * Scale-down removes the pods that were chosen, and only once they hold nothing, even if a gateway joins or the scaler's
 * leader is killed in the middle of it.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until, type PodObject } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { PodLog } from './support/logs.ts';
import { killProcess } from './support/kill.ts';
import { podsOf, poolObjects } from './support/pool.ts';
import { deployment, gatewaySelector, settled } from './support/state.ts';
import { install, type System } from './support/system.ts';

/** A run takes so long that whoever drains holds one, and one that waits behind it, for some seconds. */
const pool = { name: 'simple', runMs: 4000, maxRows: 8, spec: { requests: { timeoutMs: 60_000 } } } as const;
let system: System;
/** Longest time from the kill to a new lease: the old one lasts 15 s, and the new leader has to decide within 20 s. */
const takenOverMs = 19_000;
/** Patience for what only a hang keeps away. */
const patienceMs = 180_000;

before(async () => {
  system = await install('drain', { shareProcesses: true });
  await system.namespace.apply(poolObjects({ ...pool, scaling: { minReplicas: 4, maxReplicas: 4 } }));
  await settled(system.namespace, 'simple', 4);
});
after(() => system.close());

test('victims are those that were marked, with 0 in flight by their own log, although a gateway starts meanwhile', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    const load = await Load.start(namespace, { perSecond: 4, timeoutMs: 60_000 });
    await until('work in each pod', patienceMs, async () =>
      Object.keys((await load.report()).byPod).length === 4 ? true : null,
    );
    const { logs, pods } = await followAll();
    await bounds(2);
    const marked = await drainingPods(2);
    await namespace.kubectl(['scale', 'deployment/sluice-gateway', '--replicas', '3']);
    assert.ok((await drainingPods(2)).length === 2, 'the drain was over before the third gateway was asked for');
    const left = await settled(namespace, 'simple', 2);
    const report = await load.endWithoutLoss(50);

    const ends = pods.filter(({ metadata }) => !left.some((pod) => pod.metadata.uid === metadata.uid));
    assert.deepEqual(names(ends), names(marked));
    for (const { metadata } of ends) {
      const { lines, ended } = logs.get(metadata.name)!;
      await ended;
      const told = lines.find(({ msg, reason }) => msg === 'draining' && reason === 'SIGTERM');
      assert.equal(told?.inFlight, 0, `${metadata.name} when it was told to go: ${JSON.stringify(told)}`);
    }
    const gateways = await namespace.pods(gatewaySelector);
    assert.equal(gateways.length, 3);
    await Promise.all([...logs.values()].map((log) => log.close()));
    t.diagnostic(JSON.stringify(report));
  }));

test('the leader is killed in the middle of a drain: another takes it over within 20 s, and nothing is written twice', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    await bounds(4, 4);
    await settled(namespace, 'simple', 4);
    const load = await Load.start(namespace, { perSecond: 4, timeoutMs: 60_000 });
    await until('work in each pod', patienceMs, async () =>
      Object.keys((await load.report()).byPod).length === 4 ? true : null,
    );
    const before = await deployment(namespace, 'simple');
    const { holder, transitions } = await lease();
    await bounds(2);
    await drainingPods(2);
    const killedAtMs = await killProcess(namespace, holder.split('_')[0]!, 'scaler', 'scaler');
    // Adopted drains carry the new leader's mark. Cancelled and finished drains leave no mark.
    await until('a new leader that has looked after the drain', patienceMs, async () => {
      if ((await lease()).transitions === transitions) return null;
      const pods = await namespace.pods(podsOf('simple'));
      return pods.every((pod) => markOf(pod) !== String(transitions)) ? true : null;
    });
    // Cluster clocks measure the takeover, because kubectl itself is slow.
    const tookMs = (await lease()).acquiredAtMs - killedAtMs;
    assert.ok(tookMs <= takenOverMs, `the lease was taken over ${tookMs} ms after the kill`);
    await settled(namespace, 'simple', 2);
    t.diagnostic(JSON.stringify({ tookMs, ...(await load.endWithoutLoss(50)) }));
    const { metadata, spec } = await deployment(namespace, 'simple');
    assert.equal(spec.replicas, 2);
    assert.equal(metadata.generation, before.metadata.generation + 1, 'writes to the Deployment');
  }));

const markOf = ({ metadata }: PodObject): string | undefined => metadata.annotations?.['sluice.dev/draining'];
const names = (pods: readonly PodObject[]): string[] => pods.map(({ metadata }) => metadata.name).toSorted();

/** Bounds of the pool, changed with `kubectl patch` as an operator would. */
const bounds = (maxReplicas: number, minReplicas = 1): Promise<string> =>
  system.namespace.kubectl([
    'patch',
    'modelpool',
    'simple',
    '--type',
    'merge',
    '--patch',
    JSON.stringify({ spec: { scaling: { minReplicas, maxReplicas } } }),
  ]);

/** Interval of looks: a drain lasts some seconds, of which kubectl takes its share. */
const everyMs = 100;

/** Pods marked as draining, as soon as there are exactly `count`. */
function drainingPods(count: number): Promise<PodObject[]> {
  return until(
    `${count} marked pods`,
    patienceMs,
    async () => {
      const marked = (await system.namespace.pods(podsOf('simple'))).filter((pod) => markOf(pod) !== undefined);
      return marked.length === count ? marked : null;
    },
    everyMs,
  );
}

async function followAll() {
  const pods = await system.namespace.pods(podsOf('simple'));
  const logs = new Map(pods.map(({ metadata }) => [metadata.name, new PodLog(system.namespace, metadata.name)]));
  return { logs, pods };
}

async function lease(): Promise<{ holder: string; transitions: number; acquiredAtMs: number }> {
  const { spec } = await system.namespace.json<{
    spec: { holderIdentity?: string; leaseTransitions?: number; acquireTime?: string };
  }>(['get', 'lease', 'sluice-scaler']);
  const { holderIdentity = '', leaseTransitions = 0, acquireTime = '' } = spec;
  return { holder: holderIdentity, transitions: leaseTransitions, acquiredAtMs: Date.parse(acquireTime) };
}
