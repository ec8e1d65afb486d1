import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { SummaryHead } from '../../contract/envelope.ts';
import type { Pod } from '../../cluster/port.ts';
import type { HealthEvent } from '../policy/health.ts';
import { FakePod, servedModel } from '../testing/fake-pod.ts';
import { VirtualTime } from '../testing/virtual-time.ts';
import { DefaultVersions } from './default-versions.ts';
import { Endpoint, type OutstandingBatch } from './endpoint.ts';
import type { ProbeResult } from './probe.ts';

const listed: Pick<Pod, 'phase' | 'draining' | 'drainLease'> = { phase: 'Ready' };
const config = { ejectAfterFailures: 3, maxEjectedRatio: 1 };
const pool = { members: 2, softEjected: 0, irreplaceable: false };

function endpointOf(t: TestContext, models: readonly string[] | null = ['m'], defaults?: DefaultVersions) {
  const time = new VirtualTime(t);
  const pod = new FakePod('a', models);
  const endpoint = new Endpoint({ uid: 'a', name: 'pod-a' }, pod, defaults);
  const results: ProbeResult[] = [];
  const record = (event: HealthEvent, detail: string | null = null) =>
    endpoint.recordEvidence(event, detail, { config, pool, nowMs: time.nowMs });
  return {
    time,
    pod,
    endpoint,
    record,
    results,
    probe: () => {
      endpoint.probe(time.clock, (result) => results.push(result));
      time.turn();
      return results.at(-1)?.kind;
    },
    slots: () => endpoint.freeSlots(false, time.nowMs),
  };
}

/** A serving endpoint. */
function serving(t: TestContext, models: readonly string[] | null = ['m']) {
  const virtual = endpointOf(t, models);
  virtual.probe();
  virtual.record({ kind: 'probe-ok' });
  return virtual;
}

function batchOf(given: Partial<OutstandingBatch> = {}): OutstandingBatch {
  return {
    work: 1,
    requests: [1],
    startedAtMs: 1_000,
    startedLoopMs: 1_000,
    predictedMs: 10,
    abort: () => undefined,
    ...given,
  };
}

const summary: SummaryHead = { runs: [], queuedRows: 5, inFlight: 0, draining: false };

const at = (ms: number) => ({ loopMs: ms, nowMs: ms, lagMs: 0 });

test('a new endpoint accepts nothing until it has been found ready', (t) => {
  const { endpoint, slots, probe, record } = endpointOf(t);
  assert.deepEqual([endpoint.accepting, endpoint.leaving, endpoint.wasProbed, slots()], [false, false, false, 0]);
  assert.equal(probe(), 'ready');
  record({ kind: 'probe-ok' });
  assert.deepEqual([endpoint.accepting, endpoint.leaving, endpoint.wasProbed, slots()], [true, false, true, 2]);
});

const ways: readonly (readonly [string, (endpoint: Endpoint) => void, (endpoint: Endpoint) => void])[] = [
  [
    'an annotation',
    (endpoint) => endpoint.onListed({ ...listed, draining: 'scaler' }, 0),
    (endpoint) => endpoint.onListed({ ...listed, draining: null }, 0),
  ],
  ['its deletion', (endpoint) => endpoint.onDeleted(), (endpoint) => endpoint.onListed(listed, 0)],
];

for (const [what, leave, stay] of ways) {
  test(`${what} takes an endpoint out; it can be taken back`, (t) => {
    const { endpoint, slots } = serving(t);
    leave(endpoint);
    assert.deepEqual([endpoint.leaving, endpoint.accepting, slots()], [true, false, 0]);
    stay(endpoint);
    assert.deepEqual([endpoint.leaving, endpoint.accepting, slots()], [false, true, 2]);
  });
}

