/** Restarts and failures of pods, as metrics and events count them: each is told once, and many at once by few events. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from '../testing/world.ts';

const told = ({ cluster }: World, reason: string) =>
  cluster.events.filter((event) => event.reason === reason).map(({ message }) => message);

test('a restart is counted, and told with the exit', async () => {
  const world = new World({ replicas: 2 });
  await world.run(2, 1);
  const pod = [...world.cluster.pods.values()][0]!;
  Object.assign(pod, { restarts: 1, lastExit: 'killed by SIGKILL' });
  await world.run(3, 1);
  assert.deepEqual(told(world, 'PodRestarted'), ['p-1: killed by SIGKILL']);
  assert.equal(await world.metric('sluice_scaler_pod_restarts_total', { pool: 'm' }), 1);
});

test('a pod that is new has not been restarted, however often its process ended before', async () => {
  const world = new World({ replicas: 1 });
  await world.run(2, 1);
  world.cluster.setReplicas(2);
  Object.assign([...world.cluster.pods.values()][1]!, { restarts: 4 });
  await world.run(3, 1);
  assert.deepEqual(told(world, 'PodRestarted'), []);
});

test('a failure is told once for each pod and reason, and not while it starts again by itself', async () => {
  const world = new World({ replicas: 1 });
  await world.run(2, 1);
  const pod = [...world.cluster.pods.values()][0]!;
  const failure = (reason: string) => ({ reason, message: 'exit code 1', sinceMs: 1 });
  Object.assign(pod, { phase: 'Pending', failure: failure('Restarting') });
  await world.run(2, 1);
  Object.assign(pod, { failure: failure('CrashLoopBackOff') });
  await world.run(5, 1);
  assert.deepEqual(told(world, 'Restarting'), []);
  assert.deepEqual(told(world, 'CrashLoopBackOff'), ['p-1: exit code 1']);
  assert.equal(await world.metric('sluice_scaler_failing_replicas', { pool: 'm' }), 1);
});

test('a node that takes twenty pods is four events', async () => {
  const world = new World({ spec: { scaling: { minReplicas: 20 } }, replicas: 20 });
  await world.run(2, 1);
  for (const pod of world.cluster.pods.values()) Object.assign(pod, { restarts: 1 });
  await world.run(2, 1);
  assert.equal(told(world, 'PodRestarted').length, 4);
  assert.equal(told(world, 'PodRestarted').at(-1), 'and 17 more pods');
});
