/** Counts of what the HTTP server of a port holds and refused, as plain numbers that metrics read at a scrape. */

/** Reasons for which a client was refused or cut off. */
export const refusalReasons = [
  'address-connections',
  'all-connections',
  'slow-body',
  'small-chunks',
  'arriving-bytes',
  'slow-reader',
  'unread-bytes',
  'unwanted-body',
  'foreign-page',
  'accept-failed',
] as const;
export type RefusalReason = (typeof refusalReasons)[number];

export class FaceCounters {
  connections = 0;
  /** Memory that bodies take while they arrive. */
  arrivingBytes = 0;
  /** Bytes of answers that clients have not taken. */
  unreadBytes = 0;
  /** Set by who waits for fewer of them; told by `onAnswerRoom`, once. */
  isRoomAwaited = false;
  /** Bytes of answers that are under way, as far as their size is known. */
  expectedBytes = 0;
  readonly refusals = Object.fromEntries(refusalReasons.map((reason) => [reason, 0])) as Record<RefusalReason, number>;
}
