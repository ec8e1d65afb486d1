import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyHistory, recordArrivals } from './forecast.ts';
import { readTraffic, type Baselines, type KnownTraffic, type Observation } from './observation.ts';

interface Looks {
  readonly gateways: number;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly everyMs?: number;
  /** Time of the last report that a gateway has made by `nowMs`. */
  readonly reportedAtMs: (index: number, nowMs: number) => number;
}

/** Traffic that each look reads, of gateways of 10 requests/s each, one of ten of them late; three wait at each, and two are in flight. */
function looksAt({ gateways, fromMs, untilMs, everyMs = 1_000, reportedAtMs }: Looks): KnownTraffic[] {
  let baselines: Baselines = {};
  const pods = { ready: 1, ejected: 0, startingSinceMs: [] };
  return Array.from({ length: Math.round((untilMs - fromMs) / everyMs) }, (_, look) => {
    const nowMs = fromMs + look * everyMs;
    const reports = Array.from({ length: gateways }, (_, index) => {
      const atMs = reportedAtMs(index, nowMs);
      const totals = { arrivals: atMs / 100, completions: atMs / 100, shed: 0, late: atMs / 1_000 };
      return { id: `g${index}`, atMs, ...totals, queued: 3, inFlight: 2, cost: null };
    });
    const seen: Observation = { reports, gatewaysExpected: gateways, replicas: 1, pods, startedInMs: [] };
    const [next, traffic] = readTraffic(baselines, seen, nowMs);
    baselines = next;
    assert.ok(traffic.kind === 'known');
    return traffic;
  });
}

const counted = (looks: readonly KnownTraffic[]): KnownTraffic[] =>
  looks.filter(({ complete, elapsedMs }) => complete && elapsedMs > 0);

/** Rate that the looks add up to. */
function ratePerS(looks: readonly KnownTraffic[]): number {
  const sum = (of: (traffic: KnownTraffic) => number): number =>
    counted(looks).reduce((all, traffic) => all + of(traffic), 0);
  return (1_000 * sum(({ arrivals }) => arrivals)) / sum(({ elapsedMs }) => elapsedMs);
}

test('a rate is that of all gateways, however many there are, and however often the scaler looks', () => {
  for (const gateways of [1, 2, 3, 10]) {
    for (const looksPerReport of [1, 2, 7, 20]) {
      const reportedAtMs = (index: number, nowMs: number): number => {
        const offsetMs = (index * 1_000) / gateways;
        return offsetMs + 1_000 * Math.floor((nowMs - offsetMs) / 1_000);
      };
      const everyMs = 1_000 / looksPerReport;
      const rate = ratePerS(looksAt({ gateways, fromMs: 10_000, untilMs: 30_000, everyMs, reportedAtMs }));
      const most = Math.abs(rate / (10 * gateways) - 1);
      assert.ok(most < 0.001, `${gateways} gateways, ${looksPerReport} looks a report: ${rate} requests/s`);
    }
  }
});

test('reports that jitter, and come seconds late now and then, leave the rate of each second as it is', () => {
  let state = 7;
  const uniform = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (const gateways of [2, 3, 10]) {
    const reports = Array.from({ length: gateways }, () => {
      const phaseMs = 1_000 * uniform();
      return Array.from({ length: 300 }, (_, second) => {
        const lateMs = uniform() < 0.03 ? 2_500 * uniform() : 100 * uniform();
        return 1_000 * second + phaseMs + lateMs;
      }).toSorted((one, other) => one - other);
    });
    const reportedAtMs = (index: number, nowMs: number): number => reports[index]!.findLast((ms) => ms <= nowMs)!;
    let history = emptyHistory;
    for (const traffic of looksAt({ gateways, fromMs: 3_000, untilMs: 290_000, reportedAtMs })) {
      if (traffic.complete) history = recordArrivals(history, traffic, 10);
    }
    const { ratesPerS } = history.seconds;
    assert.ok(ratesPerS.length > 270, `${ratesPerS.length} seconds of 287`);
    for (const rate of ratesPerS) assert.ok(Math.abs(rate / (10 * gateways) - 1) < 0.001, `${rate} of ${gateways}0`);
  }
});

test('a report that is late is counted with those of the same time, not as a rush', () => {
  /** Two gateways, the second of which reports nothing for so long. */
  const looks = (silentS: number): KnownTraffic[] => {
    const reportedAtMs = (index: number, nowMs: number): number => {
      if (index === 0) return nowMs - 300;
      return nowMs >= 18_000 && nowMs < 18_000 + 1_000 * silentS ? 16_500 : nowMs - 500;
    };
    return looksAt({ gateways: 2, fromMs: 10_000, untilMs: 30_000, reportedAtMs }).slice(1);
  };
  for (const silentS of [0, 1, 2, 3]) {
    const seen = looks(silentS);
    assert.ok(seen.every(({ complete, queued, inFlight }) => complete && queued === 6 && inFlight === 4));
    const all = counted(seen);
    for (const { arrivals, violations, elapsedMs } of all) {
      assert.ok(Math.abs(arrivals / elapsedMs - 0.02) < 1e-9, `${arrivals} requests in ${elapsedMs} ms`);
      assert.ok(Math.abs(violations / elapsedMs - 0.002) < 1e-9);
    }
    assert.equal(all.length, 19 - silentS);
    const requests = all.reduce((sum, { arrivals }) => sum + arrivals, 0);
    assert.ok(Math.abs(requests - 19 * 20) < 1e-6, `${requests} requests in all`);
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
  const gateways = 12;
  // Reports of each come 1.8 s apart.
  const reportedAtMs = (index: number, nowMs: number): number => nowMs - ((nowMs + 150 * index) % 1_800);
  const times = Array.from({ length: 60 }, (_, look) => 10_000 + 1_000 * look);
  for (const nowMs of times) {
    assert.ok(
      Array.from({ length: gateways }, (_, index) => nowMs - reportedAtMs(index, nowMs)).some((ms) => ms > 1_200),
    );
  }
  const looks = looksAt({ gateways, fromMs: 10_000, untilMs: 70_000, reportedAtMs });
  const { length } = counted(looks);
  assert.ok(length >= 11, `counted ${length} times in a minute`);
  const rate = ratePerS(looks);
  assert.ok(Math.abs(rate / (10 * gateways) - 1) < 0.06, `${rate} requests/s`);
});

test('a gateway that comes back after minutes adds its rate of now, and not what it had meanwhile', () => {
  const reportedAtMs = (index: number, nowMs: number): number =>
    index === 0 && nowMs > 20_000 && nowMs < 80_000 ? 19_700 : nowMs - 300;
  const looks = looksAt({ gateways: 10, fromMs: 10_000, untilMs: 91_000, reportedAtMs });
  for (const { arrivals, completions, violations, elapsedMs } of counted(looks)) {
    assert.ok(Math.abs((1_000 * arrivals) / elapsedMs - 100) < 1e-6, `${arrivals} requests in ${elapsedMs} ms`);
    assert.deepEqual([completions, Math.round(violations)], [arrivals, Math.round(arrivals / 10)]);
  }
});
