/**
 * Whether somebody else keeps setting the replica count, who is no autoscaler that the cluster could show: a script, a
 * deployment tool, a person.
 *
 *   contested = 3 changes by others within 5 min, until 5 min after the last of them
 *
 * One change is a person's, and the policy goes on from there. Two writers that both go on would fight for ever.
 */
const windowMs = 300_000;
const most = 3;

/** When others changed it, oldest first; a clock that never goes back. */
export type Contest = readonly number[];
export const uncontested: Contest = [];

export function changedByOthers(contest: Contest, nowMs: number): Contest {
  return [...contest, nowMs].slice(-most);
}

/** Null: it is ours. */
export function contestedBy(
  contest: Contest,
  nowMs: number,
): { readonly reason: string; readonly message: string } | null {
  const last = contest.at(-1);
  if (last === undefined || contest.length < most) return null;
  if (nowMs - last >= windowMs || last - contest[0]! > windowMs) return null;
  const message =
    `somebody else has set the replicas ${most} times within ${windowMs / 60_000} minutes: ` +
    `nothing is written until ${windowMs / 60_000} minutes without that`;
  return { reason: 'Conflict', message };
}
