/** Gate of a pod's start: for whose wish it waits, what it lets load, and what it lists as banned. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import type { VersionWish, WishedModel } from '../../contract/model-versions.ts';
import { LoadMarkers } from './load-markers.ts';
import { ModelSet } from './model-set.ts';
import { StartGate, wishWaitOf } from './start-gate.ts';

const hashOf = (version: string): string => version.repeat(64);
const id = (version: string) => ({ version, hash: hashOf(version) });
const wishOf = (...models: Partial<WishedModel>[]): VersionWish => ({
  term: 1,
  generation: 1,
  models: models.map((one) => ({ name: 'm', default: id('1'), load: [], banned: [], ...one })),
});
/** Long enough that only a gate which ignores the wish waits for it. */
const longMs = 600_000;

function gateOf(versions: readonly string[], waitMs: number, kept: VersionWish | null = null) {
  const models = new ModelSet();
  const warnings: string[] = [];
  for (const version of versions) {
    models.set('m', version, { kind: 'loading', stage: 'waiting to be loaded' });
    models.setHash('m', version, hashOf(version));
  }
  const markers = new LoadMarkers({ folder: null, podName: 'p', wasKilled: false, log: { info: () => undefined } });
  const log = { warn: (_details: object, message: string) => void warnings.push(message) };
  const wishWaitMs = waitMs === 0 ? null : { withKept: waitMs, withoutKept: waitMs };
  const gate = new StartGate({ models, markers, kept, wishWaitMs, log });
  return { gate, models, warnings, lets: () => versions.filter((version) => gate.lets('m', version)) };
}

test('a version that has no other beside it waits for nobody', async () => {
  const { gate, lets } = gateOf(['1'], longMs);
  await gate.open();
  assert.deepEqual(lets(), ['1']);
});

test('several versions wait for the wish, and an empty one of a scaler that has not heard of them is none', async () => {
  const { gate, lets, models, warnings } = gateOf(['1', '2', '3'], longMs);
  let isOpen = false;
  const opened = gate.open().then(() => (isOpen = true));
  gate.hear(wishOf());
  await sleep(100);
  assert.equal(isOpen, false);
  gate.hear(wishOf({ banned: [{ ...id('3'), reason: 'it ended a process' }] }));
  await opened;
  assert.deepEqual(lets(), ['1'], 'version 2 waits until the pool names it');
  assert.deepEqual(models.stateOf('m', '3'), { kind: 'banned', reason: 'it ended a process' });
  assert.equal(models.stateOf('m', '2')?.kind, 'loading');
  assert.deepEqual(warnings, ['a version is banned, and not loaded']);
});

test('a pod that no scaler leads, or that hears nothing in time, loads all that it has', async () => {
  for (const waitMs of [0, 50]) {
    const { gate, lets } = gateOf(['1', '2'], waitMs);
    await gate.open();
    assert.deepEqual(lets(), ['1', '2']);
  }
});

test('a pod that hears nothing in time goes by the wish that is kept, and a word of the scaler wins over it', async () => {
  const kept = wishOf({ default: id('1'), banned: [{ ...id('3'), reason: 'it ended a process' }] });
  const silent = gateOf(['1', '2', '3'], 50, kept);
  await silent.gate.open();
  assert.deepEqual(silent.lets(), ['1']);
  assert.equal(silent.models.stateOf('m', '3')?.kind, 'banned');
  assert.equal(silent.gate.wish, kept);
  const told = gateOf(['1', '2', '3'], longMs, kept);
  told.gate.hear(wishOf({ default: id('2') }));
  await told.gate.open();
  assert.deepEqual(told.lets(), ['2']);
  const alone = gateOf(['1', '2', '3'], 0, kept);
  await alone.gate.open();
  assert.deepEqual(alone.lets(), ['1', '2', '3'], 'no scaler could correct what is kept');
});

test('the version that the pool answers by is in use, whatever the policy of the pod', async () => {
  const { gate } = gateOf(['1', '2'], 0);
  assert.deepEqual(gate.inUse('m'), []);
  gate.hear(wishOf({ default: id('1') }));
  await gate.open();
  assert.deepEqual([gate.inUse('m'), gate.inUse('other')], [['1'], []]);
});

test('a pod that takes orders waits for the wish, though nobody has told it its UID as on Kubernetes', () => {
  const none = { acceptPeersWithoutSecret: false };
  assert.equal(wishWaitOf(none), null, 'started by hand');
  const settings = [
    { ...none, podUid: 'u' },
    { ...none, secretFile: '/etc/sluice/secret' },
    { ...none, secret: 'sixteen characters' },
    { acceptPeersWithoutSecret: true },
  ];
  for (const led of settings) assert.notEqual(wishWaitOf(led), null, JSON.stringify(led));
});
