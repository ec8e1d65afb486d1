import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyHistory, recordArrivals } from './forecast.ts';
import { readTraffic, type Baselines, type KnownTraffic, type Observation } from './observation.ts';

/** Rate that the looks add up to, with so many gateways of 10 requests/s each, which report at times of their own. */
function rateSeen(gateways: number, looksPerReport: number): number {
  const everyMs = 1000;
  let baselines: Baselines = {};
  const sum = { arrivals: 0, elapsedMs: 0 };
  for (let look = 0; look < 20 * looksPerReport; look += 1) {
    const nowMs = 10_000 + (look * everyMs) / looksPerReport;
    const reports: Observation['reports'] = Array.from({ length: gateways }, (_, index) => {
      const offsetMs = (index * everyMs) / gateways;
      const atMs = offsetMs + everyMs * Math.floor((nowMs - offsetMs) / everyMs);
      const counts = { arrivals: atMs / 100, completions: atMs / 100, shed: 0, late: 0, queued: 0, inFlight: 0 };
      return { id: `g${index}`, atMs, ...counts, cost: null };
    });
    const observation: Observation = {
      reports,
      gatewaysExpected: gateways,
      replicas: 1,
      pods: { ready: 1, ejected: 0, startingSinceMs: [] },
      startedInMs: [],
    };
    const [next, traffic] = readTraffic(baselines, observation, nowMs);
    baselines = next;
    assert.ok(traffic.kind === 'known');
    if (!traffic.complete) continue;
    sum.arrivals += traffic.arrivals;
    sum.elapsedMs += traffic.elapsedMs;
  }
  return (1000 * sum.arrivals) / sum.elapsedMs;
}

test('a rate is that of all gateways, however many there are, and however often the scaler looks', () => {
  for (const gateways of [1, 2, 3, 10]) {
    for (const looksPerReport of [1, 2, 7, 20]) {
      const rate = rateSeen(gateways, looksPerReport);
      const most = Math.abs(rate / (10 * gateways) - 1);
      assert.ok(most < 0.001, `${gateways} gateways, ${looksPerReport} looks a report: ${rate} requests/s`);
    }
  }
});

test('reports that jitter, and come seconds late now and then, leave the rate of each second as it is', () => {
  let state = 7;
  const uniform = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (const gateways of [2, 3, 10]) {
    const reportedAtMs = Array.from({ length: gateways }, () => {
      const phaseMs = 1_000 * uniform();
      return Array.from({ length: 300 }, (_, second) => {
        const lateMs = uniform() < 0.03 ? 2_500 * uniform() : 100 * uniform();
        return 1_000 * second + phaseMs + lateMs;
      }).toSorted((one, other) => one - other);
    });
    let baselines: Baselines = {};
    let history = emptyHistory;
    for (let nowMs = 3_000; nowMs < 290_000; nowMs += 1_000) {
      const reports = reportedAtMs.map((times, index) => {
        const atMs = times.findLast((ms) => ms <= nowMs)!;
        const counts = { arrivals: atMs / 10, completions: atMs / 10, shed: 0, late: 0, queued: 0, inFlight: 0 };
        return { id: `g${index}`, atMs, ...counts, cost: null };
      });
      const pods = { ready: 1, ejected: 0, startingSinceMs: [] };
      const seen = { reports, gatewaysExpected: gateways, replicas: 1, pods, startedInMs: [] };
      const [next, traffic] = readTraffic(baselines, seen, nowMs);
      baselines = next;
      assert.ok(traffic.kind === 'known');
      if (traffic.complete) history = recordArrivals(history, traffic, 10);
    }
    const { ratesPerS } = history.seconds;
    assert.ok(ratesPerS.length > 270, `${ratesPerS.length} seconds of 287`);
    for (const rate of ratesPerS) assert.ok(Math.abs(rate / (100 * gateways) - 1) < 0.001, `${rate} of ${gateways}00`);
  }
});

