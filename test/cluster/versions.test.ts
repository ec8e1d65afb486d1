/**
 * Versions of a model over rollouts: with images that have both, no answer by the old one comes after the gateways have gone over to
 * the new one; with images that drop the old one both answer, and the pool says so until the rollout ends. A version that is no good
 * stays out and is named, one that is removed is not missed, and a pool at zero answers by the version that it had. No request is lost.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from './support/kubectl.ts';
import { Load } from './support/load.ts';
import { PodLog, type LogLine } from './support/logs.ts';
import { poolObjects, type PoolOptions } from './support/pool.ts';
import { gatewaySelector, poolStatus, ReasonWatch, RestartWatch, settled } from './support/state.ts';
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
  return Load.start(namespace, { perSecond: 20, model: name, connections: 'new' });
}

/** Rolls out an image with these versions. */
async function rollOut(
  name: string,
  image: Pick<PoolOptions, 'versions' | 'bad'>,
  annotation = 'second',
): Promise<void> {
  await system.namespace.apply(poolObjects({ ...optionsOf(name), ...image, annotation }));
  await system.namespace.rollout(name);
}

const modelOf = async (name: string) => (await poolStatus(system.namespace, name))?.models?.[0];
const hasDefault = (name: string, version: string) =>
  until(`${name} to answer by version ${version}`, settleMs, async () =>
    (await modelOf(name))?.version === version ? true : null,
  );
const skewOf = async (name: string) =>
  (await poolStatus(system.namespace, name))?.conditions.find(({ type }) => type === 'VersionSkew');

/** Waits until the pool says why it leaves a version out, in its status and in its condition. */
const isOut = (name: string, version: string, why: RegExp): Promise<string> =>
  until(`version ${version} of ${name} to stay out: ${why}`, settleMs, async () => {
    const known = (await modelOf(name))?.unsettled?.find((one) => one.version === version);
    const told = `${known?.state ?? 'unknown'}: ${known?.reason ?? ''}`;
    const skew = await skewOf(name);
    const isTold = skew?.reason === 'VersionOut' && skew.message.includes(`${name} ${version} is ${known?.state}`);
    if (isTold && why.test(told)) return told;
    throw new Error(`${told}; ${JSON.stringify(skew)}`);
  });
/** Lines in which a gateway tells that it has gone over to another version of the model. */
const switchesOf = ({ lines }: PodLog, model: string): LogLine[] =>
  lines.filter(({ msg = '' }) => msg.startsWith(`requests for ${model} that name no version get`));

// Two at a time: a rollout starts a third pod beside two, and each start takes a core for seconds.
describe('in one namespace', { concurrency: 2 }, () => {
  test('images with both versions, and then the old one alone: each gateway goes over once each time, and nothing is lost', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      const gateways = (await namespace.pods(gatewaySelector)).map(({ metadata }) => metadata.name);
      const logs = gateways.map((gateway) => new PodLog(namespace, gateway));
      const load = await start('both');
      const said = new ReasonWatch(namespace, 'both');
      await rollOut('both', { versions: ['1', '2'] });
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

      const asked = await Load.start(namespace, { perSecond: 20, model: 'both', connections: 'new' });
      await rollOut('both', { versions: ['1'] }, 'third');
      await hasDefault('both', '1');
      await settled(namespace, 'both', 2);
      const removed = await asked.endWithoutLoss(200);
      t.diagnostic(`version 2 is removed: ${JSON.stringify(removed)}`);
      assert.deepEqual(Object.keys(removed.byVersion).sort(), ['1', '2']);
      assert.equal((await modelOf('both'))?.generation, 3);
      for (const log of logs) await log.close();
      assert.deepEqual(
        logs.map((log) => switchesOf(log, 'both').length),
        [3, 3],
      );
    }));

  test('images that drop the old version: both answer, the skew is shown until the rollout ends, nothing is lost', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      const load = await start('drop');
      const said = new ReasonWatch(namespace, 'drop');
      await rollOut('drop', { versions: ['2'] });
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

  test('images with versions that are no good: each stays out and is named, and the old one serves on', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      const load = await start('bad');
      const restarts = new RestartWatch(namespace, 'bad');
      await rollOut('bad', { versions: ['1'], bad: { 2: 'corrupt', 3: 'traps', 4: 'large' } });
      const told = [
        await isOut('bad', '2', /^failed: .*protobuf/i),
        await isOut('bad', '3', /^banned: /),
        await isOut('bad', '4', /^failed: too large: its files have 270 MiB .* of the limit of 512 MiB only/),
      ];
      await settled(namespace, 'bad', 2);
      const report = await load.endWithoutLoss(200);
      restarts.close();
      const ended = restarts.count;
      t.diagnostic(`${told.join('; ')}; ${ended} restarts; ${JSON.stringify(report)}`);
      assert.deepEqual(Object.keys(report.byVersion), ['1']);
      assert.equal((await modelOf('bad'))?.generation, 1, 'the default was switched');
      assert.equal(ended, 1, 'processes that ended by a version');
    }));

  test('a pool at zero answers by the version that it had, then by the newest that can be loaded', (t) =>
    system.watched(t, async () => {
      const { namespace } = system;
      const zero = {
        name: 'zero',
        scaling: { minReplicas: 0, maxReplicas: 1, idleSeconds: 5 },
        // Longer than any start on a busy machine: what is lost shows as another status.
        spec: { requests: { timeoutMs: settleMs, coldStartHoldMs: settleMs } },
      };
      const ask = () => Load.start(namespace, { perSecond: 5, model: 'zero', timeoutMs: settleMs, connections: 'new' });
      await namespace.apply(poolObjects(zero));
      const first = await ask();
      await hasDefault('zero', '1');
      await first.endWithoutLoss(1);
      await settled(namespace, 'zero', 0);
      await namespace.apply(poolObjects({ ...zero, versions: ['1', '2'], bad: { 3: 'traps' }, annotation: 'second' }));
      assert.equal((await modelOf('zero'))?.version, '1', 'kept without pods');
      const restarts = new RestartWatch(namespace, 'zero');
      const load = await ask();
      await hasDefault('zero', '2');
      const told = await isOut('zero', '3', /^banned: /);
      const before = await load.report();
      await until('answers by the new version', settleMs, async () =>
        (await load.report()).sent >= before.sent + 20 ? true : null,
      );
      const report = await load.endWithoutLoss(20);
      restarts.close();
      const ended = restarts.count;
      t.diagnostic(`${told}; ${ended} restarts; ${JSON.stringify(report)}`);
      const { '1': old, '2': fresh, ...others } = report.byVersion;
      assert.deepEqual(others, {});
      assert.ok(old!.firstAnsweredMs < fresh!.firstAnsweredMs, 'from zero by the version that was stored');
      assert.equal(ended, 1, 'processes that the version has ended');
    }));
});
