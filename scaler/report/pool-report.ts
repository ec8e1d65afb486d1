/** Report on one pool for people, the page and the pool's status in the cluster. Pure. */
import type { PoolLoad } from '../../contract/load-report.ts';
import type { PoolStatus, PoolCondition, LastDecision } from '../../contract/pool-status.ts';
import type { PodReport, PoolReport } from '../../contract/scaler-api.ts';
import type { ScalerPod } from '../../cluster/scalable.ts';
import type { Cycle } from '../cycle.ts';
import type { LatencyWindow } from '../observe/latency-window.ts';
import type { MergedReports } from '../policy/merge.ts';
import { inFlightOf, type PodView } from '../policy/pod-views.ts';

export interface ReportContext {
  readonly latency: LatencyWindow;
  /** Why the scaler doubts a pod, by UID; null if it does not. */
  readonly reasonOf: (uid: string) => string | null;
  /** Reason of the cycle's decision, in words. */
  readonly why: string;
  readonly conditions: readonly PoolCondition[];
}

export function poolReport(
  { snapshot, merged, decision, desiredReplicas }: Cycle,
  { latency, reasonOf, why, conditions }: ReportContext,
): PoolReport {
  const { pool, target, pods, terminating } = snapshot;
  const { scaling, models, objective } = pool.spec;
  const loads = merged.freshLoads.map(({ load }) => load);
  return {
    name: pool.metadata.name,
    models,
    unbatched: unbatchedModels(loads),
    mode: scaling.mode,
    minReplicas: scaling.minReplicas,
    maxReplicas: scaling.maxReplicas ?? null,
    replicas: target?.replicas ?? pods.length,
    readyReplicas: pods.filter(isServing).length,
    desiredReplicas,
    drainingReplicas: pods.filter(({ draining }) => draining !== null).length,
    arrivalsPerS: latency.arrivalsPerS,
    forecastPerS: amount(decision.inputs['expectedPerS']),
    queued: loads.reduce((sum, { queued }) => sum + queued, 0),
    oldestMs: Math.max(0, ...loads.map(({ oldestMs }) => oldestMs)),
    inFlight: loads.reduce((sum, { inFlight }) => sum + inFlight, 0),
    predictedWaitMs: longestWaitMs(merged),
    objectiveMs: objective?.latencyMs ?? null,
    p50Ms: latency.quantileMs(0.5),
    p99Ms: latency.quantileMs(0.99),
    coldStartMs: amount(decision.inputs['coldStartMs']),
    why,
    conditions: [...conditions],
    pods: [...pods, ...terminating].map((pod) => podReport(pod, merged.podViews.get(pod.uid) ?? [], reasonOf(pod.uid))),
  };
}

/** Reasons by model. What one gateway has heard of, the others will. */
function unbatchedModels(loads: readonly PoolLoad[]): Record<string, string> {
  const reasons: Record<string, string> = {};
  for (const { name, unbatchedReason } of loads.flatMap(({ models }) => models)) {
    if (unbatchedReason !== undefined) reasons[name] = unbatchedReason;
  }
  return reasons;
}

function longestWaitMs({ freshLoads }: MergedReports): number | null {
  const waits = freshLoads.map(({ load }) => load.predictedWaitMs).filter((wait) => wait !== null);
  return waits.length === 0 ? null : Math.max(...waits);
}

export function statusOf(report: PoolReport, lastDecision: LastDecision | null, generation?: number): PoolStatus {
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    replicas: report.replicas,
    readyReplicas: report.readyReplicas,
    desiredReplicas: report.desiredReplicas,
    drainingReplicas: report.drainingReplicas,
    queued: report.queued,
    predictedWaitMs: report.predictedWaitMs === null ? null : Math.round(report.predictedWaitMs),
    conditions: report.conditions,
    lastDecision,
  };
}

function isServing({ phase, draining }: ScalerPod): boolean {
  return phase === 'Ready' && draining === null;
}

function podReport(pod: ScalerPod, views: readonly PodView[], doubt: string | null): PodReport {
  const { uid, name } = pod;
  const reason = pod.reason ?? doubt ?? views.find((view) => view.reason !== null)?.reason ?? null;
  return { uid, name, state: stateOf(pod, views), inFlight: inFlightOf(views), reason };
}

function stateOf(pod: ScalerPod, views: readonly PodView[]): PodReport['state'] {
  if (pod.phase === 'Terminating') return 'terminating';
  if (pod.crashLooping) return 'crash-looping';
  if (pod.draining !== null) return 'draining';
  if (pod.phase === 'Pending') return 'pending';
  // Ejection is checked before the phase: a hung pod turns unready too, and would read as 'starting'.
  if (views.some(({ state }) => state === 'ejected')) return 'ejected';
  if (pod.phase === 'Running') return 'starting';
  return views.some(({ state }) => state === 'probing') ? 'probing' : 'serving';
}

function amount(value: number | string | null | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}
