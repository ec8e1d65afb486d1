/**
 * A pod that hangs, one that answers 500, one that answers garbage, one 20 times slower: out of rotation, drained, replaced, and
 * no request is lost. All sick at once: never fewer in rotation than the panic floor, and nobody is replaced for it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { PodLog, type LogLine } from './support/logs.ts';
import { podsOf, poolObjects } from './support/pool.ts';
import { gatewaySelector, podStates, poolStatus, readyPods, settled } from './support/state.ts';
import { install, type System } from './support/system.ts';

const runMs = 20;
/** Delay added to each run of a slow pod, which makes it 20 times slower. */
const slowMs = 19 * runMs;
let system: System;

const faults = ['hang', 'errors', 'garbage', 'slow'] as const;
/**
 * Evidence is there after: an envelope that hangs has met its limit (1 s), three requests in a row have failed. A slow pod gets
 * little work while others are free: when each gateway has four slow answers of it, the pod itself says. Out of rotation 2 s
 * after that; the rest is for a busy node. The clocks of the pods measure it, since looks by way of kubectl take seconds.
 */
const evidenceMs = { hang: 1000, errors: 500, garbage: 100 } as const;
const slowSamples = 4;
const outMs = 2000;
const busyMs = 1500;
/** Patience for what only a hang keeps away. */
const patienceMs = 300_000;

before(async () => {
  system = await install('sick');
  const scaling = { minReplicas: 3, maxReplicas: 3 };
  for (const name of [...faults, 'all']) {
    await system.namespace.apply(poolObjects({ name, runMs, sick: true, slowMs, scaling }));
    // Thirty processes that start at once on two cores miss their startup probes, and start again.
    await settled(system.namespace, name, 3);
  }
});
after(() => system.close());

/** When the last of the gateways had evidence: its fourth slow answer, or its last where fewer were enough. */
async function slowEvidenceMs(pod: string): Promise<number> {
  const said = JSON.parse(await system.namespace.get(pod, 9000, '/fault')) as { slowAnswers: Record<string, number[]> };
  return Math.max(...Object.values(said.slowAnswers).map((atMs) => atMs[slowSamples - 1] ?? atMs.at(-1)!));
}

/** @returns when the pod became sick, by its own clock */
async function makeSick(pod: string, kind: string): Promise<number> {
  const said = JSON.parse(await system.namespace.get(pod, 9000, `/fault?kind=${kind}`)) as { toldAtUnixMs: number };
  return said.toldAtUnixMs;
}

/** Times at which gateways took the pod out of rotation, as many as have done so since it became sick. */
function ejections(logs: readonly PodLog[], pod: string, sinceMs: number): number[] {
  const isOne = ({ msg, time = 0 }: LogLine): boolean => msg === `pod ${pod} is ejected` && time >= sinceMs;
  return logs.flatMap(({ lines }) => lines.find(isOne)?.time ?? []);
}

describe('one of three pods', () => {
  for (const fault of faults) {
    test(fault, (t) =>
      system.watched(t, async () => {
        const { namespace } = system;
        // Each gateway judges by its own requests only, so the load is spread over all gateways.
        const load = await Load.start(namespace, { perSecond: 60, model: fault, connections: 'new' });
        await until('work in each pod', patienceMs, async () =>
          Object.keys((await load.report()).byPod).length === 3 ? true : null,
        );
        const victim = (await readyPods(namespace, fault))[0]!;
        const gateways = await namespace.pods(gatewaySelector);
        const logs = gateways.map(({ metadata }) => new PodLog(namespace, metadata.name));
        const sickMs = performance.now();
        const toldAtUnixMs = await makeSick(victim.metadata.name, fault);
        const states = await until(
          'every gateway to have it out of rotation',
          patienceMs,
          async () => {
            const said = (await podStates(namespace, fault)).map((pods) =>
              pods.find(({ uid }) => uid === victim.metadata.uid),
            );
            return said.every((pod) => pod === undefined || pod.leaving || pod.state !== 'serving') ? said : null;
          },
          250,
        );
        // A gateway to which the pod is already leaving need not have ejected it.
        const least = Math.max(1, states.filter((pod) => pod !== undefined && !pod.leaving).length);
        const outAtMs = await until('the log of each ejection', patienceMs, () => {
          const times = ejections(logs, victim.metadata.name, toldAtUnixMs);
          return times.length >= least ? Math.max(...times) : null;
        });
        await Promise.all(logs.map((log) => log.close()));
        const outAfterMs = outAtMs - toldAtUnixMs;
        const evidence = fault === 'slow' ? await slowEvidenceMs(victim.metadata.name) : evidenceMs[fault];
        t.diagnostic(`${fault}: evidence after ${evidence} ms, out after ${outAfterMs} ms`);
        assert.ok(outAfterMs < evidence + outMs + busyMs, `out after ${outAfterMs} ms`);
        await until('the pod to be replaced', patienceMs, async () =>
          (await namespace.pods(podsOf(fault))).every(({ metadata }) => metadata.uid !== victim.metadata.uid)
            ? true
            : null,
        );
        const replacedAfterMs = Math.round(performance.now() - sickMs);
        await settled(namespace, fault, 3);
        const report = await load.endWithoutLoss(200);
        t.diagnostic(
          JSON.stringify({ fault, outAfterMs, replacedAfterMs, reasons: states.map((pod) => pod?.reason), ...report }),
        );
      }),
    );
  }
});

test('all three answer 500: one is out at most, two stay ready, and all is well once they are', (t) =>
  system.watched(t, async () => {
    const { namespace } = system;
    const load = await Load.start(namespace, { perSecond: 20, model: 'all' });
    await until('work in each pod', patienceMs, async () =>
      Object.keys((await load.report()).byPod).length === 3 ? true : null,
    );
    const pods = await readyPods(namespace, 'all');
    await Promise.all(pods.map(({ metadata }) => makeSick(metadata.name, 'errors')));
    // Soft evidence may take at most 0.5 of the pods out of rotation: one of three.
    const least = 2;
    for (const endMs = performance.now() + 20_000; performance.now() < endMs; await sleep(250)) {
      for (const said of await podStates(namespace, 'all')) {
        const inRotation = said.filter(({ leaving, state }) => !leaving && state === 'serving');
        assert.ok(inRotation.length >= least, `in rotation: ${JSON.stringify(said)}`);
      }
      assert.ok((await readyPods(namespace, 'all')).length >= least, 'ready pods');
    }
    const now = await readyPods(namespace, 'all');
    await Promise.all(now.map(({ metadata }) => makeSick(metadata.name, 'none')));
    await settled(namespace, 'all', 3);
    const report = await load.end();
    t.diagnostic(JSON.stringify({ status: (await poolStatus(namespace, 'all'))?.conditions, ...report }));
    // Nothing else went wrong than what the pods themselves answered.
    assert.deepEqual(
      Object.keys(report.failed).filter((reason) => reason !== 'status 500'),
      [],
      report.examples.join('\n'),
    );
    const healthy = await Load.start(namespace, { perSecond: 20, model: 'all' });
    await sleep(5000);
    await healthy.endWithoutLoss(50);
  }));
