/**
 * Merges the last reports of all gateways and the cluster's pods into one observation of one pool.
 *
 * A gateway that was never ready holds no request and is not expected to report. A terminating one still holds some, and counts
 * while it reports. All others are expected: whatever they fail to report makes the sum a lower bound; see observation.ts.
 */
import type { LoadReport, PoolLoad } from '../../contract/load-report.ts';
import { costOf, updateMix, requestsPerRun, type Mix } from './mix.ts';
import { freshForMs, type GatewayReport, type Observation } from './observation.ts';
import { isEjected, servesUnready, viewsByPod, type Ejections, type GatewayLoad, type PodView } from './pod-views.ts';

/** Last line of a gateway's load stream. */
export interface LastReport {
  /** Time at which the scaler received it. */
  readonly atMs: number;
  /** Null if the line was no valid load report. */
  readonly report: LoadReport | null;
}

export interface ObservedGateway {
  /** UID in the cluster, which outlives restarts of the process. */
  readonly uid: string;
  readonly name: string;
  readonly wasReady: boolean;
  readonly terminating: boolean;
  readonly lastReport: LastReport | null;
}

/** A pod that is not being deleted. */
export interface ObservedPod {
  readonly uid: string;
  readonly ready: boolean;
  /** Marked as draining: gateways send it nothing new. */
  readonly draining: boolean;
  readonly crashLooping: boolean;
  readonly restarts: number;
  readonly createdAtMs: number;
  readonly readyAtMs: number | null;
}

/** A gateway's current load of the pool. */
export interface FreshLoad {
  readonly gateway: ObservedGateway;
  readonly load: PoolLoad;
}

export interface MergedReports {
  readonly observation: Observation;
  readonly mix: Mix;
  /** Requests that fit one run; the policy's `maxRows`, which counts requests as rows. */
  readonly maxRequests: number;
  readonly freshLoads: readonly FreshLoad[];
  /** Gateways' views of each pod, by its UID. */
  readonly podViews: ReadonlyMap<string, readonly PodView[]>;
  /** Pods that are out of rotation anywhere, for the next merge. */
  readonly ejections: Ejections;
  /** Whether every expected gateway has a fresh report on this pool. */
  readonly complete: boolean;
  /** Names of the expected gateways without one. */
  readonly silent: readonly string[];
}

/** A report from the future was received before the clock was set back: its age is unknown, so it is not fresh. */
export function isFresh(last: LastReport | null, nowMs: number): boolean {
  return last !== null && last.atMs <= nowMs && nowMs - last.atMs <= freshForMs;
}

/** Whether a gateway may hold requests: only such gateways are expected to report and to acknowledge drains. */
export function canHoldRequests({ wasReady, lastReport }: ObservedGateway): boolean {
  return wasReady || lastReport?.report?.ready === true;
}

export interface MergeInput {
  readonly pool: string;
  readonly maxRows: number;
  readonly gateways: readonly ObservedGateway[];
  readonly pods: readonly ObservedPod[];
  readonly replicas: number;
  readonly startedInMs: readonly number[];
  readonly mix: Mix;
  /** Ejections that the merge before returned. */
  readonly ejections: Ejections;
  /** Time since the merge before, in which the mix forgets. */
  readonly elapsedMs: number;
  readonly nowMs: number;
}

export function mergeReports(input: MergeInput): MergedReports {
  const { pool, maxRows, pods, replicas, startedInMs, elapsedMs, nowMs } = input;
  const freshLoads: FreshLoad[] = [];
  const reports: GatewayReport[] = [];
  const silent: string[] = [];
  let gatewaysExpected = 0;
  const loads: { atMs: number; id: string; load: PoolLoad }[] = [];
  const fromFresh: GatewayLoad[] = [];
  for (const gateway of input.gateways.filter(canHoldRequests)) {
    const { lastReport } = gateway;
    const fresh = isFresh(lastReport, nowMs);
    const report = lastReport?.report?.ready === true ? lastReport.report : null;
    const load = report?.pools.find(({ name }) => name === pool);
    if (gateway.terminating && !(fresh && load !== undefined)) continue;
    gatewaysExpected += 1;
    if (lastReport !== null && lastReport.report === null) reports.push(unreadableReport(gateway.uid, lastReport.atMs));
    if (lastReport !== null && report !== null && load !== undefined) {
      const id = `${gateway.uid}/${report.instance}`;
      loads.push({ atMs: lastReport.atMs, id, load });
      if (fresh) fromFresh.push({ id, load });
    }
    if (fresh && load !== undefined) freshLoads.push({ gateway, load });
    else silent.push(gateway.name);
  }
  const { views: podViews, ejections } = viewsByPod(fromFresh, input.ejections);
  const models = loads.map(({ id, load }) => ({ gateway: id, models: load.models }));
  const mix = updateMix(input.mix, models, elapsedMs);
  for (const { atMs, id, load } of loads) {
    const cost = costOf(load.models, mix.weights);
    const shed = Object.values(load.shed).reduce((sum, count) => sum + count, 0);
    const { arrivals, completions, late, queued, inFlight } = load;
    reports.push({ id, atMs, arrivals, completions, shed, late, queued, inFlight, cost });
  }
  // A pod that lacks a required model is not ready, and gateways send it requests for its others.
  const isServing = ({ uid, ready }: ObservedPod): boolean => ready || servesUnready(podViews.get(uid));
  const serving = pods.filter((pod) => isServing(pod) && !pod.draining);
  const observation: Observation = {
    reports,
    gatewaysExpected,
    replicas,
    pods: {
      ready: serving.length,
      ejected: serving.filter(({ uid }) => isEjected(podViews.get(uid))).length,
      // A pod that will not become ready counts as one just created, which is credited with nothing.
      startingSinceMs: pods
        .filter((pod) => !isServing(pod) && !pod.draining)
        .map((pod) => (willBecomeReady(pod, startedInMs, nowMs) ? pod.createdAtMs : nowMs)),
    },
    startedInMs,
  };
  const maxRequests = requestsPerRun(models, mix.weights, maxRows);
  const complete = gatewaysExpected > 0 && silent.length === 0;
  return { observation, mix, maxRequests, freshLoads, podViews, ejections, complete, silent };
}

/** Start longer than any believable one: a Deployment's default progressDeadlineSeconds, and 4 times the longest seen. */
const maxStartMs = 600_000;
const maxStartRatio = 4;

/** False for a pod that crash-loops, was ready before, or starts for too long: it is no capacity on its way. */
function willBecomeReady(pod: ObservedPod, startedInMs: readonly number[], nowMs: number): boolean {
  if (pod.crashLooping || pod.readyAtMs !== null) return false;
  return nowMs - pod.createdAtMs <= Math.max(maxStartMs, maxStartRatio * Math.max(0, ...startedInMs));
}

/** Invalid report: NaN totals make the policy hold with bad-number. */
function unreadableReport(id: string, atMs: number): GatewayReport {
  const totals = { arrivals: NaN, completions: NaN, shed: NaN, late: NaN };
  return { id, atMs, ...totals, queued: NaN, inFlight: NaN, cost: null };
}
