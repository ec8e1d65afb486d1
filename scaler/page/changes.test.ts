/** Events of the timeline, from one report to the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodReport, PoolReport } from '../../contract/scaler-api.ts';
import { changesOf } from './changes.ts';
import { modelReport, podReport, poolReport } from './testing/fake-scaler.ts';
import { Timeline } from './timeline.ts';

/** Lines that the pods of a pool make, from one report to the next. */
function told(
  before: readonly PodReport[],
  after: readonly PodReport[],
  toldToGo: ReadonlySet<string> = new Set(),
): string[] {
  return lines(poolReport('p', { pods: [...before] }), poolReport('p', { pods: [...after] }), toldToGo);
}

function lines(before: PoolReport, after: PoolReport, toldToGo: ReadonlySet<string> = new Set()): string[] {
  return changesOf(before, after, toldToGo).map(
    ({ kind, level, subject, text }) => `${kind} ${level}: ${subject} ${text}`,
  );
}

test('ejected, and back in rotation over probation: told once each', () => {
  const [serving, ejected, probing] = [
    podReport('a'),
    podReport('a', { state: 'ejected', reason: 'hung: no answer' }),
    podReport('a', { state: 'probing' }),
  ];
  assert.deepEqual(told([serving], [ejected]), ['ejection bad: a ejected: hung: no answer']);
  assert.deepEqual(told([ejected], [probing]), []);
  assert.deepEqual(told([probing], [ejected]), []);
  assert.deepEqual(told([probing], [serving]), ['return good: a back in rotation']);
  assert.deepEqual(told([serving], [serving]), []);
});

test('a process that starts anew under its name restarted; one that was told to go did not', () => {
  const next = podReport('a', { uid: 'second', state: 'starting' });
  assert.deepEqual(told([podReport('a')], [{ ...next, lastExit: 'signal SIGKILL' }]), [
    'restart warn: a restarted: signal SIGKILL',
  ]);
  assert.deepEqual(told([podReport('a', { state: 'terminating' })], [next]), []);
  assert.deepEqual(told([podReport('a', { restarts: 1 })], [podReport('a', { restarts: 2 })]), [
    'restart warn: a restarted',
  ]);
});

test('drains by the scaler and by others are told apart, and a pod that vanishes is lost', () => {
  assert.deepEqual(told([podReport('a')], [podReport('a', { state: 'draining' })]), ['drain plain: a drains']);
  assert.deepEqual(told([podReport('a')], [podReport('a', { state: 'foreign-drain', reason: 'drained by "x"' })]), [
    'drain bad: a drained by "x"',
  ]);
  assert.deepEqual(told([podReport('a')], []), ['lost warn: a gone without a drain']);
  assert.deepEqual(told([podReport('a', { state: 'draining' })], []), []);
  const next = podReport('a', { uid: 'second', state: 'starting' });
  const toldToGo = new Set([podReport('a').uid]);
  assert.deepEqual(told([podReport('a')], [], toldToGo), [], 'told to go, and gone before the next report');
  assert.deepEqual(told([podReport('a')], [next], toldToGo), []);
});

test('200 pods that lose their node are one event', () => {
  const pods = Array.from({ length: 200 }, (_, index) => podReport(`a-${index}`));
  assert.deepEqual(told(pods, []), ['lost warn: 200 pods gone without a drain (a-0, and 199 more)']);
});

test('versions, batching and alerts: what changed, and nothing of what is said for the first time', () => {
  const pool = (given: Parameters<typeof modelReport>[1], troubles: PoolReport['troubles'] = []) =>
    poolReport('p', { modelReports: [modelReport('m', given)], troubles });
  const hash = 'abcdef0123456789';
  assert.deepEqual(lines(pool({ version: '1' }), pool({ version: '2', hash })), [
    'version plain: m version 1 → 2 (abcdef01)',
  ]);
  assert.deepEqual(lines(pool({ version: null }), pool({ version: '1' })), []);
  assert.deepEqual(lines(pool({}), pool({ unbatchedReason: 'answers change' })), [
    'batching warn: m no longer batched: answers change',
  ]);
  assert.deepEqual(lines(pool({ maxRows: null }), pool({ unbatchedReason: 'maxRows is 1' })), []);
  const trouble = {
    condition: 'Ready',
    level: 'bad',
    reason: 'NoPodServes',
    message: '0 of 2 pods serve',
    sinceMs: 1,
    runbook: 'SluicePoolNotReady',
  } as const;
  assert.deepEqual(lines(pool({}), pool({}, [trouble])), ['alert bad: not ready 0 of 2 pods serve']);
  assert.deepEqual(lines(pool({}, [trouble]), pool({}, [{ ...trouble, message: '0 of 3 pods serve' }])), []);
  assert.deepEqual(lines(pool({}, [trouble]), pool({})), ['alert good: not ready resolved']);
});

test('a first report tells of pods that are out or drain, so that no end comes without its beginning', () => {
  const timeline = new Timeline(5);
  const report = (pods: PodReport[], atMs: number) =>
    timeline.add({ atMs, leading: true, leader: 'x', gateways: [], pools: [poolReport('p', { pods })] }, new Set());
  const [serving, starting] = [podReport('a', { restarts: 4 }), podReport('b', { state: 'starting' })];
  report(
    [
      serving,
      starting,
      podReport('c', { state: 'foreign-drain', reason: 'drained by "x"' }),
      podReport('d', { state: 'ejected', reason: 'hung: no answer' }),
    ],
    1,
  );
  report([serving, starting, podReport('c'), podReport('d')], 2);
  assert.deepEqual(
    timeline.events.map(({ atMs, level, subject, text }) => `${atMs} ${level}: ${subject} ${text}`),
    [
      '1 bad: c drained by "x"',
      '1 bad: d ejected: hung: no answer',
      '2 plain: c serves again, its drain was cancelled',
      '2 good: d back in rotation',
    ],
  );
});

test('the timeline keeps a hundred events of each pool, and forgets pools that are gone', () => {
  const timeline = new Timeline(5);
  const heard: number[] = [];
  timeline.subscribe(({ id }) => heard.push(id));
  const report = (pools: PoolReport[], atMs: number) =>
    timeline.add({ atMs, leading: true, leader: 'x', gateways: [], pools }, new Set());
  const calm = poolReport('calm', { pods: [podReport('c')] });
  report([calm, poolReport('p')], 0);
  report([poolReport('calm', { pods: [podReport('c', { state: 'draining' })] }), poolReport('p')], 1);
  for (let round = 0; round < 150; round += 1) {
    const pods = [podReport('a', { restarts: round })];
    report(
      [poolReport('calm', { pods: [podReport('c', { state: 'draining' })] }), poolReport('p', { pods })],
      2 + round,
    );
  }
  const { events } = timeline;
  assert.equal(events.filter(({ pool }) => pool === 'p').length, 100);
  assert.deepEqual(events[0]?.pool, 'calm', 'one that flaps pushes out no other');
  assert.equal(heard.length, new Set(heard).size);
  report([], 1_000);
  assert.deepEqual(timeline.events, []);
});