test('a mark that nobody renews lapses after 15 s, and takes the endpoint out again once it is renewed', (t) => {
  const { endpoint } = serving(t);
  const mark = (drainLease: string | null, nowMs: number) =>
    endpoint.onListed({ ...listed, draining: '4', drainLease }, nowMs);
  mark('until 1', 0);
  mark('until 1', 14_000);
  assert.equal(endpoint.lapseMark(14_999), false);
  mark('until 2', 14_999);
  assert.equal(endpoint.lapseMark(29_998), false);
  assert.equal(endpoint.leaving, true);
  assert.deepEqual([endpoint.lapseMark(29_999), endpoint.lapseMark(29_999)], [true, false], 'told once');
  assert.equal(endpoint.leaving, false);
  mark('until 2', 40_000);
  assert.equal(endpoint.leaving, false, 'the same mark, seen again, has lapsed');
  mark('until 3', 41_000);
  assert.equal(endpoint.leaving, true);
  endpoint.onListed(listed, 42_000);
  assert.deepEqual([endpoint.leaving, endpoint.lapseMark(1e9)], [false, false]);
});

test('a pod that is told to end never comes back', (t) => {
  const { endpoint } = serving(t);
  endpoint.onListed({ phase: 'Terminating' }, 0);
  endpoint.onListed(listed, 0);
  assert.deepEqual([endpoint.leaving, endpoint.deleted], [true, false]);
  assert.equal(endpoint.isProbeDue(1e9), false);
});

test('a drain that the pod reports ends when it reports ready again', (t) => {
  const { endpoint, pod, probe, record } = serving(t);
  pod.state = 'draining';
  assert.equal(probe(), 'draining');
  assert.equal(endpoint.leaving, true);
  pod.state = 'ready';
  probe();
  record({ kind: 'probe-ok' });
  assert.deepEqual([endpoint.leaving, endpoint.accepting], [false, true]);
});

test('probes are due while an endpoint joins, drains by its own report or is ejected, and never while it serves', (t) => {
  const { endpoint, pod, probe, record, time } = endpointOf(t);
  assert.equal(endpoint.isProbeDue(time.nowMs), true);
  pod.state = 'loading';
  assert.equal(probe(), 'loading');
  assert.deepEqual([endpoint.isProbeDue(time.nowMs + 49), endpoint.isProbeDue(time.nowMs + 50)], [false, true]);
  pod.state = 'ready';
  probe();
  record({ kind: 'probe-ok' });
  assert.equal(endpoint.isProbeDue(time.nowMs + 1e6), false);
  record({ kind: 'evidence', evidence: 'reset' });
  assert.deepEqual([endpoint.isProbeDue(time.nowMs + 99), endpoint.isProbeDue(time.nowMs + 100)], [false, true]);
  endpoint.onDeleted();
  assert.equal(endpoint.isProbeDue(time.nowMs + 1e6), false);
  endpoint.onListed(listed, 0);
  record({ kind: 'probe-ok' });
  pod.state = 'draining';
  probe();
  assert.deepEqual([endpoint.isProbeDue(time.nowMs + 249), endpoint.isProbeDue(time.nowMs + 250)], [false, true]);
});

test('a probe that is under way is enough, and a deleted pod is not probed', (t) => {
  const { endpoint, pod, probe, time, results } = endpointOf(t);
  pod.state = 'dead';
  probe();
  probe();
  assert.deepEqual([pod.probes, endpoint.probing, results.length], [1, true, 0]);
  time.pass(1_100);
  assert.deepEqual(results, [{ kind: 'failed', detail: '/v2/pod: hung: no answer in 1000 ms' }]);
  assert.equal(endpoint.probing, false);
  endpoint.onDeleted();
  probe();
  assert.equal(pod.probes, 1);
});

test('a probe’s timeout counts the time that this process ran', (t) => {
  const { endpoint, pod, time, results } = endpointOf(t);
  pod.state = 'dead';
  endpoint.probe(time.clock, (result) => results.push(result));
  time.pass(500);
  time.stalled = true;
  time.pass(5_000);
  assert.deepEqual(results, []);
  time.stalled = false;
  time.pass(600);
  assert.equal(results.length, 1);
});

test('a foreign server is asked for its readiness, and takes plain requests for any model', (t) => {
  const { endpoint, pod, probe, results } = endpointOf(t, null);
  pod.state = 'loading';
  assert.equal(probe(), 'loading');
  assert.equal(endpoint.takesEnvelopes, true);
  pod.state = 'ready';
  probe();
  assert.deepEqual(results.at(-1), { kind: 'ready', status: null });
  assert.deepEqual([endpoint.takesEnvelopes, endpoint.hasModel('any', undefined)], [false, true]);
});

