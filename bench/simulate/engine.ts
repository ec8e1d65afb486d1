/**
 * The simulation's clock and scaler: asks a policy at its interval, starts pods with a drawn start-up time, drains them.
 * Deterministic: the same arrivals, scenario and policy give the same result.
 */
import type { PolicyObservation, ScalingPolicy } from './policy.ts';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { lognormal } from './lognormal.ts';
import { SimulatedGateway, type RequestTotals, type SimulatedGatewaySpec } from './simulated-gateway.ts';
import type { SimulatedPod } from './simulated-pod.ts';

export interface Scenario extends SimulatedGatewaySpec {
  /** Median time from a pod's creation to ready. */
  readonly coldStartMs: number;
  /** Standard deviation of the start-up time's logarithm. */
  readonly coldStartSigma: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Pods that are ready at time 0: the simulation begins in the middle of a service's life. */
  readonly initialReplicas: number;
  readonly seed: number;
}

export interface SimulationResult extends Readonly<RequestTotals> {
  /** Requests that were late, shed or failed, % of all. */
  readonly violationPercent: number;
  /** Runs of all pods. */
  readonly runs: number;
  /** Lifetimes of all pods, from creation to exit or `endMs`. */
  readonly podSeconds: number;
  /** Changes of the replicas that the policy asked for. */
  readonly scaleWrites: number;
  readonly podStarts: number;
  /** Pods that exist (starting, ready or draining), at each change. */
  readonly replicas: readonly { readonly atMs: number; readonly pods: number }[];
  /** Arrivals of the requests that were answered late or not at all; only with `traceLate`. */
  readonly lateArrivalsMs: readonly number[];
}

/** Requests that were late, shed or failed. */
export function missedRequests({ late, shed, failed }: Readonly<RequestTotals>): number {
  return late + shed + failed;
}

interface StartingPod {
  readonly createdMs: number;
  readonly readyMs: number;
}

/** Shortest time between a policy step and a wake-up, as between two load reports of a gateway. */
const leastGapMs = 100;

/** End of the time for which pods are paid: the last request is answered by then. */
export function endMs(arrivalsMs: Float64Array, objectiveMs: number): number {
  return (arrivalsMs.at(-1) ?? 0) + objectiveMs;
}

