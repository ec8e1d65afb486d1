/** Reads pods into records with only the fields that gateways and scaler need, since there may be thousands. */
import type { PodFailure } from '../../contract/scaler-api.ts';
import type { PodPhase } from '../port.ts';
import {
  conditionOf,
  sluiceComponent,
  timeMs,
  type ContainerStatus,
  type KubernetesObject,
  type ObjectMeta,
  type PodObject,
} from './objects.ts';
import { exitText, failureOf, lastExitOf } from './pod-failure.ts';

export const drainingAnnotation = 'sluice.dev/draining';
export const drainLeaseAnnotation = 'sluice.dev/drain-lease';
export const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

/** Grace period of a pod whose spec names none. */
const defaultGraceSeconds = 30;

export interface PodRecord {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly version: string;
  /** Name of the Deployment that owns the pod through a ReplicaSet; null for other pods. */
  readonly deployment: string | null;
  /** Name of the owning ReplicaSet; null without one. */
  readonly replicaSet: string | null;
  readonly component: ReturnType<typeof sluiceComponent>;
  /** Whether all containers have terminated for good, so that only the pod's status remains. */
  readonly finished: boolean;
  readonly phase: PodPhase;
  readonly origin: string | null;
  readonly adminOrigin: string | null;
  readonly restarts: number;
  readonly createdAtMs: number;
  readonly readyAtMs: number | null;
  readonly wasReady: boolean;
  readonly crashLooping: boolean;
  readonly endGraceMs: number;
  readonly draining: string | null;
  readonly drainLease: string | null;
  readonly deletionCost: number;
  readonly reason: string | null;
  readonly failure: PodFailure | null;
  readonly lastExit: string | null;
}

export function readPod(object: KubernetesObject, previous: PodRecord | undefined): PodRecord {
  const pod = object as PodObject;
  const meta = pod.metadata ?? {};
  const uid = meta.uid ?? '';
  const containers = pod.status?.containerStatuses ?? [];
  const ready = conditionOf(pod.status?.conditions, 'Ready');
  const isReady = ready?.status === 'True';
  const replicaSet = meta.ownerReferences?.find((owner) => owner.controller === true && owner.kind === 'ReplicaSet');
  return {
    uid,
    name: meta.name ?? '',
    namespace: meta.namespace ?? '',
    version: meta.resourceVersion ?? '',
    deployment: deploymentOf(meta, replicaSet?.name),
    replicaSet: replicaSet?.name ?? null,
    component: sluiceComponent(meta.labels),
    finished: pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed',
    phase: phaseOf(pod, isReady),
    origin: originOf(pod, 'http', true),
    adminOrigin: originOf(pod, 'admin', false),
    restarts: containers.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0),
    createdAtMs: timeMs(meta.creationTimestamp),
    readyAtMs: isReady ? timeMs(ready.lastTransitionTime) : null,
    wasReady: isReady || (previous?.uid === uid && previous.wasReady) || becameUnready(pod),
    crashLooping: containers.some(({ state }) => state?.waiting?.reason === 'CrashLoopBackOff'),
    endGraceMs:
      1000 * (meta.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? defaultGraceSeconds),
    draining: meta.annotations?.[drainingAnnotation] ?? null,
    drainLease: meta.annotations?.[drainLeaseAnnotation] ?? null,
    deletionCost: Number.parseInt(meta.annotations?.[deletionCostAnnotation] ?? '0', 10) || 0,
    reason: reasonOf(pod, isReady),
    failure: failureOf(pod, isReady, previous?.uid === uid ? previous.failure : null),
    lastExit: lastExitOf(pod),
  };
}

/**
 * Derives the Deployment without reading its ReplicaSets: a Deployment names them `<deployment>-<template hash>`, and their
 * pods carry the hash as a label.
 */
function deploymentOf(meta: ObjectMeta, replicaSet: string | undefined): string | null {
  const hash = meta.labels?.['pod-template-hash'];
  if (hash === undefined || replicaSet?.endsWith(`-${hash}`) !== true) return null;
  return replicaSet.slice(0, -hash.length - 1);
}

function phaseOf(pod: PodObject, isReady: boolean): PodPhase {
  if (pod.metadata?.deletionTimestamp !== undefined) return 'Terminating';
  if (isReady) return 'Ready';
  return pod.status?.phase === 'Running' || pod.status?.phase === 'Unknown' ? 'Running' : 'Pending';
}

/** Builds `http://<pod ip>:<port>` with the port of this name, or with `orFirst` the first port. */
function originOf(pod: PodObject, portName: string, orFirst: boolean): string | null {
  const { podIP } = pod.status ?? {};
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const port = ports.find(({ name }) => name === portName) ?? (orFirst ? ports[0] : undefined);
  if (podIP === undefined || podIP === '' || port?.containerPort === undefined) return null;
  return `http://${podIP.includes(':') ? `[${podIP}]` : podIP}:${port.containerPort}`;
}

/**
 * Detects a pod that was ready earlier and became unready. The transition time of Ready changes only when the pod becomes ready
 * or unready, so a pod that was never ready has one before, or within a second of, its initialization.
 */
function becameUnready(pod: PodObject): boolean {
  const ready = conditionOf(pod.status?.conditions, 'Ready');
  const initialized = conditionOf(pod.status?.conditions, 'Initialized');
  if (ready === undefined || initialized?.status !== 'True') return false;
  return timeMs(ready.lastTransitionTime) > timeMs(initialized.lastTransitionTime) + 1000;
}

function reasonOf(pod: PodObject, isReady: boolean): string | null {
  if (pod.metadata?.deletionTimestamp !== undefined) return 'terminating';
  if (isReady) return null;
  const { conditions, initContainerStatuses = [], containerStatuses = [], phase } = pod.status ?? {};
  for (const container of [...initContainerStatuses, ...containerStatuses]) {
    const reason = containerReason(container);
    if (reason !== null) return reason;
  }
  const scheduled = conditionOf(conditions, 'PodScheduled');
  if (scheduled?.status === 'False') return joined(scheduled.reason ?? 'Unschedulable', scheduled.message);
  const ready = conditionOf(conditions, 'Ready');
  if (phase === 'Running') return joined(ready?.reason ?? 'not ready', ready?.message);
  return pod.status?.reason ?? 'starting';
}

/** Reason why a container is not running, with the exit of its last process. */
function containerReason({ state, lastState }: ContainerStatus): string | null {
  const exit = exitText(state?.terminated ?? lastState?.terminated) ?? undefined;
  const waiting = state?.waiting?.reason;
  if (waiting === 'CrashLoopBackOff') return joined(waiting, exit ?? state?.waiting?.message);
  if (waiting !== undefined && !['ContainerCreating', 'PodInitializing'].includes(waiting)) {
    return joined(waiting, state?.waiting?.message);
  }
  if (exit === undefined) return null;
  return state?.terminated === undefined ? `restarted after ${exit}` : `terminated: ${exit}`;
}

const maxMessageLength = 200;

function joined(reason: string, message: string | undefined): string {
  return message === undefined || message === '' ? reason : `${reason}: ${message.slice(0, maxMessageLength)}`;
}
