import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from './decide.ts';
import { initialState } from './policy-state.ts';
import { type Distortion, config, expect, expectReason, load, podPerS, timeline } from '../testing/timeline.ts';

test('a steady load keeps a steady pool', () => {
  const line = timeline({ replicas: 5 });
  line.at(600, load(40), expect(4, 5));
  const written = line.writes.length;
  line.at(1000, load(40), expect(4, 5));
  assert.equal(line.writes.length, written);
});

test('a step to twenty pods is met within two seconds, ordered once, and taken back afterwards', () => {
  const line = timeline({ replicas: 1, minReplicas: 1 });
  line.at(60, load(1), expect(1));
  line.at(62, load(20 * podPerS), expect(15, 60));
  line.at(180, load(20 * podPerS), expect(20, 60));
  line.at(900, load(1), expect(1));
});

test('from zero the first request orders a pod at once; idleSeconds without requests remove it', () => {
  const line = timeline({ replicas: 0 });
  line.at(30, load(0), expect(0));
  line.at(31, load(1), expectReason('first-request'));
  line.at(60, load(1), expect(1, 2));
  line.at(355, load(0), expect(1));
  line.at(362, load(0), expect(0));
});

test('a pool at zero stays there until a request comes, even while earlier traffic is remembered', () => {
  const line = timeline({ replicas: 1, idleMs: 5_000 });
  line.at(300, load(3 * podPerS), expect(3, 6));
  line.at(310, load(0), expect(0));
  const written = line.writes.length;
  line.at(600, load(0), expect(0));
  assert.equal(line.writes.length, written, JSON.stringify(line.writes.slice(written)));
  line.at(601, load(1), expectReason('first-request'));
});

test('a pool with a minimum is never idle', () => {
  const line = timeline({ replicas: 2, minReplicas: 2 });
  line.at(700, load(0), expect(2));
  line.at(2000, load(0), expectReason('at-minimum'));
  assert.deepEqual(line.writes, []);
});

test('minReplicas and maxReplicas are enforced', () => {
  const line = timeline({ replicas: 1, minReplicas: 3, maxReplicas: 6 });
  line.at(5, load(1), expect(3));
  line.at(100, load(500), expect(6));
  line.at(101, load(500), expectReason('at-maximum'));
});

test('starting pods are credited: a queue that they will clear orders nothing more', () => {
  const line = timeline({ replicas: 2, coldStartS: 30 });
  line.at(120, load(18), expect(2, 4));
  line.at(150, load(60), () => undefined);
  const ordered = line.writes.length;
  line.at(165, load(60), () => undefined);
  assert.ok(line.writes.length - ordered <= 4, JSON.stringify(line.writes));
});

const bad = {
  'no report': { distort: (seen) => ({ ...seen, reports: [] }), reason: 'no-report' },
  'a stale report': {
    distort: (seen) => ({
      ...seen,
      reports: seen.reports.map((report) => ({ ...report, atMs: report.atMs - 9_000 })),
    }),
    reason: 'stale-report',
  },
  'a negative number': {
    distort: (seen) => ({ ...seen, reports: seen.reports.map((report) => ({ ...report, queued: -1 })) }),
    reason: 'bad-number',
  },
  'not a number': {
    distort: (seen) => ({ ...seen, reports: seen.reports.map((report) => ({ ...report, arrivals: NaN })) }),
    reason: 'bad-number',
  },
  'an impossible cluster view': {
    distort: (seen) => ({ ...seen, pods: { ...seen.pods, ready: -1 } }),
    reason: 'bad-cluster-view',
  },
  'half of the gateways': { distort: (seen) => ({ ...seen, gatewaysExpected: 2 }), reason: 'steady' },
  'a fit with no samples': {
    distort: (seen) => ({ ...seen, reports: seen.reports.map((report) => ({ ...report, cost: null })) }),
    reason: 'no-fit',
  },
} as const satisfies Record<string, { distort: Distortion; reason: Parameters<typeof expectReason>[0] }>;
for (const [name, { distort, reason }] of Object.entries(bad)) {
  test(`${name}: no scale-down, with a reason, and a scale-down once the data is good again`, () => {
    const line = timeline({ replicas: 10 });
    line.at(60, load(90), expect(9, 14));
    const before = line.writes.length;
    line.at(700, load(0), expectReason(reason), distort);
    assert.deepEqual(
      line.writes.slice(before).filter(({ replicas }) => replicas < 9),
      [],
    );
    line.at(705, load(1), expect(9, 14));
    line.at(1100, load(1), expect(1));
  });
}

