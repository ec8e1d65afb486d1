/**
 * Builds the views of gateways and scaler from the records of each kind of object. Pools come in the order in which their claims
 * count, and a pool without a claim to its Deployment has none of its pods.
 */
import type { ModelPool } from '../../contract/model-pool.ts';
import type { ClusterView, Pod } from '../port.ts';
import type { GatewayMember, ScalerPod, ScaleTarget } from '../scalable.ts';
import { endpointPods, readOnlyPod } from '../static.ts';
import type { DeploymentRecord } from './read-deployment.ts';
import { byPrecedence, ownsDeployment, placeOf, settleClaims, targetOf } from './policy/claims.ts';
import type { PodRecord } from './read-pod.ts';
import type { PoolRecord } from './read-pool.ts';

/** Arrays, since each is read several times: `values()` of a map can be read once. */
type Pools = readonly PoolRecord[];
type Pods = readonly PodRecord[];

type ValidRecord = PoolRecord & { readonly pool: ModelPool };

function validPools(records: Pools): ValidRecord[] {
  return byPrecedence(records).filter((record): record is ValidRecord => record.pool !== null);
}

/** Finds the pods of a pool's Deployment; none for a pool whose Deployment belongs to another. */
function podFinder(records: Pools, pods: Pods): (record: PoolRecord) => readonly PodRecord[] {
  const claims = settleClaims(records);
  const byDeployment = podsByDeployment(pods);
  return (record) => (ownsDeployment(claims, record) ? (byDeployment.get(targetOf(record) ?? '') ?? []) : []);
}

export function gatewayView(pools: Pools, pods: Pods): ClusterView {
  const valid = validPools(pools);
  const podsOf = podFinder(pools, pods);
  return {
    pools: valid.map(({ pool }) => pool),
    pods: valid.flatMap((record) => [
      ...podsOf(record).map((pod) => gatewayPod(pod, record.name)),
      ...endpointPods(record.pool, 0),
    ]),
    versions: Object.fromEntries(pools.map(({ name, status }) => [name, status?.models ?? []])),
  };
}

export function scalerPods(pools: Pools, pods: Pods): ScalerPod[] {
  const podsOf = podFinder(pools, pods);
  return validPools(pools).flatMap((record) => [
    ...podsOf(record).map((pod) => scalerPod(pod, record.name)),
    ...endpointPods(record.pool, 0).map(readOnlyPod),
  ]);
}

/**
 * Pods by Deployment (`placeOf`), without those that have terminated for good, which their controller no longer counts, and without Sluice's
 * own, which a pool must not probe, drain or replace.
 */
function podsByDeployment(pods: Pods): Map<string, PodRecord[]> {
  const found = new Map<string, PodRecord[]>();
  for (const pod of pods) {
    if (pod.deployment === null || pod.finished || pod.component !== null) continue;
    const place = placeOf({ namespace: pod.namespace, name: pod.deployment });
    const others = found.get(place);
    if (others === undefined) found.set(place, [pod]);
    else others.push(pod);
  }
  return found;
}

function gatewayPod(record: PodRecord, pool: string): Pod {
  const { uid, name, phase, origin, restarts, createdAtMs, readyAtMs, draining, drainLease, reason } = record;
  return {
    uid,
    name,
    pool,
    phase,
    origin,
    isPeer: true,
    restarts,
    createdAtMs,
    readyAtMs,
    draining,
    drainLease,
    reason,
  };
}

function scalerPod(record: PodRecord, pool: string): ScalerPod {
  const { draining, deletionCost, crashLooping, endGraceMs, failure, lastExit, version } = record;
  return { ...gatewayPod(record, pool), draining, deletionCost, crashLooping, endGraceMs, failure, lastExit, version };
}

export function scaleTargets(pools: Pools, pods: Pods, deployments: readonly DeploymentRecord[]): ScaleTarget[] {
  const claims = settleClaims(pools);
  const byDeployment = podsByDeployment(pods);
  const byPlace = new Map(deployments.map((deployment) => [placeOf(deployment), deployment]));
  return validPools(pools).flatMap((record) => {
    if (!ownsDeployment(claims, record)) return [];
    const deployment = byPlace.get(targetOf(record) ?? '');
    if (deployment === undefined || deployment.isSluice) return [];
    return {
      pool: record.name,
      name: `Deployment ${placeOf(deployment)}`,
      replicas: deployment.replicas,
      version: deployment.version,
      rollout: rolloutOf(deployment, byDeployment.get(placeOf(deployment)) ?? []),
      createFailure: deployment.createFailure,
    };
  });
}

function rolloutOf(deployment: DeploymentRecord, pods: readonly PodRecord[]): ScaleTarget['rollout'] {
  const staying = pods.filter(({ phase }) => phase !== 'Terminating');
  const revisions = new Set(staying.map(({ replicaSet }) => replicaSet));
  if (!deployment.changing && revisions.size < 2) return 'none';
  return deployment.deadlineExceeded ? 'stuck' : 'running';
}

export function gatewayMembers(pods: Pods): GatewayMember[] {
  return pods.flatMap((pod) => {
    if (pod.component !== 'gateway' || pod.finished) return [];
    const { uid, name, adminOrigin, wasReady, phase, createdAtMs } = pod;
    return { uid, name, adminOrigin, wasReady, terminating: phase === 'Terminating', createdAtMs };
  });
}
