import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseModelPool } from '../../contract/model-pool.ts';
import type { ClusterView, Pod } from '../../cluster/port.ts';
import { LocalCluster } from '../../cluster/local/local-cluster.ts';
import { isAlive } from '../support/processes.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../../cluster/local/fixtures/${name}`, import.meta.url));
const clusters: LocalCluster[] = [];
after(() => clusters.forEach((cluster) => cluster.kill()));

function start({ mode = '', graceMs = 5000, endpoints = [] as string[], replicas = 1 } = {}) {
  const { pool } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'p' },
    spec: { models: ['m'], endpoints },
  });
  const warnings: string[] = [];
  const lines: string[] = [];
  const cluster = new LocalCluster({
    pools: [pool!],
    defaults: { repository: '/nowhere', logLevel: 'info', graceMs, env: { ...process.env, FIXTURE_MODE: mode } },
    command: [process.execPath, fixture('pod.ts')],
    onLine: (pod, line) => lines.push(`${pod} ${line}`),
    onWarning: (pod, message) => warnings.push(`${pod} ${message}`),
  });
  clusters.push(cluster);
  cluster.setReplicas('p', replicas);
  return { cluster, warnings, lines };
}

/** Resolves to the first view that satisfies `condition`. */
function until(
  cluster: LocalCluster,
  condition: (view: ClusterView) => boolean,
  limitMs = 60_000,
): Promise<ClusterView> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(
      () => reject(new Error(`not within ${limitMs} ms: ${JSON.stringify(cluster.view.pods)}`)),
      limitMs,
    );
    const stop = cluster.watch((view) => {
      if (!condition(view)) return;
      clearTimeout(limit);
      queueMicrotask(() => stop());
      resolve(view);
    });
  });
}
const allReady = ({ pods }: ClusterView) => pods.every(({ phase }) => phase === 'Ready');
const only = (view: ClusterView): Pod => {
  assert.equal(view.pods.length, 1);
  return view.pods[0]!;
};

