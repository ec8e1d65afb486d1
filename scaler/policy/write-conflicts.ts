/**
 * Conflict with another writer of the replica count that is no autoscaler the cluster could show: a script, a deployment
 * tool, a person.
 *
 *   conflict = 3 foreign writes within 5 minutes, until 5 minutes after the last of them
 *
 * One foreign write is a person's, and the policy goes on from it. Two writers that both go on would fight for ever.
 * Derivation: docs/scaling-algorithm.md, "Conflicting writers".
 */
const windowMs = 300_000;
const conflictingWrites = 3;

/** Times of the last writes by others, oldest first, of a clock that never goes back. */
export type ForeignWrites = readonly number[];
export const noForeignWrites: ForeignWrites = [];

export function recordForeignWrite(writes: ForeignWrites, nowMs: number): ForeignWrites {
  return [...writes, nowMs].slice(-conflictingWrites);
}

/** @returns null while there is no conflict */
export function writeConflict(
  writes: ForeignWrites,
  nowMs: number,
): { readonly reason: string; readonly message: string } | null {
  const last = writes.at(-1);
  if (last === undefined || writes.length < conflictingWrites) return null;
  if (nowMs - last >= windowMs || last - writes[0]! > windowMs) return null;
  const message =
    `somebody else has set the replicas ${conflictingWrites} times within ${windowMs / 60_000} minutes: ` +
    `nothing is written until ${windowMs / 60_000} minutes without that`;
  return { reason: 'Conflict', message };
}
