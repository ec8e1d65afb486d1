/** A step of the load by five on real processes, beside the simulation of the same arrivals: misses, and the way to enough pods. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podRequestsPerSecond } from '../../bench/simulate/capacity.ts';
import { decisionsIn, predictStep, type DecisionCount, type StepOutcome } from '../support/predicted-step.ts';
import { startScaling, type ScalingSystem } from '../support/scaling.ts';

/** A pod sleeps 400 ms for a batch of four, about 10 requests/s. Twenty such pods leave two cores idle. */
const model = { runMs: 80, rowMs: 80, maxRows: 8 };
/** Between two batch sizes' limits, so that a millisecond in the learned cost does not change the batch size. */
const objectiveMs = 900;
const limits = { minReplicas: 1, maxReplicas: 10 };
const requests = { timeoutMs: 60_000, coldStartHoldMs: 60_000, maxQueued: 10_000 };
const startDelayMs = 4_000;

const [quietPerS, steppedPerS] = [6, 30];
/** The step stays long enough for pods that start on a machine with other work. */
const [quietS, steppedS] = [15, 45];
const firstOfStep = quietS * quietPerS;
const enough = Math.ceil(
  steppedPerS / podRequestsPerSecond({ cost: { a: model.runMs, c: model.rowMs }, objectiveMs, maxRows: model.maxRows }),
);

/** Requests by status, and when each was sent: late where this process had no time, as the system's own are. */
async function send(
  scaling: ScalingSystem,
  onStep: () => void,
): Promise<{ sentMs: number[]; statuses: Map<number, number> }> {
  const dueMs = [
    ...Array.from({ length: firstOfStep }, (_, index) => (1000 * index) / quietPerS),
    ...Array.from({ length: steppedS * steppedPerS }, (_, index) => 1000 * (quietS + index / steppedPerS)),
  ];
  const sentMs: number[] = [];
  const statuses = new Map<number, number>();
  const open: Promise<void>[] = [];
  const beganMs = performance.now();
  for (const atMs of dueMs) {
    for (let nowMs = 0; (nowMs = performance.now() - beganMs) < atMs;) {
      await new Promise((resolve) => setTimeout(resolve, atMs - nowMs));
    }
    if (sentMs.length === firstOfStep) onStep();
    sentMs.push(performance.now() - beganMs);
    open.push(
      scaling.predict().then((status) => {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }),
    );
  }
  await Promise.all(open);
  return { sentMs, statuses };
}

const decisionsOf = async (scaling: ScalingSystem): Promise<DecisionCount> =>
  decisionsIn(await scaling.decisions(), enough);

test(
  `a step to ${steppedPerS / quietPerS} times the load: misses, orders and pods as the simulator predicts`,
  { timeout: 600_000 },
  async (t) => {
    await using scaling = await startScaling(
      model,
      { scaling: limits, requests, objective: { latencyMs: objectiveMs } },
      { SLUICE_START_DELAY_MS: String(startDelayMs) },
    );
    let atStep: { readonly decisions: Promise<DecisionCount>; readonly atMs: number } | undefined;
    const { sentMs, statuses } = await send(
      scaling,
      () => (atStep = { decisions: decisionsOf(scaling), atMs: Date.now() }),
    );
    const others = [...statuses].filter(([status]) => status !== 200 && status !== 503);
    assert.deepEqual(others, []);
    const { untilEnough, orders, enoughAtMs, most } = await decisionsOf(scaling);
    const metrics = await scaling.system.metrics();
    const [refused, late] = [statuses.get(503) ?? 0, metrics.value('sluice_requests_late_total')];
    const real: StepOutcome = {
      missed: refused + late,
      decisions: untilEnough - (await atStep!.decisions).all,
      orders,
      afterS: (enoughAtMs - atStep!.atMs) / 1000,
      most,
    };
    const cost = {
      a: 1000 * metrics.value('sluice_learned_cost_base_seconds'),
      c: 1000 * metrics.value('sluice_learned_cost_per_row_seconds'),
    };
    const startsMs = scaling.lines.flatMap(({ msg }) => {
      const seconds = /^pod \S+ ready in ([\d.]+) s/.exec(msg)?.[1];
      return seconds === undefined ? [] : [1000 * Number(seconds)];
    });
    const scenario = { ...limits, ...requests, cost, objectiveMs, maxRows: model.maxRows };
    const simulated = predictStep({ scenario, sentMs, firstOfStep, startsMs, enough });
    t.diagnostic(`${sentMs.length} requests, starts of ${startsMs.join(', ')} ms, runs of ${JSON.stringify(cost)} ms`);
    t.diagnostic(`real: ${JSON.stringify(real)}, ${refused} of them refused`);
    for (const one of simulated) t.diagnostic(`simulated: ${JSON.stringify(one)}`);
    const within = (of: (one: StepOutcome) => number, by: number): boolean => {
      const values = simulated.map(of);
      return of(real) >= Math.min(...values) - by && of(real) <= Math.max(...values) + by;
    };
    const predicted = simulated.map(({ missed }) => missed).sort((one, other) => one - other)[simulated.length >> 1]!;
    const difference = Math.abs(real.missed - predicted) / sentMs.length;
    assert.ok(difference <= 0.07, `${real.missed} missed, ${predicted} predicted in the median`);
    // Decisions between the orders are wakes by what waits: how many there are depends on the machine.
    assert.ok(
      within(({ orders: asked }) => asked, 1),
      'enough pods are asked for by as many orders, but for one',
    );
    assert.ok(
      within(({ most: pods }) => pods, 1),
      'as many pods, but for one',
    );
  },
);
