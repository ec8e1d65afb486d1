/**
 * Versions of a model over rollouts: with images that have both, no answer by the old one comes after the gateways have gone over to
 * the new one; with images that drop the old one both answer, and the pool says so until the rollout ends. No request is lost.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { PodLog, type LogLine } from './support/logs.ts';
import { poolObjects, type PoolOptions } from './support/pool.ts';
import { gatewaySelector, poolStatus, ReasonWatch, settled } from './support/state.ts';
import { install, type System } from './support/system.ts';

/** Longest time between the switches of two gateways. */
const apartMs = 2_000;
/** A load of a version at each pod in turn, and a scaler's looks, on a busy machine. */
const settleMs = 120_000;
const optionsOf = (name: string): PoolOptions => ({ name, scaling: { minReplicas: 2, maxReplicas: 2 } });

let system: System;
before(async () => {
  system = await install('versions');
});
after(() => system.close());

/** Starts a pool whose image has version 1 only, and a load on it. */
async function start(name: string): Promise<Load> {
  const { namespace } = system;
  await namespace.apply(poolObjects(optionsOf(name)));
  await settled(namespace, name, 2);
  await hasDefault(name, '1');
  return Load.start(namespace, { perSecond: 20, model: name, spread: true });
}

/** Rolls out an image with these versions. */
async function rollOut(name: string, versions: readonly string[]): Promise<void> {
  await system.namespace.apply(poolObjects({ ...optionsOf(name), versions, annotation: 'second' }));
  await system.namespace.rollout(name);
}

const modelOf = async (name: string) => (await poolStatus(system.namespace, name))?.models?.[0];
const hasDefault = (name: string, version: string) =>
  until(`${name} to answer by version ${version}`, settleMs, async () =>
    (await modelOf(name))?.version === version ? true : null,
  );
const skewOf = async (name: string) =>
  (await poolStatus(system.namespace, name))?.conditions.find(({ type }) => type === 'VersionSkew');

/** Lines in which a gateway tells that it has gone over to another version of the model. */
const switchesOf = ({ lines }: PodLog, model: string): LogLine[] =>
  lines.filter(({ msg = '' }) => msg.startsWith(`requests for ${model} that name no version get`));

describe('in one namespace', { concurrency: true }, () => {
  test('images with both versions: each gateway goes over once, and nothing is lost', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      const gateways = (await namespace.pods(gatewaySelector)).map(({ metadata }) => metadata.name);
      const logs = gateways.map((gateway) => new PodLog(namespace, gateway));
      const load = await start('both');
      const said = new ReasonWatch(namespace, 'both');
      await rollOut('both', ['1', '2']);
      await hasDefault('both', '2');
      await settled(namespace, 'both', 2);
      await until('each gateway to go over', settleMs, () =>
        logs.every((log) => switchesOf(log, 'both').length >= 2) ? true : null,
      );
      const before = await load.report();
      await until('answers by the new version', settleMs, async () =>
        (await load.report()).sent >= before.sent + 100 ? true : null,
      );
      const report = await load.endWithoutLoss(200);
      said.close();
      for (const log of logs) await log.close();
      const times = logs.map((log) => switchesOf(log, 'both').map(({ time }) => time!));
      const apart = Math.abs(times[0]!.at(-1)! - times[1]!.at(-1)!);
      const { '1': old, '2': fresh, ...others } = report.byVersion;
      const overlap = Math.round(old!.lastAskedMs - fresh!.firstAnsweredMs);
      t.diagnostic(`switches ${apart} ms apart, answers overlap ${overlap} ms; ${JSON.stringify(report)}`);
      assert.deepEqual(others, {});
      assert.deepEqual(
        times.map(({ length }) => length),
        [2, 2],
        'a gateway learns of version 1, and goes over once',
      );
      assert.ok(apart <= apartMs, `${apart} ms`);
      assert.ok(overlap <= apartMs, `an answer by the old version ${overlap} ms after the first by the new one`);
      assert.ok(!said.reasons.has('PodsDiffer'), 'no skew where images overlap');
    }));

  test('images that drop the old version: both answer, the skew is shown until the rollout ends, nothing is lost', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      const load = await start('drop');
      const said = new ReasonWatch(namespace, 'drop');
      await rollOut('drop', ['2']);
      await settled(namespace, 'drop', 2);
      await hasDefault('drop', '2');
      const { reason } = await until('the skew to end', settleMs, async () => {
        const skew = await skewOf('drop');
        return skew?.status === 'False' ? skew : null;
      });
      const report = await load.endWithoutLoss(200);
      said.close();
      t.diagnostic(JSON.stringify(report));
      assert.equal(reason, 'VersionsAgree');
      assert.ok(said.reasons.has('PodsDiffer'), `shown: ${[...said.reasons].join(' ')}`);
      assert.deepEqual(Object.keys(report.byVersion).sort(), ['1', '2']);
      assert.equal((await modelOf('drop'))?.generation, 2);
    }));
});
