/** A leader's knowledge outlives it: decisions of the last hour, and since when pods are idle. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { maxHandoverLength } from '../contract/pool-status.ts';
import type { DecisionRecord } from '../contract/scaler-api.ts';
import { decodeHandover, encodeHandover } from './report/handover.ts';
import { World } from './testing/world.ts';

const spec = { scaling: { minReplicas: 1, maxReplicas: 20 } };

/** Eight pods that were all needed, then hardly one for so many seconds. */
async function idleFor(seconds: number): Promise<World> {
  const world = new World({ spec: { scaling: { minReplicas: 1, maxReplicas: 8 } }, replicas: 8 });
  await world.run(150, 100);
  await world.run(seconds, 5);
  assert.equal(world.cluster.replicas, 8);
  return world;
}

test('a new leader explains what the one before decided, arithmetic included, and goes on from there', async () => {
  const world = new World({ spec, replicas: 2 });
  await world.run(20, 10);
  await world.run(60, 100);
  const before = world.decisions.filter(({ kind }) => kind === 'scale');
  assert.ok(before.length > 0);
  world.replaceScaler('b');
  await world.run(3, 100);
  const after = world.decisions.filter(({ kind }) => kind === 'scale');
  const withoutInputs = (records: readonly DecisionRecord[]) => records.map((record) => ({ ...record, inputs: {} }));
  assert.deepEqual(withoutInputs(after.slice(0, before.length)), withoutInputs(before));
  assert.equal(after[0]!.inputs['ready'], before[0]!.inputs['ready']);
  assert.ok(after[0]!.arithmetic.length > 0);
  const times = world.decisions.map(({ atMs }) => atMs);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
});

test('a standby that has followed for long explains the decisions of the leader that it replaces', async () => {
  const world = new World({ spec, replicas: 2 });
  world.cluster.holder = 'another';
  await world.run(20, 10);
  const decision = { ...recordAt(world.clock.wallMs()), kind: 'scale', to: 3, reason: 'demand' } as const;
  world.cluster.status = {
    replicas: 2,
    readyReplicas: 2,
    desiredReplicas: 2,
    drainingReplicas: 0,
    queued: 0,
    predictedWaitMs: null,
    conditions: [],
    lastDecision: null,
    handover: encodeHandover([decision], null, world.clock.wallMs()),
  };
  world.cluster.holder = 'a';
  await world.run(2, 10);
  assert.deepEqual({ ...world.decisions[0], inputs: {} }, { ...decision, inputs: {} });
});

test('idle clocks go on: pods go 100 s after they were last needed, whoever leads by then', async () => {
  const world = await idleFor(120);
  const { idle } = world.pool;
  assert.ok(typeof idle?.untilMs === 'number');
  world.replaceScaler('b');
  await world.run(10, 5);
  assert.deepEqual(world.pool.idle, idle);
  await world.until('it shrinks', () => world.cluster.replicas < 8, 5);
  assert.ok(Math.abs(world.clock.wallMs() - idle.untilMs) <= 5_000, `${world.clock.wallMs() - idle.untilMs} ms late`);
  assert.equal(world.lost, 0);
});

test('what was needed when the leader went counts as needed until the next one has looked', async () => {
  const world = new World({ spec: { scaling: { minReplicas: 1, maxReplicas: 8 } }, replicas: 8 });
  await world.run(150, 74);
  assert.equal(world.pool.idle, null);
  world.replaceScaler('b');
  const startedS = world.second;
  await world.until('it shrinks', () => world.cluster.replicas < 8, 5, 400);
  assert.ok(world.second - startedS >= 100, `after ${world.second - startedS} s`);
});

test('clocks that are older than five minutes are not gone on from', async () => {
  const world = await idleFor(120);
  world.second += 400;
  world.replaceScaler('b');
  const startedS = world.second;
  await world.until('it shrinks', () => world.cluster.replicas < 8, 5, 400);
  assert.ok(world.second - startedS >= 100, `after ${world.second - startedS} s`);
});

