/** Asks a policy at each of its intervals along a timeline written by hand; the replicas it asks for are ready at once. */
import type { PolicyFactory, PolicyObservation } from '../policy.ts';

const quiet: PolicyObservation = {
  nowMs: 0,
  arrivals: 0,
  completions: 0,
  shed: 0,
  late: 0,
  queued: 0,
  inFlight: 0,
  pods: { ready: 1, starting: 0, draining: 0 },
  startingSinceMs: [],
  startedInMs: [],
  cost: { a: 20, c: 2 },
  objectiveMs: 200,
  minReplicas: 1,
  maxReplicas: 1000,
  maxRows: 64,
  desired: 1,
};

/**
 * @param seenAt fields that differ from `quiet` at a time; `pods.ready` is the desired number unless given
 * @returns replicas asked for by time of change, the initial ones included
 */
export function asked(
  policy: PolicyFactory,
  replicas: number,
  untilMs: number,
  seenAt: (nowMs: number, desired: number) => Partial<PolicyObservation>,
): Record<number, number> {
  const instance = policy();
  const changes: Record<number, number> = { 0: replicas };
  let desired = replicas;
  for (let nowMs = 0; nowMs <= untilMs; nowMs += instance.intervalMs) {
    const pods = { ready: desired, starting: 0, draining: 0 };
    const next = instance.step({ ...quiet, pods, nowMs, desired, ...seenAt(nowMs, desired) }).replicas;
    if (next !== desired) changes[nowMs] = next;
    desired = next;
  }
  return changes;
}
