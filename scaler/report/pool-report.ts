/** What the scaler tells of one pool, to people and pages, and its status in the cluster. Pure. */
import type { PoolStatus, PoolCondition, LastDecision } from '../../contract/pool-status.ts';
import type { PodReport, PoolReport } from '../../contract/scaler-api.ts';
import type { ScalerPod } from '../../cluster/scalable.ts';
import type { PoolSnapshot } from '../observe/snapshot.ts';
import { inFlightOf, type Merged, type Said } from '../policy/merge.ts';
import type { Inputs } from '../policy/decide.ts';

export interface Numbers {
  readonly replicas: number;
  readonly desired: number;
  readonly inputs: Inputs;
  readonly arrivalsPerS: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly why: string;
  readonly conditions: readonly PoolCondition[];
  /** Why the scaler doubts a pod, by UID. */
  readonly doubts: (uid: string) => string | null;
}

export function poolReport({ pool, pods, terminating }: PoolSnapshot, merged: Merged, numbers: Numbers): PoolReport {
  const { heard } = merged;
  const { scaling, models, objective } = pool.spec;
  const loads = heard.map(({ load }) => load);
  const { replicas, desired, inputs, arrivalsPerS, p50Ms, p99Ms, why, conditions } = numbers;
  return {
    name: pool.metadata.name,
    models,
    mode: scaling.mode,
    minReplicas: scaling.minReplicas,
    maxReplicas: scaling.maxReplicas ?? null,
    replicas,
    readyReplicas: pods.filter(isServing).length,
    desiredReplicas: desired,
    drainingReplicas: pods.filter(({ draining }) => draining !== null).length,
    arrivalsPerS,
    forecastPerS: amount(inputs['expectedPerS']),
    queued: loads.reduce((sum, { queued }) => sum + queued, 0),
    oldestMs: Math.max(0, ...loads.map(({ oldestMs }) => oldestMs)),
    inFlight: loads.reduce((sum, { inFlight }) => sum + inFlight, 0),
    predictedWaitMs: longestWaitMs(merged),
    objectiveMs: objective?.latencyMs ?? null,
    p50Ms,
    p99Ms,
    coldStartMs: amount(inputs['coldStartMs']),
    why,
    conditions: [...conditions],
    pods: [...pods, ...terminating].map((pod) =>
      podReport(pod, merged.said.get(pod.uid) ?? [], numbers.doubts(pod.uid)),
    ),
  };
}

export function longestWaitMs({ heard }: Merged): number | null {
  const waits = heard.map(({ load }) => load.predictedWaitMs).filter((wait) => wait !== null);
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

function podReport(pod: ScalerPod, said: readonly Said[], doubt: string | null): PodReport {
  const { uid, name } = pod;
  const reason = pod.reason ?? doubt ?? said.find((one) => one.reason !== null)?.reason ?? null;
  return { uid, name, state: stateOf(pod, said), inFlight: inFlightOf(said), reason };
}

function stateOf(pod: ScalerPod, said: readonly Said[]): PodReport['state'] {
  if (pod.phase === 'Terminating') return 'terminating';
  if (pod.crashLooping) return 'crash-looping';
  if (pod.draining !== null) return 'draining';
  if (pod.phase === 'Pending') return 'pending';
  // Before the cluster's word: one that hangs soon fails the cluster's probe too, and then it is no more starting than before.
  if (said.some(({ state }) => state === 'ejected')) return 'ejected';
  if (pod.phase === 'Running') return 'starting';
  return said.some(({ state }) => state === 'probing') ? 'probing' : 'serving';
}

function amount(value: number | string | null | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}
