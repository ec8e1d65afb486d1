/** Pods as a real cluster makes them: of a node that is lost, in CrashLoopBackOff, under a disruption budget. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { KubernetesScaler } from '../../cluster/kubernetes/scaler-cluster.ts';
import type { ScalerPod, WriteResult } from '../../cluster/scalable.ts';
import { adapterNamespace, idleDeployment, poolOf, scalerOf, skip } from './support/adapter.ts';
import { kubectl, until, type Namespace } from './support/kubectl.ts';
import { readyStatus, StandInNode } from './support/stand-in-node.ts';

const patienceMs = 180_000;

describe('pods of a real cluster', { skip }, () => {
  let namespace: Namespace;
  let node: StandInNode;
  let scaler: KubernetesScaler;
  let pods: readonly ScalerPod[] = [];
  const ends: (() => Promise<unknown>)[] = [];

  before(async () => {
    namespace = await adapterNamespace('pods');
    node = await StandInNode.start(namespace, { statusOf: (pod) => readyStatus(pod, '10.1.2.3') });
    ends.unshift(() => node.close());
    scaler = scalerOf(namespace);
    ends.unshift(() => scaler.close());
    scaler.watchAll((view) => (pods = view.pods));
    await until('to lead', patienceMs, () => (scaler.leadership().leading ? true : null));
  });
  after(async () => {
    for (const end of ends) await end();
  });

  function podOf(pool: string, what: string, isSo: (pod: ScalerPod) => boolean): Promise<ScalerPod> {
    return until(what, patienceMs, () => pods.find((pod) => pod.pool === pool && isSo(pod)) ?? null, 50);
  }

  /** Writes to the current version of a pod, since its kubelet may have written meanwhile. */
  function onPod({ uid }: ScalerPod, write: (now: ScalerPod) => Promise<WriteResult>): Promise<WriteResult> {
    return until('an answer to a write', patienceMs, async () => {
      const now = pods.find((pod) => pod.uid === uid);
      if (now === undefined) return null;
      const result = await write(now);
      return result.kind === 'conflict' ? null : result;
    });
  }

  test('a pod in CrashLoopBackOff says why, and evicted it is replaced by a fresh one without the back-off', async () => {
    const command = ['node', '-e', 'process.exit(3)'];
    await namespace.apply(poolOf('crash'));
    await namespace.apply(idleDeployment('crash', { replicas: 1, container: { command } }));
    const crashing = await podOf('crash', 'a pod in CrashLoopBackOff', ({ crashLooping }) => crashLooping);
    assert.equal(crashing.reason, 'CrashLoopBackOff: exit code 3');
    assert.ok(crashing.restarts >= 1 && crashing.phase === 'Running', JSON.stringify(crashing));
    assert.deepEqual(await onPod(crashing, (now) => scaler.evict(now)), { kind: 'done' });
    const fresh = await podOf(
      'crash',
      'a fresh pod',
      ({ uid, phase }) => uid !== crashing.uid && phase !== 'Terminating',
    );
    assert.ok(fresh.restarts < crashing.restarts || fresh.restarts === 0);
    await namespace.kubectl(['delete', 'deployment', 'crash']);
  });

  test('an eviction that a disruption budget forbids is refused, and in its words', async () => {
    await namespace.apply(poolOf('budget'));
    await namespace.apply(idleDeployment('budget', { replicas: 1, podSpec: node.podSpec }));
    await namespace.apply({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'budget' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'budget' } } },
    });
    const pod = await podOf('budget', 'a ready pod', ({ phase }) => phase === 'Ready');
    await until('the budget to be counted', patienceMs, async () => {
      const { status } = await namespace.json<{ status?: { currentHealthy?: number } }>(['get', 'pdb', 'budget']);
      return status?.currentHealthy === 1 ? true : null;
    });
    const result = await onPod(pod, (now) => scaler.evict(now));
    assert.equal(result.kind, 'refused');
    assert.match('detail' in result ? result.detail : '', /create pods\/eviction: 429 .*disruption budget/);
    assert.equal((await podOf('budget', 'the same pod', ({ uid }) => uid === pod.uid)).phase, 'Ready');
  });

  test('a lost node: its pods are unready by its word alone, then told to go, and stay until they are killed', async () => {
    // The API server would give them five minutes.
    const tolerations = [
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 },
    ];
    await namespace.apply(poolOf('lost'));
    await namespace.apply(idleDeployment('lost', { replicas: 1, podSpec: { ...node.podSpec, tolerations } }));
    const pod = await podOf('lost', 'a ready pod', ({ phase }) => phase === 'Ready');
    node.lost = true;
    const unready = await podOf('lost', 'an unready pod', ({ uid, phase }) => uid === pod.uid && phase !== 'Ready');
    assert.equal(unready.phase === 'Terminating' ? 'Running' : unready.phase, 'Running');
    assert.equal(unready.origin, pod.origin);
    await podOf('lost', 'a pod that was told to go', ({ uid, phase }) => uid === pod.uid && phase === 'Terminating');
    const names = JSON.parse(await kubectl(['get', 'node', node.name, '--output', 'json'])) as { spec: object };
    assert.match(JSON.stringify(names.spec), /node\.kubernetes\.io\/unreachable/);
    // No kubelet is left to end the pod.
    assert.deepEqual(await onPod(pod, (now) => scaler.kill(now)), { kind: 'done' });
    await until('it to be gone', patienceMs, () => (pods.every(({ uid }) => uid !== pod.uid) ? true : null));
  });
});
