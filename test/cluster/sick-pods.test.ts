/**
 * A pod that hangs, one that answers 500, one that answers garbage, one 20 times slower: out of rotation, drained, replaced, and
 * no request is lost. All sick at once: never fewer in rotation than the panic floor, and nobody is replaced for it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { until } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { PodLog, type LogLine } from './support/logs.ts';
import { podsOf, poolObjects } from './support/pool.ts';
import { gatewaySelector, podStates, poolStatus, readyPods, settled } from './support/state.ts';
import { install, type System } from './support/system.ts';

const runMs = 20;
let system: System;

const faults = ['hang', 'errors', 'garbage', 'slow'] as const;
/**
 * A gateway has evidence once so many envelopes have met the fault, and so many milliseconds later: the limit of one that hangs is
 * 1 s, three answers in a row are errors, and a pace is the mean of five. When that was, the pod itself says: it gets little work
 * while others are free. A gateway has it out of rotation 2 s after that, or before by what else it sees, as a slow envelope that is
 * overdue; the rest is for a busy node, and so is the time for which the pod's own process has waited for a core. The clocks of the
 * pods measure it, since looks by way of kubectl take seconds.
 */
const evidence = {
  hang: { envelopes: 1, afterMs: 1000 },
  errors: { envelopes: 3, afterMs: 0 },
  garbage: { envelopes: 1, afterMs: 0 },
  slow: { envelopes: 5, afterMs: 0 },
} as const;
const outMs = 2000;
const busyMs = 1500;
/** Patience for what only a hang keeps away. */
const patienceMs = 300_000;

before(async () => {
  system = await install('sick');
  const scaling = { minReplicas: 3, maxReplicas: 3 };
  for (const name of [...faults, 'all']) {
    await system.namespace.apply(poolObjects({ name, runMs, sick: true, scaling }));
    // Thirty processes that start at once on two cores miss their startup probes, and start again.
    await settled(system.namespace, name, 3);
  }
});
after(() => system.close());

/** Report of a sick pod: by address when an envelope met the fault, and when its process waited for a core, in ms since it was told. */
interface Told {
  readonly seenMs: Readonly<Record<string, readonly number[]>>;
  readonly waits: readonly { readonly atMs: number; readonly forMs: number }[];
}

/** One gateway's way to an ejection, in ms since the pod was told. */
interface Ejection {
  /** Infinity where it had less evidence than is waited for: it went by something else. */
  readonly evidenceAtMs: number;
  readonly outAtMs: number;
  /** How long the pod waited for a core until then. */
  readonly waitedMs: number;
}

function ejectionBy(
  { address: gatewayAddress, outAtMs }: { readonly address: string; readonly outAtMs: number },
  { seenMs, waits }: Told,
  fault: (typeof faults)[number],
): Ejection {
  const { envelopes, afterMs } = evidence[fault];
  const own = Object.entries(seenMs).find(([address]) => address.replace('::ffff:', '') === gatewayAddress)?.[1] ?? [];
  const waited = waits.filter(({ atMs }) => atMs <= outAtMs).reduce((sum, { forMs }) => sum + forMs, 0);
  return { evidenceAtMs: (own[envelopes - 1] ?? Infinity) + afterMs, outAtMs, waitedMs: Math.round(waited) };
}

/** @returns when the pod became sick, by its own clock */
async function makeSick(pod: string, kind: string): Promise<number> {
  const said = JSON.parse(await system.namespace.get(pod, 9000, `/fault?kind=${kind}`)) as { toldAtUnixMs: number };
  return said.toldAtUnixMs;
}

/** When a gateway took the pod out of rotation, in ms since the pod was told; null if it has not. */
function ejectedAfterMs(log: PodLog, pod: string, toldAtUnixMs: number): number | null {
  const isOne = ({ msg, time = 0 }: LogLine): boolean => msg === `pod ${pod} is ejected` && time >= toldAtUnixMs;
  const time = log.lines.find(isOne)?.time;
  return time === undefined ? null : time - toldAtUnixMs;
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
        const gateways = (await namespace.pods(gatewaySelector)).map(({ metadata, status }) => ({
          address: status.podIP!,
          log: new PodLog(namespace, metadata.name),
        }));
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
        const pod = victim.metadata.name;
        const out = await until('the log of each ejection', patienceMs, () => {
          const known = gateways.flatMap(({ address, log }) => {
            const outAtMs = ejectedAfterMs(log, pod, toldAtUnixMs);
            return outAtMs === null ? [] : [{ address, outAtMs }];
          });
          return known.length >= least ? known : null;
        });
        await Promise.all(gateways.map(({ log }) => log.close()));
        const told = JSON.parse(await namespace.get(pod, 9000, '/fault')) as Told;
        const ejections = out.map((one) => ejectionBy(one, told, fault));
        t.diagnostic(`${fault}: ${inspect(ejections)}`);
        for (const { evidenceAtMs, outAtMs, waitedMs } of ejections) {
          assert.ok(outAtMs < evidenceAtMs + outMs + busyMs + waitedMs, inspect(ejections));
        }
        // Answers at once, or none at all, are evidence by themselves; a slow pod can be out before its fifth answer.
        if (fault !== 'slow')
          assert.ok(
            ejections.some(({ evidenceAtMs }) => evidenceAtMs < Infinity),
            inspect(ejections),
          );
        await until('the pod to be replaced', patienceMs, async () =>
          (await namespace.pods(podsOf(fault))).every(({ metadata }) => metadata.uid !== victim.metadata.uid)
            ? true
            : null,
        );
        const replacedAfterMs = Math.round(performance.now() - sickMs);
        await settled(namespace, fault, 3);
        const report = await load.endWithoutLoss(200);
        t.diagnostic(JSON.stringify({ fault, replacedAfterMs, reasons: states.map((pod) => pod?.reason), ...report }));
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
