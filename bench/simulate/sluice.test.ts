import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { podRequestsPerSecond } from './capacity.ts';
import { simulate, type Scenario } from './engine.ts';
import { poissonArrivals } from './families/rate-curve.ts';
import { sluice } from './sluice.ts';

const scenario: Scenario = {
  cost: { a: 0, c: 100 },
  objectiveMs: 300,
  maxRows: 8,
  timeoutMs: 60_000,
  coldStartHoldMs: 60_000,
  maxQueued: 10_000,
  shedding: true,
  coldStartMs: 5_000,
  coldStartSigma: 0.1,
  minReplicas: 0,
  maxReplicas: 50,
  initialReplicas: 0,
  seed: 1,
};

for (const objectiveMs of [205, 1500]) {
  test(`a promise of ${objectiveMs} ms is kept where requests come by chance, by few pods more than the work needs`, () => {
    const perPod = podRequestsPerSecond({ ...scenario, objectiveMs });
    const curve = { stepMs: 1000, perSecond: new Float64Array(5400).fill(4 * perPod) };
    const { violationPercent, podSeconds } = simulate(
      { ...scenario, objectiveMs, initialReplicas: 5 },
      poissonArrivals(curve, seededRandom(7)),
      sluice(),
    );
    assert.ok(violationPercent < 0.5, `${violationPercent}% missed`);
    assert.ok(podSeconds < 6.5 * 5400, `${podSeconds / 5400} pods for the work of 4`);
  });
}

test('the production policy scales simulated pods from zero with the load and back to one', () => {
  const arrivals = Float64Array.from([
    ...Array.from({ length: 6_000 }, (_, index) => index * 20),
    // Pods are kept for three minutes after they were needed, and scale-downs are a minute apart.
    ...Array.from({ length: 480 }, (_, index) => 120_000 + index * 1000),
  ]);
  const { replicas, failed, podSeconds } = simulate(scenario, arrivals, sluice());
  const most = Math.max(...replicas.map(({ pods }) => pods));
  assert.equal(failed, 0);
  assert.ok(most >= 5 && most <= 25, `${most} pods`);
  assert.ok((replicas.at(-1)?.pods ?? 0) <= 2, JSON.stringify(replicas.at(-1)));
  assert.ok(podSeconds < 4_000, `${podSeconds}`);
});
