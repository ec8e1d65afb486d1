/**
 * `kill -9` of a model server every 5 s for 2 minutes, of 4 pods, under deadlines of 30 s: the kubelet lets each of them wait
 * longer and longer before it starts again, so that a pod that crash-loops has to be replaced by a fresh one.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { killProcess } from './support/kill.ts';
import { Load } from './support/load.ts';
import { poolObjects } from './support/pool.ts';
import { eventsOf, readyPods, settled } from './support/state.ts';
import { install, type System } from './support/system.ts';

const everyMs = 5000;
const forMs = 120_000;
let system: System;

before(async () => {
  system = await install('kills');
  const scaling = { minReplicas: 4, maxReplicas: 4 };
  await system.namespace.apply(poolObjects({ name: 'simple', shareProcesses: true, scaling }));
  await settled(system.namespace, 'simple', 4);
});
after(() => system.close());

test('a model server is killed every 5 s for 2 minutes, and each request is answered right', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    const load = await Load.start(namespace, { perSecond: 20 });
    const startedMs = performance.now();
    let kills = 0;
    for (let turn = 0; turn * everyMs < forMs; turn += 1) {
      await sleep(Math.max(0, startedMs + turn * everyMs - performance.now()));
      const pods = await readyPods(namespace, 'simple');
      const pod = pods[turn % Math.max(1, pods.length)];
      if (pod === undefined) continue;
      // The pod may be gone already: drained, or killed the turn before and not yet known to be unready.
      await killProcess(namespace, pod.metadata.name, 'model-server', 'model-server').then(
        () => (kills += 1),
        () => undefined,
      );
    }
    const report = await load.endWithoutLoss(1500);
    const replaced = (await eventsOf(namespace, 'simple')).filter((event) => event.startsWith('PodReplaced'));
    t.diagnostic(`${kills} kills, ${replaced.length} events of replaced pods; ${JSON.stringify(report)}`);
    assert.ok(kills >= 12, `only ${kills} kills`);
    assert.ok(replaced.length > 0, 'no pod was replaced');
    await settled(namespace, 'simple', 4);
  }));