test('half of the gateways: what they report still scales up', () => {
  const line = timeline({ replicas: 1 });
  line.at(40, load(5), expect(1, 2));
  line.at(44, load(200), expect(10, 60), (seen) => ({ ...seen, gatewaysExpected: 2 }));
});

test('a gateway that restarted is counted from its new totals on', () => {
  const line = timeline({ replicas: 10 });
  line.at(60, load(90), expect(9, 14));
  const restarted: Distortion = (seen) => ({
    ...seen,
    reports: seen.reports.map((report) => ({ ...report, arrivals: report.arrivals - 5000, completions: 0, late: 0 })),
  });
  line.at(61, load(90), expectReason('counter-went-back'), restarted);
  line.at(70, load(90), expect(9, 14), restarted);
});

test('a clock that jumps back holds once, and decisions go on from there', () => {
  const seen = {
    reports: [],
    gatewaysExpected: 1,
    replicas: 4,
    pods: { ready: 4, ejected: 0, startingSinceMs: [] },
    startedInMs: [],
  };
  const [later] = decide(config, initialState, seen, 100_000);
  const [state, decision] = decide(config, later, seen, 90_000);
  assert.equal(decision.reason, 'clock-went-back');
  assert.equal(decide(config, state, seen, 91_000)[1].reason, 'no-report');
});

test('a replica count changed by others is accepted, and idle times start anew', () => {
  const line = timeline({ replicas: 4, coldStartS: 10 });
  line.at(200, load(30), expect(3, 5));
  line.at(201, load(30), expectReason('replicas-changed'), (seen) => ({ ...seen, replicas: 12 }));
  line.at(205, load(30), expect(12));
  line.at(500, load(30), expect(3, 5));
});

test('a restarted scaler removes nothing until it has seen enough traffic', () => {
  const line = timeline({ replicas: 20, coldStartS: 10 });
  line.restart();
  line.at(89, load(50), expect(20));
  line.at(320, load(50), expect(5, 8));
});

test('DryRun decides without expecting an effect; Paused decides nothing', () => {
  const dry = timeline({ mode: 'DryRun', replicas: 1 });
  dry.at(30, load(100), expect(1));
  assert.ok(dry.writes.length > 0);
  const paused = timeline({ mode: 'Paused', replicas: 1 });
  paused.at(30, load(100), expectReason('paused'));
  assert.deepEqual(paused.writes, []);
});

test('two gateways that differ on the cost: between their needs nothing is written', () => {
  const line = timeline({ replicas: 10 });
  // One gateway learned 10 requests/s a pod, the other 20: 75 requests/s need 4 or 8 pods.
  line.at(900, load(75), expect(8, 13), (seen, atMs) => ({
    ...seen,
    gatewaysExpected: 2,
    reports: [
      ...seen.reports,
      {
        id: 'other',
        atMs,
        arrivals: 0,
        completions: 0,
        shed: 0,
        late: 0,
        queued: 0,
        inFlight: 0,
        cost: { a: 0, c: 50 },
      },
    ],
  }));
});

test('added pods that raise no completions stop the growth', () => {
  const line = timeline({ replicas: 2, coldStartS: 5 });
  let completed = 0;
  // Completions stay at 15 requests/s for any number of pods.
  line.at(
    200,
    (second) => 60 + second,
    expectReason('no-gain'),
    (seen) => ({
      ...seen,
      reports: seen.reports.map((report) => ({ ...report, completions: (completed += 15), queued: 500 })),
    }),
  );
});

test('a pool that costs more than an HPA would, and misses more, orders no more than the HPA has, and says so', () => {
  const line = timeline({ replicas: 4, minReplicas: 1, coldStartS: 30 });
  line.at(300, load(20), expect(2, 5));
  // Spikes that are over before a pod is ready: each order comes too late, and costs.
  const spikes = (second: number): number => (second % 150 < 12 ? 400 : 20);
  let held = 0;
  for (let second = 301; second <= 2400; second += 1) {
    line.at(second, spikes, (_, { reason }) => (held += reason === 'too-dear' ? 1 : 0));
  }
  assert.ok(held > 0, JSON.stringify(line.writes));
  const { own, its } = line.state.hpa;
  assert.ok(own.podSeconds < 1.1 * its.podSeconds, `${own.podSeconds} pod-seconds, the HPA ${its.podSeconds}`);
});
