import assert from 'node:assert/strict';
import { test } from 'node:test';
import { virtualEndpoints } from '../testing/virtual-endpoints.ts';
import type { OutstandingBatch } from './endpoint.ts';

const batch: OutstandingBatch = {
  work: 1,
  requests: [1],
  startedAtMs: 0,
  startedLoopMs: 0,
  predictedMs: 10,
  abort: () => undefined,
};

test('pods that are listed are probed, and accept work once they are ready', (t) => {
  const { endpoints, list, pods, states, told, time } = virtualEndpoints(t, ['a', 'b']);
  const [a, b] = pods;
  b!.state = 'loading';
  assert.equal(endpoints.allProbed, true, 'none is there');
  endpoints.apply(pods.map((pod) => pod.listed()));
  assert.equal(endpoints.allProbed, false);
  time.turn();
  assert.deepEqual([states(), endpoints.allProbed, told.statuses], [['serving', 'joining'], true, 1]);
  assert.deepEqual(
    [
      endpoints.accepting.size,
      endpoints.free.idle.length,
      endpoints.forModel('m', undefined)?.uid,
      endpoints.forModel('n', undefined),
    ],
    [1, 1, 'a', undefined],
  );
  assert.equal(endpoints.forModel('m', undefined, 'a'), undefined, 'except that one');
  assert.equal(endpoints.takesEnvelopes, true);
  b!.state = 'ready';
  time.pass(100);
  assert.deepEqual([states(), told.statuses, a!.probes], [['serving', 'serving'], 2, 1]);
  list(...pods.map((pod) => pod.listed()));
  assert.equal(a!.probes, 1, 'who serves is not probed');
});

test('a drain whose holder is gone ends by itself: by its mark after 15 s, by the pod as soon as it says so', (t) => {
  const { endpoints, list, pods, lines, of, time, told } = virtualEndpoints(t, ['a', 'b']);
  const [a, b] = pods;
  list(a!.listed(), b!.listed());
  list(a!.listed({ draining: '4', drainLease: 'x until y' }), b!.listed({ phase: 'Running' }));
  b!.state = 'draining';
  b!.alsoReports = { drain: { id: 'i', holder: 'stranger', generation: 0, remainingMs: 9_000 } };
  list(a!.listed({ draining: '4', drainLease: 'x until y' }), b!.listed({ phase: 'Running' }));
  assert.equal(endpoints.accepting.size, 0);
  assert.ok(lines.some(({ msg }) => msg === 'pod pod-b drains for "stranger"'));
  b!.state = 'ready';
  b!.alsoReports = {};
  time.pass(300);
  assert.deepEqual([...endpoints.accepting], [of('b')]);
  assert.ok(lines.some(({ msg }) => msg === 'pod pod-b no longer drains'));
  time.pass(14_000);
  assert.equal(of('a').leaving, true);
  const { changes } = told;
  time.pass(1_000);
  assert.deepEqual([endpoints.accepting.size, told.changes], [2, changes + 1]);
  assert.equal(lines.filter(({ level, podName }) => level === 40 && podName === 'pod-a').length, 1);
});

test('a pool of foreign servers takes no envelopes', (t) => {
  const { endpoints, list, pods } = virtualEndpoints(t, ['a']);
  pods[0]!.models = null;
  assert.equal(endpoints.takesEnvelopes, true, 'unknown without a pod');
  list(pods[0]!.listed());
  assert.equal(endpoints.takesEnvelopes, false);
});

test('pods that are coming: pending and running, unless they crash again and again or are to go', (t) => {
  const { endpoints, list, pods } = virtualEndpoints(t, ['a', 'b', 'c', 'd', 'e', 'f']);
  const [a, b, c, d, e, f] = pods;
  for (const pod of pods) pod.state = 'loading';
  list(
    a!.listed({ phase: 'Pending', origin: null }),
    b!.listed({ phase: 'Running' }),
    c!.listed({ phase: 'Running', restarts: 2 }),
    d!.listed({ phase: 'Running', restarts: 3 }),
    e!.listed({ phase: 'Running', draining: 'scaler' }),
    f!.listed({ phase: 'Terminating' }),
  );
  assert.equal(endpoints.coming, 3);
  assert.deepEqual(
    endpoints.unreachable.map(({ uid }) => uid),
    ['a', 'f'],
  );
  list(a!.listed());
  assert.deepEqual([endpoints.coming, endpoints.unreachable], [0, []]);
});

