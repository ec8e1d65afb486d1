import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTraffic, type Baselines, type Observation } from './observation.ts';

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
      assert.ok(most < 0.06, `${gateways} gateways, ${looksPerReport} looks a report: ${rate} requests/s`);
    }
  }
});
