/**
 * The pods' side of the simulation, and its clock: a policy is asked at its interval, pods start in a time drawn from
 * a distribution, drain and leave. Deterministic: same arrivals, scenario and policy, same outcome.
 */
import type { Seen, ScalingPolicy } from './policy.ts';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { lognormal } from './lognormal.ts';
import { Station, type SimulatedPod, type StationSpec, type Totals } from './station.ts';

export interface Scenario extends StationSpec {
  /** Median time from a pod's creation to ready. */
  readonly coldStartMs: number;
  /** Deviation of the start-up time's logarithm. */
  readonly coldStartSigma: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Ready at time 0: the simulation begins in the middle of a service's life. */
  readonly initialReplicas: number;
  readonly seed: number;
}

export interface Outcome extends Readonly<Totals> {
  /** Late, shed or failed, % of all requests. */
  readonly violationPercent: number;
  /** From creation to exit, of all pods, until `endMs`. */
  readonly podSeconds: number;
  /** Times that the policy asked for another number of replicas. */
  readonly scaleWrites: number;
  readonly podStarts: number;
  /** Pods that exist (starting, ready or draining), at each change. */
  readonly replicas: readonly { readonly atMs: number; readonly pods: number }[];
  /** Arrivals of the requests that were answered late or not at all; only if asked for. */
  readonly lateArrivalsMs: readonly number[];
}

interface StartingPod {
  readonly createdMs: number;
  readonly readyMs: number;
}

/** Between two reports of a gateway, however much happens. */
const leastGapMs = 100;

/** Pods are paid until the last request may have been answered. */
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
    /** Called about every percent of the arrivals. */
    readonly onProgress?: (done: number) => void;
  } = {},
): Outcome {
  const lateArrivalsMs: number[] = [];
  const station = new Station(scenario, arrivalsMs.length, seededRandom(scenario.seed), {
    onExit: exited,
    ...(options.traceLate === true && { onLate: (arrivedMs: number) => void lateArrivalsMs.push(arrivedMs) }),
  });
  const startTimes = seededRandom(scenario.seed + 1);
  const paidUntilMs = endMs(arrivalsMs, scenario.objectiveMs);
  /** By creation; their times to ready differ. */
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
    const pods = starting.length + station.serving + draining;
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
    station.comingPods = starting.length;
    nextReadyMs = Infinity;
    for (const pod of starting) if (pod.readyMs < nextReadyMs) nextReadyMs = pod.readyMs;
  }

  function scaleTo(wanted: number, nowMs: number): void {
    while (starting.length + station.serving < wanted) {
      const inMs = lognormal(startTimes, scenario.coldStartMs, scenario.coldStartSigma);
      starting.push({ createdMs: nowMs, readyMs: nowMs + inMs });
      podStarts += 1;
    }
    // A pod that is not ready goes before one that is, the youngest first.
    while (starting.length + station.serving > wanted) {
      const unready = starting.pop();
      if (unready !== undefined) {
        paid(unready.createdMs, nowMs);
      } else {
        draining += 1;
        station.drainOne(nowMs);
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
      station.addPod(pod.createdMs);
    }
    plan();
  }

  function see(nowMs: number): Seen {
    const { arrivals, completions, shed, late } = station.totals;
    const { cost, objectiveMs, minReplicas, maxReplicas, maxRows } = scenario;
    return {
      nowMs,
      arrivals,
      completions,
      shed,
      late,
      queued: station.queued,
      inFlight: station.inFlight,
      desired,
      startedInMs,
      pods: { ready: station.serving, starting: starting.length, draining },
      startingSinceMs: starting.map((pod) => pod.createdMs),
      cost,
      objectiveMs,
      minReplicas,
      maxReplicas,
      maxRows,
    };
  }

  /** When the policy is to be asked between its intervals. */
  function wakeDueMs(): number {
    return station.wakes && policy.wakes === true ? lastStepMs + leastGapMs : Infinity;
  }

  function step(nowMs: number): void {
    lastStepMs = nowMs;
    station.wakes = false;
    const { replicas: asked } = policy.step(see(nowMs));
    startedInMs = [];
    const wanted = Math.min(scenario.maxReplicas, Math.max(scenario.minReplicas, asked));
    if (wanted === desired) return;
    desired = wanted;
    scaleWrites += 1;
    scaleTo(wanted, nowMs);
  }

  desired = Math.min(scenario.maxReplicas, Math.max(scenario.minReplicas, scenario.initialReplicas));
  for (let pod = 0; pod < desired; pod += 1) station.addPod(0);
  record(0);

  const count = arrivalsMs.length;
  const reportEvery = Math.max(1, Math.ceil(count / 100));
  let next = 0;
  let nextReport = reportEvery;
  let nextStepMs = 0;
  while (next < count || station.queued > 0 || station.inFlight > 0) {
    const arrivalMs = next < count ? arrivalsMs[next]! : Infinity;
    const wakeMs = wakeDueMs();
    const nowMs = Math.min(arrivalMs, station.nextRunEndMs, station.nextExpiryMs, nextReadyMs, nextStepMs, wakeMs);
    while (station.nextRunEndMs <= nowMs) station.endRun();
    if (nextReadyMs <= nowMs) becomeReady(nowMs);
    while (next < count && arrivalsMs[next]! <= nowMs) {
      station.arrive(nowMs);
      next += 1;
    }
    station.dispatch(nowMs);
    const due = nextStepMs <= nowMs;
    if (due || wakeDueMs() <= nowMs) step(nowMs);
    if (due) nextStepMs += policy.intervalMs;
    if (next >= nextReport) {
      options.onProgress?.(next / count);
      nextReport += reportEvery;
    }
  }
  for (const pod of [...station.pods, ...starting]) paid(pod.createdMs, paidUntilMs);

  const { totals } = station;
  const violations = totals.late + totals.shed + totals.failed;
  return {
    ...totals,
    violationPercent: totals.arrivals === 0 ? 0 : (100 * violations) / totals.arrivals,
    podSeconds: podMs / 1000,
    scaleWrites,
    podStarts,
    replicas,
    lateArrivalsMs,
  };
}