test('a report that is late is counted with those of the same time, not as a rush', () => {
  /** Two gateways of 10 requests/s each, the second of which reports nothing for so long. */
  const looks = (silentS: number): KnownTraffic[] => {
    let baselines: Baselines = {};
    return Array.from({ length: 20 }, (_, second) => {
      const nowMs = 10_000 + 1_000 * second;
      const late = second >= 8 && second < 8 + silentS;
      const reports = [nowMs - 300, late ? 16_500 : nowMs - 500].map((atMs, index) => {
        const counts = { arrivals: atMs / 100, completions: atMs / 100, shed: 0, late: atMs / 1_000 };
        return { id: `g${index}`, atMs, ...counts, queued: 3, inFlight: 2, cost: null };
      });
      const pods = { ready: 1, ejected: 0, startingSinceMs: [] };
      const [next, traffic] = readTraffic(
        baselines,
        { reports, gatewaysExpected: 2, replicas: 1, pods, startedInMs: [] },
        nowMs,
      );
      baselines = next;
      assert.ok(traffic.kind === 'known');
      return traffic;
    }).slice(1);
  };
  for (const silentS of [0, 1, 2, 3]) {
    const seen = looks(silentS);
    assert.ok(seen.every(({ complete, queued, inFlight }) => complete && queued === 6 && inFlight === 4));
    const counted = seen.filter(({ elapsedMs }) => elapsedMs > 0);
    for (const { arrivals, violations, elapsedMs } of counted) {
      assert.ok(Math.abs(arrivals / elapsedMs - 0.02) < 1e-9, `${arrivals} requests in ${elapsedMs} ms`);
      assert.ok(Math.abs(violations / elapsedMs - 0.002) < 1e-9);
    }
    assert.equal(counted.length, 19 - silentS);
    const all = counted.reduce((sum, { arrivals }) => sum + arrivals, 0);
    assert.ok(Math.abs(all - 19 * 20) < 1e-6, `${all} requests in all`);
  }
  // Longer than its report is fresh, nobody waits for it: what the other tells may raise the pool.
  const lost = looks(6).filter(({ complete }) => !complete);
  assert.deepEqual([...new Set(lost.map(({ missing }) => missing))], ['stale-report']);
  assert.ok(
    lost.some(({ arrivals }) => arrivals >= 40),
    'what came meanwhile is told at once',
  );
  assert.ok(lost.every(({ arrivals, longestGapMs }) => longestGapMs === 0 || arrivals / longestGapMs <= 0.0101));
});

test('where some gateway is always late, all are counted each few seconds', () => {
  let baselines: Baselines = {};
  const sum = { looks: 0, arrivals: 0, elapsedMs: 0 };
  const gateways = 12;
  for (let nowMs = 10_000; nowMs < 70_000; nowMs += 1_000) {
    const reports = Array.from({ length: gateways }, (_, index) => {
      // Reports of each come 1.8 s apart.
      const atMs = nowMs - ((nowMs + 150 * index) % 1_800);
      const counts = { arrivals: atMs / 100, completions: atMs / 100, shed: 0, late: 0, queued: 0, inFlight: 0 };
      return { id: `g${index}`, atMs, ...counts, cost: null };
    });
    assert.ok(reports.some(({ atMs }) => nowMs - atMs > 1_200));
    const pods = { ready: 1, ejected: 0, startingSinceMs: [] };
    const seen = { reports, gatewaysExpected: gateways, replicas: 1, pods, startedInMs: [] };
    const [next, traffic] = readTraffic(baselines, seen, nowMs);
    baselines = next;
    assert.ok(traffic.kind === 'known');
    if (!traffic.complete || traffic.elapsedMs === 0) continue;
    sum.looks += 1;
    sum.arrivals += traffic.arrivals;
    sum.elapsedMs += traffic.elapsedMs;
  }
  assert.ok(sum.looks >= 11, `counted ${sum.looks} times in a minute`);
  const rate = (1_000 * sum.arrivals) / sum.elapsedMs;
  assert.ok(Math.abs(rate / (10 * gateways) - 1) < 0.06, `${rate} requests/s`);
});

test('a gateway that comes back after minutes adds its rate of now, and not what it had meanwhile', () => {
  const gateways = 10;
  let baselines: Baselines = {};
  for (let nowMs = 10_000; nowMs <= 90_000; nowMs += 1_000) {
    const reports = Array.from({ length: gateways }, (_, index) => {
      const isSilent = index === 0 && nowMs > 20_000 && nowMs < 80_000;
      const atMs = isSilent ? 19_700 : nowMs - 300;
      const counts = { arrivals: atMs / 100, completions: atMs / 100, shed: 0, late: atMs / 1_000 };
      return { id: `g${index}`, atMs, ...counts, queued: 0, inFlight: 0, cost: null };
    });
    const pods = { ready: 1, ejected: 0, startingSinceMs: [] };
    const seen = { reports, gatewaysExpected: gateways, replicas: 1, pods, startedInMs: [] };
    const [next, traffic] = readTraffic(baselines, seen, nowMs);
    baselines = next;
    assert.ok(traffic.kind === 'known');
    if (!traffic.complete || traffic.elapsedMs === 0) continue;
    const { arrivals, completions, violations, elapsedMs } = traffic;
    assert.ok(Math.abs((1_000 * arrivals) / elapsedMs - 100) < 1e-6, `${arrivals} requests in ${elapsedMs} ms`);
    assert.deepEqual([completions, Math.round(violations)], [arrivals, Math.round(arrivals / 10)]);
  }
});