export function simulate(
  scenario: Scenario,
  arrivalsMs: Float64Array,
  policy: ScalingPolicy,
  options: {
    /** Keeps `lateArrivalsMs`. */
    readonly traceLate?: boolean;
    /** Called about every percent of the arrivals, with the share that has arrived. */
    readonly onProgress?: (done: number) => void;
    /** Measured start-up times of the first pods to start, in the order of their creation; those of later pods are drawn. */
    readonly startsMs?: readonly number[];
    /** Set to false for a gateway that doesn't hear of starting pods, and so lets nothing wait for them. */
    readonly queuesForStarts?: false;
  } = {},
): SimulationResult {
  const lateArrivalsMs: number[] = [];
  const gateway = new SimulatedGateway({
    spec: scenario,
    requests: arrivalsMs.length,
    random: seededRandom(scenario.seed),
    events: {
      onExit: exited,
      ...(options.traceLate === true && { onLate: (arrivedMs: number) => void lateArrivalsMs.push(arrivedMs) }),
    },
  });
  const startTimes = seededRandom(scenario.seed + 1);
  const paidUntilMs = endMs(arrivalsMs, scenario.objectiveMs);
  /** Starting pods by creation; their times to ready differ. */
  let starting: StartingPod[] = [];
  let nextReadyMs = Infinity;
  let draining = 0;
  let desired = 0;
  let podMs = 0;
  let lastStepMs = -Infinity;
  let scaleWrites = 0;
  let podStarts = 0;
  let startedInMs: number[] = [];
  const replicas: { atMs: number; pods: number }[] = [];

  function record(atMs: number): void {
    const pods = starting.length + gateway.serving + draining;
    if (replicas.at(-1)?.atMs === atMs) replicas.pop();
    if (replicas.at(-1)?.pods !== pods) replicas.push({ atMs, pods });
  }

  function paid(createdMs: number, exitMs: number): void {
    podMs += Math.max(0, Math.min(exitMs, paidUntilMs) - createdMs);
  }

  function exited(pod: SimulatedPod, nowMs: number): void {
    draining -= 1;
    paid(pod.createdMs, nowMs);
    record(nowMs);
  }

  function plan(): void {
    gateway.comingPods = options.queuesForStarts === false ? 0 : starting.length;
    nextReadyMs = Infinity;
    for (const pod of starting) if (pod.readyMs < nextReadyMs) nextReadyMs = pod.readyMs;
  }

  function scaleTo(wanted: number, nowMs: number): void {
    while (starting.length + gateway.serving < wanted) {
      const inMs =
        options.startsMs?.[podStarts] ?? lognormal(startTimes, scenario.coldStartMs, scenario.coldStartSigma);
      starting.push({ createdMs: nowMs, readyMs: nowMs + inMs });
      podStarts += 1;
    }
    // Starting pods go first, the youngest of them before the others.
    while (starting.length + gateway.serving > wanted) {
      const unready = starting.pop();
      if (unready !== undefined) {
        paid(unready.createdMs, nowMs);
      } else {
        draining += 1;
        gateway.drainOne(nowMs);
      }
    }
    plan();
    record(nowMs);
  }

  function becomeReady(nowMs: number): void {
    const ready = starting.filter((pod) => pod.readyMs <= nowMs);
    starting = starting.filter((pod) => pod.readyMs > nowMs);
    for (const pod of ready) {
      startedInMs.push(pod.readyMs - pod.createdMs);
      gateway.addPod(pod.createdMs);
    }
    plan();
  }

  function observe(nowMs: number): PolicyObservation {
    const { arrivals, completions, shed, late } = gateway.totals;
    const { cost, objectiveMs, minReplicas, maxReplicas, maxRows } = scenario;
    return {
      nowMs,
      arrivals,
      completions,
      shed,
      late,
      queued: gateway.queued,
      inFlight: gateway.inFlight,
      desired,
      startedInMs,
      pods: { ready: gateway.serving, starting: starting.length, draining },
      startingSinceMs: starting.map((pod) => pod.createdMs),
      cost,
      objectiveMs,
      minReplicas,
      maxReplicas,
      maxRows,
    };
  }

  /** Time at which the policy is asked between its intervals; Infinity without a wake-up. */
  function wakeDueMs(): number {
    return gateway.wakes && policy.wakes === true ? lastStepMs + leastGapMs : Infinity;
  }

  function step(nowMs: number): void {
    lastStepMs = nowMs;
    gateway.wakes = false;
    const { replicas: asked } = policy.step(observe(nowMs));
    startedInMs = [];
    const wanted = Math.min(scenario.maxReplicas, Math.max(scenario.minReplicas, asked));
    if (wanted === desired) return;
    desired = wanted;
    scaleWrites += 1;
    scaleTo(wanted, nowMs);
  }

  desired = Math.min(scenario.maxReplicas, Math.max(scenario.minReplicas, scenario.initialReplicas));
  for (let pod = 0; pod < desired; pod += 1) gateway.addPod(0);
  record(0);

  const count = arrivalsMs.length;
  const reportEvery = Math.max(1, Math.ceil(count / 100));
  let next = 0;
  let nextReport = reportEvery;
  let nextStepMs = 0;
  while (next < count || gateway.queued > 0 || gateway.inFlight > 0) {
    const arrivalMs = next < count ? arrivalsMs[next]! : Infinity;
    const wakeMs = wakeDueMs();
    const nowMs = Math.min(arrivalMs, gateway.nextRunEndMs, gateway.nextExpiryMs, nextReadyMs, nextStepMs, wakeMs);
    while (gateway.nextRunEndMs <= nowMs) gateway.endRun();
    if (nextReadyMs <= nowMs) becomeReady(nowMs);
    while (next < count && arrivalsMs[next]! <= nowMs) {
      gateway.arrive(nowMs);
      next += 1;
    }
    gateway.dispatch(nowMs);
    const due = nextStepMs <= nowMs;
    if (due || wakeDueMs() <= nowMs) step(nowMs);
    if (due) nextStepMs += policy.intervalMs;
    if (next >= nextReport) {
      options.onProgress?.(next / count);
      nextReport += reportEvery;
    }
  }
  for (const pod of [...gateway.pods, ...starting]) paid(pod.createdMs, paidUntilMs);

  const { totals } = gateway;
  return {
    ...totals,
    runs: gateway.runs,
    violationPercent: totals.arrivals === 0 ? 0 : (100 * missedRequests(totals)) / totals.arrivals,
    podSeconds: podMs / 1000,
    scaleWrites,
    podStarts,
    replicas,
    lateArrivalsMs,
  };
}