test('the writes of a leader do not restart the idle clocks of those that stand by', async () => {
  const world = new World({ spec: { scaling: { minReplicas: 1, maxReplicas: 8 } }, replicas: 8 });
  world.cluster.holder = 'another';
  await world.run(150, 100);
  await world.run(100, 5);
  const { idle } = world.pool;
  assert.ok(idle !== null && idle !== undefined);
  world.cluster.setReplicas(7);
  await world.run(60, 5);
  world.cluster.holder = 'a';
  await world.run(5, 5);
  // The seventh pod may have been needed a little longer than the eighth.
  const laterMs = (world.pool.idle?.sinceMs ?? Infinity) - idle.sinceMs;
  assert.ok(laterMs <= 30_000, `the clocks restarted: ${laterMs} ms later`);
});

test('a handover that nobody can read is a warning, and the leader starts without', async () => {
  for (const text of ['', 'AAAA', encodeHandover([], null, 0).slice(1), Buffer.from('{}').toString('base64')]) {
    const world = new World({ spec, replicas: 2 });
    await world.run(3, 10);
    world.cluster.status = { ...world.cluster.status!, handover: text };
    world.replaceScaler('b');
    await world.run(3, 10);
    assert.equal(world.warnings.filter((line) => line.includes('status.handover')).length, 1, world.warnings.join());
    assert.notEqual(decodeHandover(world.cluster.status.handover!), null);
  }
});

test('after a rollback the parts of a later version that can be read are gone on from', () => {
  const record: DecisionRecord = {
    pool: 'm',
    atMs: 1_000,
    untilMs: 1_000,
    times: 1,
    kind: 'scale',
    from: 1,
    to: 2,
    reason: 'need',
    inputs: {},
    arithmetic: [],
    outcome: 'written',
  };
  const idle = { atMs: 1_000, neededAgoMs: [0, 500], requestAgoMs: null, writeAgoMs: 20 };
  const later = (parts: object): string =>
    deflateRawSync(JSON.stringify({ format: 1, idle, decisions: [record], more: 1, ...parts })).toString('base64');
  assert.deepEqual(decodeHandover(later({})), { format: 1, idle, decisions: [record] });
  const unknown = { ...record, kind: 'migrate' };
  assert.deepEqual(decodeHandover(later({ decisions: [unknown, record] }))?.decisions, [record]);
  assert.deepEqual(decodeHandover(later({ decisions: [unknown, record] }))?.idle, idle);
  assert.deepEqual(decodeHandover(later({ idle: { atMs: 'noon' } })), { format: 1, idle: null, decisions: [record] });
  assert.equal(decodeHandover(later({ format: 2 })), null);
});

test('a busy hour fits: holds lose their inputs before anything is forgotten, and older decisions go', () => {
  const nowMs = Date.UTC(2026, 0, 2);
  const hour = Array.from({ length: 190 }, (_, at): DecisionRecord => {
    const record = recordAt(nowMs - 18_000 * (190 - at), at);
    return at % 4 === 0 ? { ...record, kind: 'scale', to: at % 9 } : record;
  });
  const day = Array.from({ length: 10 }, (_, at) => recordAt(nowMs - 86_400_000 + at, at));
  const text = encodeHandover([...day, ...hour], null, nowMs);
  assert.ok(text.length <= maxHandoverLength, `${text.length} characters`);
  const { decisions } = decodeHandover(text)!;
  assert.ok(decisions.length >= 100, `${decisions.length} decisions`);
  assert.deepEqual(decisions.at(-2)?.arithmetic, hour.at(-2)?.kind === 'scale' ? hour.at(-2)?.arithmetic : []);
  assert.ok(decisions.filter(({ kind }) => kind === 'scale').every(({ arithmetic }) => arithmetic.length === 2));
  assert.ok(decisions.every(({ untilMs }) => nowMs - untilMs <= 3_600_000));
});

function recordAt(atMs: number, at = 1): DecisionRecord {
  const numbers = Array.from({ length: 20 }, (_, index) => [`input${index}`, ((at + 1) * 7919 * (index + 3)) / 1009]);
  return {
    pool: 'm',
    atMs,
    untilMs: atMs,
    times: 1,
    kind: 'hold',
    from: 2,
    to: 2,
    reason: at % 3 === 0 ? 'steady' : 'small-step',
    inputs: Object.fromEntries(numbers) as DecisionRecord['inputs'],
    arithmetic: [`rate: ${(at * 7919) / 1009} requests/s now`, `pods: ${at} of 8`],
    outcome: '',
  };
}
