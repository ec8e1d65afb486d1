/** Report on one pool for people, the page and the pool's status in the cluster. Pure. */
import type { PoolLoad } from '../../contract/load-report.ts';
import type { PoolStatus, PoolCondition, LastDecision } from '../../contract/pool-status.ts';
import type { PodReport, PoolReport } from '../../contract/scaler-api.ts';
import type { Cycle } from '../cycle.ts';
import type { LatencyWindow } from '../observe/latency-window.ts';
import type { ModelRatesWindow } from '../observe/model-rates-window.ts';
import type { MergedReports } from '../policy/merge.ts';
import { modelReports } from './model-reports.ts';
import { doesServe, servingOf } from './pod-reports.ts';
import { troublesOf } from './troubles.ts';

export interface ReportContext {
  readonly latency: LatencyWindow;
  readonly modelRates: ModelRatesWindow;
  /** Reason of the cycle's decision, in words. */
  readonly why: string;
  readonly conditions: readonly PoolCondition[];
  readonly pods: readonly PodReport[];
  /** Models that no pod answers requests for, and why. */
  readonly unserved: Readonly<Record<string, string>>;
  readonly limitedBy: string | null;
  readonly nowMs: number;
}

export function poolReport(
  { snapshot, merged, decision, desiredReplicas, versions }: Cycle,
  { latency, modelRates, why, conditions, pods: podReports, unserved, limitedBy, nowMs }: ReportContext,
): PoolReport {
  const { pool, target, pods } = snapshot;
  const { scaling, models, objective } = pool.spec;
  const loads = merged.freshLoads.map(({ load }) => load);
  const unbatched = unbatchedModels(loads);
  return {
    name: pool.metadata.name,
    models,
    modelReports: modelReports(models, {
      loads,
      unbatched,
      unserved,
      versions,
      ratesOf: (model) => modelRates.of(model),
    }),
    unbatched,
    unserved,
    ...(versions.length === 0 ? {} : { versions: [...versions] }),
    mode: scaling.mode,
    minReplicas: scaling.minReplicas,
    maxReplicas: scaling.maxReplicas ?? null,
    replicas: target?.replicas ?? pods.length,
    readyReplicas: servingOf(podReports),
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
    pods: [...podReports],
    troubles: troublesOf(conditions, nowMs),
    limitedBy,
    answers: latency.answers,
    idle: idleOf(decision.inputs),
  };
}

/**
 * Reasons by model that none of the gateways with a pod in rotation can have answered. One that has no pod says nothing of models,
 * and one gateway that reaches a pod with the model is enough.
 */
export function unservedModels(loads: readonly PoolLoad[]): Record<string, string> {
  const reasons = new Map<string, string>();
  const served = new Set<string>();
  for (const { models, pods } of loads) {
    if (!pods.some(({ state, leaving }) => doesServe(state) && !leaving)) continue;
    for (const { name, unservedReason } of models) {
      if (unservedReason === undefined) served.add(name);
      else reasons.set(name, unservedReason);
    }
  }
  return Object.fromEntries([...reasons].filter(([name]) => !served.has(name)));
}

/** Reasons by model, over all gateways: what one has learned reaches the others soon. */
function unbatchedModels(loads: readonly PoolLoad[]): Record<string, string> {
  const reasons: Record<string, string> = {};
  for (const { name, unbatchedReason } of loads.flatMap(({ models }) => models)) {
    if (unbatchedReason !== undefined) reasons[name] = unbatchedReason;
  }
  return reasons;
}

function idleOf(inputs: Cycle['decision']['inputs']): { sinceMs: number; untilMs: number | null } | null {
  const sinceMs = amount(inputs['idleSinceMs']);
  return sinceMs === null ? null : { sinceMs, untilMs: amount(inputs['mayShrinkAtMs']) };
}

export function longestWaitMs({ freshLoads }: MergedReports): number | null {
  const waits = freshLoads.map(({ load }) => load.predictedWaitMs).filter((wait) => wait !== null);
  return waits.length === 0 ? null : Math.max(...waits);
}

/** @param kept the pool's revision, and the texts of its rushes and for the next leader; null without any */
export function statusOf(
  report: PoolReport,
  lastDecision: LastDecision | null,
  {
    generation,
    seasonal,
    handover,
  }: { readonly generation: number | undefined; readonly seasonal: string | null; readonly handover: string | null },
): PoolStatus {
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(seasonal === null ? {} : { seasonal }),
    ...(handover === null ? {} : { handover }),
    replicas: report.replicas,
    readyReplicas: report.readyReplicas,
    desiredReplicas: report.desiredReplicas,
    drainingReplicas: report.drainingReplicas,
    queued: report.queued,
    predictedWaitMs: report.predictedWaitMs === null ? null : Math.round(report.predictedWaitMs),
    conditions: report.conditions,
    lastDecision,
    ...(report.versions === undefined ? {} : { models: report.versions }),
  };
}

function amount(value: number | string | null | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}
