/**
 * Chooses connections to cut when clients leave too many bytes of answers unread. Pure; connections.ts counts, and cuts.
 *
 * Whoever holds no more than its share of the limit is never cut because of others: the shares of all are the limit, so cuts of those above
 * theirs can always get below it. Of these, only connections that stand still are cut.
 */

/** Looks, one after the other, at which bytes waited and none had been taken: less than a second is what lost packets take. */
export const looksToStand = 5;

export interface UnreadConnection {
  /** Holder of its bytes: an address, or the connection itself where one address speaks for many clients. */
  readonly holder: object;
  /** Bytes of answers that its client has not taken. */
  readonly pendingBytes: number;
  /** Looks since the first at which these bytes waited, that one counted; 0 once the client has taken all that it could. */
  readonly stoodLooks: number;
}

export interface UnreadLimit {
  /** Bytes that all together may leave unread before any is cut. */
  readonly maxBytes: number;
  /** Bytes to come down to then. Far below the limit, since those that stand still would take a small room again at once. */
  readonly leftBytes: number;
}

export function chooseCuts<T extends UnreadConnection>(connections: Iterable<T>, limit: UnreadLimit): T[] {
  const { maxBytes, leftBytes } = limit;
  const held = new Map<object, number>();
  const standing: T[] = [];
  let left = 0;
  for (const connection of connections) {
    const { holder, pendingBytes, stoodLooks } = connection;
    if (pendingBytes === 0) continue;
    left += pendingBytes;
    held.set(holder, (held.get(holder) ?? 0) + pendingBytes);
    if (stoodLooks >= looksToStand) standing.push(connection);
  }
  if (left <= maxBytes) return [];
  const heldBy = ({ holder }: T): number => held.get(holder)!;
  const shareBytes = maxBytes / held.size;
  const ordered = standing
    .filter((connection) => heldBy(connection) > shareBytes)
    .sort((one, other) => heldBy(other) - heldBy(one) || other.pendingBytes - one.pendingBytes);
  return takenUntil(ordered, left, leftBytes);
}

/** The first connections without which at most `mostBytes` of the `left` remain. */
function takenUntil<T extends UnreadConnection>(ordered: readonly T[], left: number, mostBytes: number): T[] {
  const taken: T[] = [];
  for (const connection of ordered) {
    if (left <= mostBytes) break;
    left -= connection.pendingBytes;
    taken.push(connection);
  }
  return taken;
}