test('a status tells which models are ready and how much waits at the pod', (t) => {
  const { endpoint, pod, probe } = endpointOf(t, ['m', 'n', 'o']);
  pod.queuedRows = 12;
  pod.changeModel = (model) => ({ ...model, ready: model.name !== 'n' });
  assert.equal(endpoint.hasModel('n', undefined), true);
  probe();
  assert.deepEqual(
    ['m', 'n', 'o', 'p'].map((model) => endpoint.hasModel(model, undefined)),
    [true, false, true, false],
  );
  assert.equal(endpoint.queuedRows, 12);
});

test('an endpoint answers for a model as the pool does: by the pool’s default, and by its own where that is loose', (t) => {
  const defaults = new DefaultVersions();
  const loose = ['loose', 'loose and unready'];
  const decided = ['has it', 'lacks it', 'unloaded', 'unlisted', ...loose].map((name) => ({
    name,
    version: '2',
    generation: 1,
    unloaded: name === 'unloaded',
  }));
  defaults.follow(decided, 0);
  defaults.settle((model) => ({ having: loose.includes(model) ? 0 : 1, listing: 1 }), 0);
  const { endpoint, pod, probe } = endpointOf(t, [], defaults);
  pod.alsoReports = {
    models: [
      servedModel('has it'),
      servedModel('has it', { version: '2', isDefault: false }),
      servedModel('lacks it'),
      servedModel('unloaded', { version: '2' }),
      servedModel('loose'),
      servedModel('loose and unready', { ready: false, reason: 'no memory' }),
      servedModel('undecided'),
    ],
  };
  const names = [...decided.map(({ name }) => name), 'undecided'];
  const answers = () =>
    Object.fromEntries(
      names.map((name) => [
        name,
        {
          unnamed: endpoint.hasModel(name, undefined),
          first: endpoint.hasModel(name, '1'),
          byDefault: endpoint.defaultOf(name)?.version ?? null,
          second: endpoint.hasVersion(name, { version: '2' }),
          reason: endpoint.unservedReason(name),
        },
      ]),
    );
  const unknown = { unnamed: true, first: true, byDefault: null, second: null, reason: undefined };
  assert.deepEqual(
    answers(),
    Object.fromEntries(
      names.map((name) => [name, name === 'unloaded' ? { ...unknown, unnamed: false, first: false } : unknown]),
    ),
    'before its first list',
  );
  probe();
  const served = { unnamed: true, first: true, byDefault: null, second: false, reason: undefined };
  assert.deepEqual(answers(), {
    'has it': { ...served, byDefault: '2', second: true },
    'lacks it': { ...served, unnamed: false },
    unloaded: { ...served, unnamed: false, first: false, byDefault: '2', second: true },
    unlisted: { ...served, unnamed: false, first: false, second: null, reason: 'no such model in its repository' },
    loose: served,
    'loose and unready': { ...served, unnamed: false, first: false, reason: 'no memory' },
    undecided: served,
  });
});

const lists: readonly (readonly [string, number, (virtual: ReturnType<typeof serving>) => void])[] = [
  [
    'it lists a model that is not ready',
    1_050,
    ({ pod, probe }) => {
      pod.changeModel = (model) => ({ ...model, ready: model.name !== 'n' });
      probe();
    },
  ],
  ['it refused a model since', 1_050, ({ endpoint }) => endpoint.onModelNotReady('n', undefined)],
  ['it refused the shared secret', 5_050, ({ endpoint }) => endpoint.onSecretRefused()],
  [
    'it says that it needs the shared secret',
    5_050,
    ({ pod, probe }) => {
      pod.alsoReports = { requiresSecret: true };
      probe();
    },
  ],
];

for (const [what, afterMs, happen] of lists) {
  test(`an endpoint’s list is read again after ${afterMs} ms where ${what}, and only while it accepts work`, (t) => {
    const virtual = serving(t, ['m', 'n']);
    const { endpoint, time } = virtual;
    const { nowMs } = time;
    assert.equal(endpoint.isListDue(nowMs + 1e6), false, 'nothing is missing');
    happen(virtual);
    const due = (ms: number): boolean => endpoint.isListDue(nowMs + ms);
    assert.deepEqual([due(0), due(afterMs - 1), due(afterMs), due(1e6)], [false, false, true, true]);
    endpoint.onListed({ ...listed, draining: 'scaler' }, 0);
    assert.equal(due(1e6), false);
  });
}