test('a serving pod that the cluster calls unready is asked, and goes on serving meanwhile', (t) => {
  const { endpoints, list, pods, states, time } = virtualEndpoints(t, ['a']);
  const [a] = pods;
  list(a!.listed());
  a!.state = 'dead';
  list(a!.listed({ phase: 'Running' }));
  assert.deepEqual([a!.probes, endpoints.coming, states()], [2, 0, ['serving']]);
  time.pass(1_100);
  assert.deepEqual(states(), ['ejected']);
  assert.equal(endpoints.ejections['probe-failed'], 1);
});

test('a pod that is no longer listed is let go of once it holds nothing', (t) => {
  const { endpoints, list, pods, of } = virtualEndpoints(t, ['a', 'b']);
  const [a, b] = pods;
  list(a!.listed(), b!.listed());
  const endpoint = of('a');
  endpoint.onBatchSent(batch);
  list();
  assert.deepEqual([b!.closed, a!.closed, endpoints.accepting.size], [true, false, 0]);
  assert.deepEqual([...endpoints.all], [endpoint]);
  endpoint.onBatchEnded(batch);
  endpoints.onCallEnd(endpoint);
  assert.deepEqual([a!.closed, [...endpoints.all]], [true, []]);
});

test('whoever waits to end a pod is told when it leaves and holds nothing, and not before', (t) => {
  const { endpoints, list, pods, of, told } = virtualEndpoints(t, ['a', 'b']);
  const [a, b] = pods;
  list(a!.listed(), b!.listed());
  of('a').onBatchSent(batch);
  endpoints.onCallEnd(of('b'));
  assert.equal(told.released, 0, 'nobody leaves');
  list(a!.listed({ draining: 'scaler' }), b!.listed({ draining: 'scaler' }));
  assert.equal(told.released, 1, 'b alone');
  list(a!.listed({ draining: 'scaler' }), b!.listed({ draining: 'scaler' }));
  assert.equal(told.released, 1, 'told once for what is known');
  endpoints.onCallEnd(of('a'));
  assert.equal(told.released, 1, 'it still holds a batch');
  of('a').onBatchEnded(batch);
  endpoints.onCallEnd(of('a'));
  assert.equal(told.released, 2);
});

test('a pod that reports its drain to a probe is out, and in again when it reports ready', (t) => {
  const { endpoints, list, pods, told, time, states } = virtualEndpoints(t, ['a']);
  const [a] = pods;
  list(a!.listed());
  a!.state = 'draining';
  list(a!.listed({ phase: 'Running' }));
  assert.deepEqual([endpoints.accepting.size, told.released, states()], [0, 1, ['serving']]);
  const probes = a!.probes;
  time.pass(1_000);
  assert.ok(a!.probes >= probes + 3, 'it is asked again and again');
  a!.state = 'ready';
  time.pass(300);
  assert.equal(endpoints.accepting.size, 1);
});

test('a pod that is ejected is probed, later each time, and logged', (t) => {
  const { endpoints, list, pods, time, of, states, lines } = virtualEndpoints(t, ['a']);
  list(pods[0]!.listed());
  pods[0]!.state = 'loading';
  endpoints.recordEvidence(of('a'), { kind: 'evidence', evidence: 'reset' }, 'ECONNRESET');
  assert.deepEqual([states(), endpoints.accepting.size, endpoints.ejections.reset], [['ejected'], 0, 1]);
  const { msg, why, was, podName, level } = lines.at(-1)!;
  assert.deepEqual(
    { msg, why, was, podName, level },
    { msg: 'pod pod-a is ejected', why: 'reset: ECONNRESET', was: 'serving', podName: 'pod-a', level: 40 },
  );
  const at: number[] = [];
  for (let probes = pods[0]!.probes; time.nowMs < 3_000; time.pass(1)) {
    if (pods[0]!.probes > probes) at.push(time.nowMs);
    ({ probes } = pods[0]!);
  }
  assert.equal(at.length, 4, 'after 100, 200, 400 and 800 ms');
  assert.ok(at[1]! - at[0]! >= 200 && at[3]! - at[2]! >= 800, at.join());
  const before = lines.length;
  pods[0]!.state = 'ready';
  time.pass(2_000);
  assert.deepEqual([states(), lines.at(-1)!['msg'], lines.length], [['probing'], 'pod pod-a is probing', before + 1]);
  assert.equal(lines.at(-1)!['level'], 30);
  assert.equal(lines.at(-1)!['why'], undefined);
});

