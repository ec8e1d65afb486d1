import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseModelPool } from '../../contract/model-pool.ts';
import type { PoolEvent, ScalerPod, ScalerView } from '../../cluster/scalable.ts';
import { startChild, type Child } from '../../cluster/local/child.ts';
import { LocalCluster } from '../../cluster/local/local-cluster.ts';
import { serveScaler } from '../../cluster/local/scaler-ipc.ts';
import { LocalScaling } from '../../cluster/local/scaling.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../../cluster/local/fixtures/${name}`, import.meta.url));
const clusters: LocalCluster[] = [];
const scalings: LocalScaling[] = [];
const children: Child[] = [];
after(async () => {
  for (const child of children) child.kill();
  for (const scaling of scalings) await scaling.close();
  for (const cluster of clusters) cluster.kill();
});

function start({ mode = '', replicas = 2, graceMs = 5000, endpoints = [] as string[] } = {}) {
  const { pool } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'p' },
    spec: { models: ['m'], endpoints },
  });
  const events: PoolEvent[] = [];
  const cluster = new LocalCluster({
    pools: [pool!],
    defaults: { repository: '/nowhere', logLevel: 'info', graceMs, env: { ...process.env, FIXTURE_MODE: mode } },
    command: [process.execPath, fixture('pod.ts')],
    onLine: () => undefined,
    onWarning: () => undefined,
  });
  clusters.push(cluster);
  const scaling = new LocalScaling(cluster, (event) => events.push(event));
  scalings.push(scaling);
  if (endpoints.length === 0) cluster.setReplicas('p', replicas);
  return { cluster, scaling, events };
}

/** Resolves to the first view that satisfies `condition`. */
function until(scaling: LocalScaling, what: string, condition: (view: ScalerView) => boolean): Promise<ScalerView> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`never: ${what}: ${JSON.stringify(scaling.view)}`)), 60_000);
    const stop = scaling.watchAll((view) => {
      if (!condition(view)) return;
      clearTimeout(limit);
      queueMicrotask(() => stop());
      resolve(view);
    });
  });
}
const ready = (count: number) => (view: ScalerView) =>
  view.pods.length === count && view.pods.every(({ phase }) => phase === 'Ready');
const names = (view: ScalerView): string[] => view.pods.map(({ name }) => name);
const podOf = (scaling: LocalScaling, name: string): ScalerPod => scaling.view.pods.find((pod) => pod.name === name)!;

describe('local cluster as a scaler sees it', { concurrency: true }, () => {
  test('scaling up, down by deletion cost, and a conflict on a stale version', async () => {
    const { scaling } = start({ replicas: 1 });
    const [first] = (await until(scaling, 'one pod', ready(1))).targets;
    assert.deepEqual([first!.replicas, first!.rollout], [1, 'none']);
    assert.deepEqual(await scaling.scale(first!, 3), { kind: 'done' });
    assert.equal((await scaling.scale(first!, 0)).kind, 'conflict');
    const three = await until(scaling, 'three pods', ready(3));
    const cheap = three.pods[0]!;
    assert.deepEqual(await scaling.setDeletionCost(cheap, -10), { kind: 'done' });
    assert.deepEqual(await scaling.scale(scaling.view.targets[0]!, 2), { kind: 'done' });
    const two = await until(scaling, 'two pods', ready(2));
    assert.ok(!names(two).includes(cheap.name));
  });

  test('invalid writes have a result and throw no exception', async () => {
    const { scaling, cluster } = start({ replicas: 1 });
    const [target] = scaling.view.targets;
    assert.equal((await scaling.scale({ ...target!, pool: 'q' }, 1)).kind, 'conflict');
    for (const count of [-1, 0.5, NaN, Infinity, 1e6]) {
      assert.equal((await scaling.scale(target!, count)).kind, 'failed', String(count));
    }
    await cluster.close();
    assert.equal((await scaling.scale(target!, 1)).kind, 'failed');
  });

  test('draining mark and deletion cost are kept, and require the version of the pod', async () => {
    const { scaling } = start();
    const [pod] = (await until(scaling, 'two pods', ready(2))).pods;
    assert.deepEqual(await scaling.markDraining(pod!, '7'), { kind: 'done' });
    assert.equal(podOf(scaling, pod!.name).draining, '7');
    assert.equal((await scaling.setDeletionCost(pod!, 1)).kind, 'conflict');
    assert.deepEqual(await scaling.setDeletionCost(podOf(scaling, pod!.name), -1), { kind: 'done' });
    assert.deepEqual(await scaling.markDraining(podOf(scaling, pod!.name), null), { kind: 'done' });
    const { draining, deletionCost } = podOf(scaling, pod!.name);
    assert.deepEqual([draining, deletionCost], [null, -1]);
  });

  test('an evicted pod terminates gracefully and is replaced', async () => {
    const { scaling } = start({ replicas: 1 });
    const [pod] = (await until(scaling, 'one pod', ready(1))).pods;
    assert.deepEqual(await scaling.evict(pod!), { kind: 'done' });
    assert.equal(scaling.view.pods.length, 2);
    assert.equal(podOf(scaling, pod!.name).phase, 'Terminating');
    assert.notEqual(names(await until(scaling, 'a fresh pod', ready(1)))[0], pod!.name);
    assert.equal((await scaling.evict(pod!)).kind, 'conflict');
  });

  test('a killed pod that did not terminate is not replaced a second time', async () => {
    const { scaling } = start({ replicas: 1, mode: 'ignore-sigterm', graceMs: 60_000 });
    const [pod] = (await until(scaling, 'one pod', ready(1))).pods;
    await scaling.evict(pod!);
    await until(scaling, 'the fresh pod', ({ pods }) => pods.some(({ phase }) => phase === 'Ready'));
    assert.equal(scaling.view.pods.length, 2);
    assert.deepEqual(await scaling.kill(podOf(scaling, pod!.name)), { kind: 'done' });
    await until(scaling, 'one pod is left', ready(1));
  });

  test('a crash-looping pod is reported, and is evicted at once since it has no process', async () => {
    const { scaling } = start({ replicas: 1, mode: 'crash' });
    const loops = ({ pods }: ScalerView) => pods.some(({ crashLooping }) => crashLooping);
    const pod = (await until(scaling, 'it loops', loops)).pods[0]!;
    assert.ok(pod.restarts >= 3);
    assert.equal(scaling.view.pods[0]!.draining, null);
    await scaling.evict(podOf(scaling, pod.name));
    const [fresh] = scaling.view.pods;
    assert.deepEqual([scaling.view.pods.length, fresh!.restarts, fresh!.crashLooping], [1, 0, false]);
  });

  test('the draining mark of a process is gone after its restart', async () => {
    const { scaling, cluster } = start({ replicas: 1 });
    const [pod] = (await until(scaling, 'one pod', ready(1))).pods;
    await scaling.markDraining(pod!, '1');
    process.kill(cluster.pidOf(pod!.name)!, 'SIGKILL');
    const now = (
      await until(scaling, 'it is back', ({ pods }) => pods[0]!.restarts === 1 && pods[0]!.phase === 'Ready')
    ).pods[0]!;
    assert.equal(now.draining, null);
    assert.equal((await scaling.markDraining(pod!, '1')).kind, 'conflict');
  });

  test('a pool with endpoints has pods but no scale target, and writes to them are conflicts', async () => {
    const { scaling } = start({ endpoints: ['http://127.0.0.1:9'] });
    const { pods, targets } = scaling.view;
    assert.deepEqual([pods.length, targets.length], [1, 0]);
    assert.equal((await scaling.evict(pods[0]!)).kind, 'conflict');
  });

  test('changes of gateways are reported, and views repeat with a newer time', async () => {
    const { scaling } = start({ replicas: 0 });
    const uid = 'g1';
    const gateway = { uid, name: 'gateway', adminOrigin: null, wasReady: false, terminating: false, createdAtMs: 1 };
    const first = scaling.view.asOfMs;
    scaling.setGateways([gateway]);
    await until(scaling, 'the gateway', ({ gateways }) => gateways[0]?.uid === uid);
    await until(scaling, 'a later view', ({ asOfMs }) => asOfMs > first + 500);
  });
});