test('a model that the pod refused is not asked of it again until its list says so', (t) => {
  const { endpoint, probe } = serving(t, ['m', 'n']);
  endpoint.onModelNotReady('n', undefined);
  const has = (): boolean[] => ['m', 'n'].map((model) => endpoint.hasModel(model, undefined));
  assert.deepEqual(has(), [true, false]);
  probe();
  assert.deepEqual(has(), [true, true]);
});

test('without the pod’s secret an endpoint gets plain requests, and envelopes again once a look finds no need of one', (t) => {
  const { endpoint, pod, probe, slots } = serving(t);
  const takes = () => ({ envelopes: endpoint.takesEnvelopes, lacksSecret: endpoint.lacksSecret, slots: slots() });
  assert.deepEqual(takes(), { envelopes: true, lacksSecret: false, slots: 2 });
  endpoint.onSecretRefused();
  assert.deepEqual(takes(), { envelopes: false, lacksSecret: true, slots: 8 });
  probe();
  assert.deepEqual(takes(), { envelopes: true, lacksSecret: false, slots: 2 });
  pod.alsoReports = { requiresSecret: true };
  probe();
  assert.deepEqual(takes(), { envelopes: false, lacksSecret: true, slots: 8 });
});

test('an endpoint has two slots for envelopes, and one on probation', (t) => {
  const { endpoint, slots, record } = serving(t);
  const [one, two] = [batchOf(), batchOf()];
  endpoint.onBatchSent(one);
  assert.equal(slots(), 1);
  endpoint.onBatchSent(two);
  assert.deepEqual([slots(), endpoint.batches.length, endpoint.inFlight, endpoint.workAhead()], [0, 2, 2, 2]);
  endpoint.onBatchEnded(one);
  endpoint.onBatchEnded(one);
  assert.deepEqual([slots(), endpoint.batches], [1, [two]]);
  record({ kind: 'evidence', evidence: 'hung' });
  assert.equal(slots(), 0);
  record({ kind: 'probe-ok' });
  assert.deepEqual([slots(), endpoint.accepting], [0, true]);
  endpoint.onBatchEnded(two);
  assert.equal(slots(), 1);
  record({ kind: 'success' });
  assert.equal(slots(), 2);
});

test('without batching slots have no limit, but for health and drains', (t) => {
  const { endpoint, time, record } = serving(t);
  const slots = (): number => endpoint.freeSlots(true, time.nowMs);
  for (let count = 0; count < 10; count += 1) endpoint.onBatchSent(batchOf());
  assert.equal(slots(), Infinity);
  record({ kind: 'evidence', evidence: 'reset' });
  assert.equal(slots(), 0);
});

test('a foreign server has as many slots as it is known to work on at once', (t) => {
  const { endpoint, slots } = serving(t, null);
  assert.equal(slots(), 8);
  for (let count = 0; count < 8; count += 1) endpoint.onBatchSent(batchOf());
  for (let answered = 0; answered < 9; answered += 1) {
    const [first] = endpoint.batches;
    endpoint.onBatchEnded(first!);
    assert.equal(endpoint.onPlainAnswered(10), 8);
    endpoint.onBatchSent(batchOf());
  }
  assert.equal(slots(), 1, 'the limit has grown to nine');
});

test('a pause gives no slots until it is over, and is not prolonged', (t) => {
  const { endpoint, time, slots } = serving(t);
  assert.equal(endpoint.pause(time.nowMs, 20), true);
  time.pass(19);
  assert.deepEqual([slots(), endpoint.pause(time.nowMs, 20)], [0, false]);
  time.pass(1);
  assert.deepEqual([slots(), endpoint.pause(time.nowMs, 20)], [2, true]);
});

test('work that is left: of each batch what it was predicted to take, less the time that has passed', (t) => {
  const { endpoint } = serving(t);
  endpoint.onBatchSent(batchOf({ startedAtMs: 1_000, predictedMs: 30, work: 3, requests: [1, 2] }));
  endpoint.onBatchSent(batchOf({ startedAtMs: 1_010, predictedMs: 40, work: 4 }));
  assert.equal(endpoint.remainingMs(1_010), 20 + 40);
  assert.equal(endpoint.remainingMs(1_045), 5);
  assert.deepEqual([endpoint.workAhead(), endpoint.inFlight], [7, 3]);
});