describe('local cluster', { concurrency: true }, () => {
  test('a pod is Running, Ready, Terminating and gone; its output has its name', async () => {
    const { cluster, lines } = start();
    const phases: string[] = [];
    cluster.watch(({ pods }) => {
      const phase = pods[0]?.phase ?? 'gone';
      if (phases.at(-1) !== phase) phases.push(phase);
    });
    const pod = only(await until(cluster, allReady));
    assert.match(pod.name, /^p-[a-z0-9]{4}$/);
    assert.match(pod.origin ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.ok(pod.readyAtMs !== null && pod.readyAtMs >= pod.createdAtMs);
    assert.equal(pod.reason, null);
    await cluster.close();
    await until(cluster, ({ pods }) => pods.length === 0);
    assert.deepEqual(phases, ['Running', 'Ready', 'Terminating', 'gone']);
    assert.ok(lines[0]?.startsWith(`${pod.name} {`), lines[0]);
  });

  test('a pod killed by SIGKILL restarts without a pause, with the same name and a new uid', async () => {
    const { cluster, warnings } = start();
    const before = only(await until(cluster, allReady));
    const reasons: (string | null)[] = [];
    cluster.watch(({ pods }) => reasons.push(...pods.map(({ reason }) => reason)));
    process.kill(cluster.pidOf(before.name)!, 'SIGKILL');
    const now = only(await until(cluster, ({ pods }) => pods[0]?.restarts === 1 && pods[0].phase === 'Ready'));
    assert.deepEqual(
      reasons.filter((reason) => reason?.includes('next start in')),
      [],
    );
    assert.equal(now.name, before.name);
    assert.notEqual(now.uid, before.uid);
    assert.notEqual(now.origin, null);
    assert.deepEqual(warnings, [`${before.name} Restarting: killed by SIGKILL`]);
    await cluster.close();
  });

  test('a crash-looping pod backs off between starts and has the error as its reason', async () => {
    const { cluster } = start({ mode: 'crash' });
    const pod = only(await until(cluster, ({ pods }) => pods[0]!.restarts === 2));
    assert.equal(pod.phase, 'Pending');
    assert.equal(pod.origin, null);
    assert.equal(pod.reason, 'CrashLoopBackOff: exit code 1 (no such model), next start in 0.5 s');
    await cluster.close();
    assert.deepEqual(cluster.view.pods, []);
  });

  test('a pod that answers not ready is not Ready, with its answer as the reason', async () => {
    const { cluster } = start({ mode: 'never-ready' });
    const pod = only(await until(cluster, ({ pods }) => pods[0]!.reason?.includes('503') ?? false));
    assert.equal(pod.phase, 'Running');
    assert.equal(pod.reason, 'health probe: 503, still loading');
    await cluster.close();
  });

  test('three failed probes make a Ready pod Running without a restart', async () => {
    const { cluster } = start();
    const { origin, uid } = only(await until(cluster, allReady));
    get(`${origin ?? ''}/not-ready`, (response) => response.resume());
    const pod = only(await until(cluster, ({ pods }) => pods[0]!.phase === 'Running'));
    assert.equal(pod.uid, uid);
    assert.equal(pod.restarts, 0);
    await cluster.close();
  });

  test('a pod that ignores SIGTERM is killed after the grace period', async () => {
    const { cluster, warnings } = start({ mode: 'ignore-sigterm', graceMs: 300 });
    const { name } = only(await until(cluster, allReady));
    const pid = cluster.pidOf(name)!;
    const toldAtMs = Date.now();
    await cluster.close();
    assert.ok(Date.now() - toldAtMs >= 299, 'killed before its grace period was over');
    assert.equal(isAlive(pid), false);
    assert.deepEqual(warnings, [`${name} did not terminate within 0.3 s, killed`]);
  });

  test('scale-down removes unready pods, then the youngest; scale-up does not wait for terminating pods', async () => {
    const { cluster } = start({ mode: 'ignore-sigterm', graceMs: 1500 });
    const oldest = only(await until(cluster, allReady)).name;
    cluster.setReplicas('p', 2);
    const second = (await until(cluster, (view) => view.pods.length === 2 && allReady(view))).pods[1]!.name;
    cluster.setReplicas('p', 3);
    cluster.setReplicas('p', 2);
    const terminating = (view: ClusterView) =>
      view.pods.filter(({ phase }) => phase === 'Terminating').map(({ name }) => name);
    assert.equal(terminating(cluster.view).length, 1);
    assert.ok(!terminating(cluster.view).includes(oldest) && !terminating(cluster.view).includes(second));
    cluster.setReplicas('p', 1);
    assert.ok(terminating(cluster.view).includes(second) && !terminating(cluster.view).includes(oldest));
    cluster.setReplicas('p', 2);
    assert.equal(cluster.view.pods.filter(({ phase }) => phase !== 'Terminating').length, 2);
    await until(cluster, (view) => view.pods.length === 2 && allReady(view));
    cluster.kill();
  });

  test('endpoints are Ready pods that are neither started nor terminated', async () => {
    const { cluster } = start({ replicas: 0, endpoints: ['http://127.0.0.1:9000/'] });
    const { origin, phase, name, uid } = only(cluster.view);
    assert.deepEqual(
      { origin, phase, name, uid },
      { origin: 'http://127.0.0.1:9000', phase: 'Ready', name: 'p-127.0.0.1-9000', uid: 'p/http://127.0.0.1:9000' },
    );
    await cluster.close();
  });

  test('an unknown pool and an invalid number of replicas are refused', async () => {
    const { cluster } = start({ replicas: 0 });
    assert.throws(() => cluster.setReplicas('q', 1), /pool q does not exist/);
    assert.throws(() => cluster.setReplicas('p', -1), /at least 0, was: -1/);
    await cluster.close();
    assert.throws(() => cluster.setReplicas('p', 1), /closed/);
  });

  test('no pod outlives a killed supervisor', async () => {
    const supervisor = spawn(process.execPath, [fixture('supervisor.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pids = await new Promise<number[]>((resolve) =>
      createInterface({ input: supervisor.stdout }).once('line', (line) => resolve(JSON.parse(line) as number[])),
    );
    assert.equal(pids.length, 2);
    assert.ok(pids.every(isAlive));
    supervisor.kill('SIGKILL');
    const limitMs = Date.now() + 60_000;
    while (pids.some(isAlive) && Date.now() < limitMs) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(pids.filter(isAlive), []);
  });
});