describe('the cluster interface over IPC', () => {
  interface Said {
    readonly kind: string;
    readonly [field: string]: unknown;
  }
  function startScaler(scaling: LocalScaling, transitions: number) {
    const said: Said[] = [];
    const waiting = new Set<() => void>();
    const child: Child = startChild({
      command: [process.execPath, fixture('scaler.ts')],
      env: process.env,
      onLine: (line) => said.push({ kind: 'line', line }),
      onMessage: (message) => {
        said.push(message as Said);
        served.receive(message);
        for (const look of waiting) look();
      },
      onExit: () => served.stop(),
    });
    children.push(child);
    const served = serveScaler(child, scaling, transitions);
    const told = (what: string, condition: (one: Said) => boolean): Promise<Said> =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(() => reject(new Error(`never: ${what}: ${JSON.stringify(said.slice(-5))}`)), 60_000);
        const look = (): void => {
          const found = said.find(condition);
          if (found === undefined) return;
          clearTimeout(limit);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      });
    const order = (what: string, value: number) => child.send({ kind: 'do', what, value });
    return { child, told, order };
  }

  test('a scaler process writes through its supervisor, and marks and status survive its kill', async () => {
    const { scaling, events } = start({ replicas: 1 });
    await until(scaling, 'one pod', ready(1));
    const one = startScaler(scaling, 1);
    await one.told('it sees the pool', ({ replicas }) => replicas === 1);
    one.order('mark', 1);
    await one.told('it sees its mark', ({ marks }) => (marks as unknown[] | undefined)?.[0] === '1');
    one.order('status', 5);
    await one.told('its status is written', ({ what, answer }) => what === 'status' && answer === 'done');
    one.order('scale', 2);
    await one.told('it sees its write', ({ replicas }) => replicas === 2);
    one.order('stale-scale', 9);
    await one.told(
      'a stale write is a conflict',
      ({ what, answer }) => what === 'stale-scale' && answer === 'conflict',
    );
    assert.equal(scaling.view.targets[0]!.replicas, 2);
    assert.deepEqual(
      events.map(({ message }) => message),
      ['mark', 'status', 'scale', 'stale-scale'],
    );

    one.child.kill();
    await one.child.exited;
    const two = startScaler(scaling, 2);
    const seen = await two.told('the next sees it all', ({ kind }) => kind === 'seen');
    assert.deepEqual([seen['replicas'], seen['transitions'], seen['desired']], [2, 2, 5]);
    assert.equal((seen['marks'] as unknown[])[0], '1');
  });
});
