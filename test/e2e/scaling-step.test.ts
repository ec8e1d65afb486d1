/** A step of the load by five on real processes, beside the simulation of the same arrivals: misses, and the way to enough pods. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podRequestsPerSecond } from '../../bench/simulate/capacity.ts';
import { missedRequests, simulate, type Scenario } from '../../bench/simulate/engine.ts';
import type { ScalingPolicy } from '../../bench/simulate/policy.ts';
import { sluice } from '../../bench/simulate/sluice.ts';
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

interface Outcome {
  /** Requests that were refused, or answered after the objective: which of the two is chance while most pods are to come. */
  readonly missed: number;
  /** Decisions after the step up to the one that asks for enough pods. */
  readonly decisions: number;
  /** Time of that decision after the step, seconds: shown, and not judged. */
  readonly afterS: number;
  readonly most: number;
}

/** Simulations of the same arrivals, in ten phases of the scaler's cycle. */
function simulations(seen: {
  readonly sentMs: readonly number[];
  readonly startsMs: readonly number[];
  readonly cost: Scenario['cost'];
}): Outcome[] {
  const sorted = seen.startsMs.toSorted((one, other) => one - other);
  return Array.from({ length: 10 }, (_, phase) => {
    const leadMs = 5_000 + 100 * phase;
    const arrivalsMs = Float64Array.from(seen.sentMs, (atMs) => atMs + leadMs);
    const stepMs = arrivalsMs[firstOfStep]!;
    const inner = sluice();
    let [decisions, most, afterS] = [0, 0, Infinity];
    const asked: ScalingPolicy = {
      ...inner,
      step(observation) {
        // The first pod's start was measured, as it is by the real scaler.
        const first = observation.nowMs === 0 ? seen.startsMs.slice(0, 1) : observation.startedInMs;
        const decision = inner.step({ ...observation, startedInMs: first });
        if (observation.nowMs >= stepMs && most < enough) decisions += 1;
        if (most < enough && decision.replicas >= enough) afterS = (observation.nowMs - stepMs) / 1000;
        most = Math.max(most, decision.replicas);
        return decision;
      },
    };
    const scenario: Scenario = {
      ...limits,
      ...requests,
      cost: seen.cost,
      objectiveMs,
      maxRows: model.maxRows,
      shedding: true,
      coldStartMs: sorted[sorted.length >> 1]!,
      coldStartSigma: 0,
      initialReplicas: 1,
      seed: phase,
    };
    const missed = missedRequests(simulate(scenario, arrivalsMs, asked));
    return { missed, decisions, afterS, most };
  });
}

interface Decisions {
  readonly all: number;
  readonly untilEnough: number;
  readonly enoughAtMs: number;
  readonly most: number;
}

async function decisionsOf(scaling: ScalingSystem): Promise<Decisions> {
  const records = (await scaling.decisions()).toSorted((one, other) => one.atMs - other.atMs);
  const count = (some: typeof records): number => some.reduce((sum, { times }) => sum + times, 0);
  const first = records.findIndex(({ to }) => to >= enough);
  return {
    all: count(records),
    untilEnough: count(records.slice(0, first + 1)),
    enoughAtMs: records[first]?.atMs ?? Infinity,
    most: records.reduce((most, { to }) => Math.max(most, to), 0),
  };
}

test(
  `a step to ${steppedPerS / quietPerS} times the load: misses, decisions and pods as the simulator predicts`,
  { timeout: 600_000 },
  async (t) => {
    await using scaling = await startScaling(
      model,
      { scaling: limits, requests, objective: { latencyMs: objectiveMs } },
      { SLUICE_START_DELAY_MS: String(startDelayMs) },
    );
    let atStep: { readonly decisions: Promise<Decisions>; readonly atMs: number } | undefined;
    const { sentMs, statuses } = await send(
      scaling,
      () => (atStep = { decisions: decisionsOf(scaling), atMs: Date.now() }),
    );
    const others = [...statuses].filter(([status]) => status !== 200 && status !== 503);
    assert.deepEqual(others, []);
    const { untilEnough, enoughAtMs, most } = await decisionsOf(scaling);
    const metrics = await scaling.system.metrics();
    const [refused, late] = [statuses.get(503) ?? 0, metrics.value('sluice_requests_late_total')];
    const real: Outcome = {
      missed: refused + late,
      decisions: untilEnough - (await atStep!.decisions).all,
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
    const simulated = simulations({ sentMs, startsMs, cost });
    t.diagnostic(`${sentMs.length} requests, starts of ${startsMs.join(', ')} ms, runs of ${JSON.stringify(cost)} ms`);
    t.diagnostic(`real: ${JSON.stringify(real)}, ${refused} of them refused`);
    for (const one of simulated) t.diagnostic(`simulated: ${JSON.stringify(one)}`);
    const within = (of: (one: Outcome) => number, by: number): boolean => {
      const values = simulated.map(of);
      return of(real) >= Math.min(...values) - by && of(real) <= Math.max(...values) + by;
    };
    const predicted = simulated.map(({ missed }) => missed).sort((one, other) => one - other)[simulated.length >> 1]!;
    const difference = Math.abs(real.missed - predicted) / sentMs.length;
    assert.ok(difference <= 0.07, `${real.missed} missed, ${predicted} predicted in the median`);
    assert.ok(
      within(({ decisions }) => decisions, 5),
      'enough pods are asked for within five decisions of the prediction',
    );
    assert.ok(
      within(({ most: pods }) => pods, 1),
      'as many pods, but for one',
    );
  },
);