test('an endpoint is free when the batches that it has are through, one after the other', (t) => {
  const { endpoint } = serving(t);
  const [first, second] = [
    batchOf({ startedLoopMs: 1_050, predictedMs: 30 }),
    batchOf({ startedLoopMs: 1_060, predictedMs: 40 }),
  ];
  assert.equal(endpoint.freeAtLoopMs(5), 0);
  endpoint.onBatchSent(first);
  endpoint.onBatchSent(second);
  assert.equal(endpoint.freeAtLoopMs(0), 1_050 + 30 + 40);
  assert.equal(endpoint.freeAtLoopMs(5), 1_050 + 35 + 45);
  endpoint.onBatchEnded(first);
  endpoint.onEnvelopeAnswered(first, summary, 30, at(1_090));
  assert.equal(endpoint.freeAtLoopMs(0), 1_090 + 40);
});

test('an envelope’s time counts from when the pod could begin with it', (t) => {
  const { endpoint } = serving(t);
  assert.equal(endpoint.onEnvelopeAnswered(batchOf({ startedLoopMs: 1_000 }), summary, 30, at(1_060)), 60);
  const { ratio, excessMs, samples } = endpoint.pace;
  assert.deepEqual([ratio, excessMs, samples, endpoint.queuedRows], [2, 30, 1, 5]);
  assert.equal(endpoint.onEnvelopeAnswered(batchOf({ startedLoopMs: 1_010 }), summary, 30, at(1_100)), 40);
  assert.equal(endpoint.onEnvelopeAnswered(batchOf({ startedLoopMs: 1_150 }), summary, 30, at(1_200)), 50);
  assert.equal(endpoint.pace.samples, 3);
  endpoint.restartPace();
  assert.equal(endpoint.pace.samples, 0);
  assert.equal(endpoint.leaving, false);
  endpoint.onEnvelopeAnswered(batchOf(), { ...summary, draining: true }, 30, at(1_250));
  assert.equal(endpoint.leaving, true);
});

test('evidence: the last failure is kept for people, failures are counted, and none while the pod loads', (t) => {
  const { endpoint, record } = endpointOf(t);
  assert.equal(record({ kind: 'evidence', evidence: 'probe-failed' }, 'not ready').kind, 'joining');
  assert.deepEqual(
    [endpoint.failures, endpoint.failedHard, endpoint.detail, endpoint.lastEvidence],
    [0, false, 'probe-failed: not ready', 'probe-failed'],
  );
  assert.equal(record({ kind: 'probe-ok' }).kind, 'joining');
  assert.deepEqual([endpoint.health.kind, endpoint.detail], ['serving', null]);
  assert.equal(record({ kind: 'evidence', evidence: 'error-answers' }).kind, 'serving');
  assert.deepEqual([endpoint.failures, endpoint.failedHard, endpoint.detail], [1, false, 'error-answers']);
  assert.equal(record({ kind: 'evidence', evidence: 'garbage' }, 'what?').kind, 'serving');
  assert.deepEqual([endpoint.failures, endpoint.failedHard, endpoint.detail], [2, true, 'garbage: what?']);
  assert.equal(endpoint.health.kind, 'ejected');
  assert.equal(record({ kind: 'probe-ok' }).kind, 'ejected');
  assert.equal(endpoint.detail, 'garbage: what?', 'why it was ejected');
});

test('a probe leaves no timer behind, whatever it ends with', (t) => {
  const { endpoint, pod, probe, time, results } = endpointOf(t);
  for (const state of ['ready', 'draining', 'loading'] as const) {
    pod.state = state;
    assert.equal(probe(), state);
    assert.equal(time.timers, 0);
  }
  pod.loses = 'refused';
  probe();
  assert.deepEqual(results.at(-1), { kind: 'failed', detail: '/v2/pod: refused: by the test' });
  assert.equal(time.timers, 0);
  pod.loses = undefined;
  pod.garbled = true;
  probe();
  assert.deepEqual(results.at(-1), { kind: 'failed', detail: '/v2/pod answered 200 and no status' });
  assert.deepEqual([time.timers, endpoint.probing], [0, false]);
});