test('soft evidence takes out no more than a share of the pool; pods that join or leave are no members', (t) => {
  const health = { ejectAfterFailures: 1, maxEjectedRatio: 0.5 };
  const { endpoints, list, pods, of, states } = virtualEndpoints(t, ['a', 'b', 'c', 'd'], { health });
  pods[3]!.state = 'loading';
  list(...pods.slice(0, 2).map((pod) => pod.listed()), pods[2]!.listed({ draining: 'scaler' }), pods[3]!.listed());
  const fail = (uid: string): void =>
    endpoints.recordEvidence(of(uid), { kind: 'evidence', evidence: 'error-answers' });
  fail('a');
  assert.deepEqual(states(), ['ejected', 'serving', 'serving', 'joining']);
  fail('b');
  assert.deepEqual(states(), ['ejected', 'serving', 'serving', 'joining'], 'half of two is one');
  list(...pods.slice(0, 3).map((pod) => pod.listed()), pods[3]!.listed());
  fail('b');
  assert.deepEqual(states(), ['ejected', 'serving', 'serving', 'joining'], 'half of three is one');
});

test('a pod that is slow against the others is taken out, once for what was measured', (t) => {
  const { endpoints, list, pods, of, time, states } = virtualEndpoints(t, ['a', 'b', 'c']);
  list(...pods.map((pod) => pod.listed()));
  for (const [uid, tookMs] of [
    ['a', 300],
    ['b', 30],
    ['c', 30],
  ] as const) {
    for (let count = 1; count <= 3; count += 1) {
      const startedLoopMs = count * 1_000;
      const summary = { runs: [], queuedRows: 0, inFlight: 0, draining: false };
      of(uid).onEnvelopeAnswered({ ...batch, startedLoopMs }, summary, 30, {
        loopMs: startedLoopMs + tookMs,
        nowMs: time.clock.nowMs,
        lagMs: 0,
      });
    }
  }
  time.pass(50);
  assert.deepEqual(states(), ['ejected', 'serving', 'serving']);
  assert.equal(of('a').detail, 'slow: 10.0 × as predicted, 270 ms over');
  assert.deepEqual([of('a').pace.samples, of('b').pace.samples, endpoints.ejections.slow], [0, 3, 1]);
});

test('a busy pod is paused once, and tells when it is over', (t) => {
  const { endpoints, list, pods, of, time, told } = virtualEndpoints(t, ['a']);
  list(pods[0]!.listed());
  endpoints.pause(of('a'));
  assert.equal(endpoints.free.idle.length, 0);
  endpoints.pause(of('a'));
  assert.equal(time.timers, 2, 'the ticker, and one end of the pause');
  assert.equal(endpoints.accepting.size, 1, 'paused, not out');
  const before = told.changes;
  time.pass(20);
  assert.equal(endpoints.free.idle.length, 0);
  time.pass(1);
  assert.deepEqual([endpoints.free.idle.length, told.changes], [1, before + 1]);
});

test('each change of who accepts work, and when, is counted', (t) => {
  const { endpoints, list, pods, of } = virtualEndpoints(t, ['a']);
  list(pods[0]!.listed());
  const { changes } = endpoints;
  endpoints.reindex(of('a'));
  assert.equal(endpoints.changes, changes + 1);
});

test('slots have no limit without batching', (t) => {
  const { endpoints, list, pods, of } = virtualEndpoints(t, ['a'], { batching: { enabled: false } });
  list(pods[0]!.listed());
  for (let count = 0; count < 5; count += 1) of('a').onBatchSent(batch);
  endpoints.reindex(of('a'));
  assert.equal(endpoints.free.available.length, 1);
});

test('closed, all connections are', async (t) => {
  const { endpoints, list, pods } = virtualEndpoints(t, ['a', 'b']);
  list(...pods.map((pod) => pod.listed()));
  await endpoints.close();
  assert.deepEqual([pods.map(({ closed }) => closed), [...endpoints.all]], [[true, true], []]);
});

test('whoever dispatches is told of pods that come or go, and of each probe', (t) => {
  const { endpoints, pods, told, time, list } = virtualEndpoints(t, ['a', 'b']);
  endpoints.apply([pods[0]!.listed()]);
  assert.equal(told.changes, 1, 'listed');
  time.turn();
  assert.equal(told.changes, 2, 'probed');
  list();
  assert.equal(told.changes, 3, 'gone');
});

test('a pod that is annotated, or ends a call, is indexed again', (t) => {
  const { endpoints, pods, of, list } = virtualEndpoints(t, ['a']);
  list(pods[0]!.listed());
  list(pods[0]!.listed({ draining: 'scaler' }));
  assert.deepEqual([endpoints.accepting.size, endpoints.free.idle.length], [0, 0]);
  list(pods[0]!.listed());
  const endpoint = of('a');
  endpoint.onBatchSent(batch);
  endpoints.reindex(endpoint);
  assert.deepEqual([endpoints.free.idle.length, endpoints.free.available.length], [0, 1]);
  endpoint.onBatchEnded(batch);
  endpoints.onCallEnd(endpoint);
  assert.deepEqual([endpoints.free.idle.length, endpoints.free.available.length], [1, 0]);
});
