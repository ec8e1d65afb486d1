/**
 * Which pod: the better of two drawn at random by when it would be done (M. Mitzenmacher, The Power of Two Choices,
 * 2001), so that gateways that know nothing of each other do not all choose the same one.
 */
export interface PickCandidate {
  /** Milliseconds of work of ours that the pod still has, as predicted. */
  readonly ownRemainingMs: number;
  /** Rows that the pod last said were waiting, over all gateways. */
  readonly queuedRows: number;
}

/** @param random in [0, 1), one for each draw @returns an index into `candidates`, -1 where there are none */
export function pickPod(
  candidates: readonly PickCandidate[],
  rowMs: number,
  random: readonly [number, number],
): number {
  const count = candidates.length;
  if (count < 2) return count - 1;
  const first = Math.floor(random[0] * count);
  const other = Math.floor(random[1] * (count - 1));
  const second = other >= first ? other + 1 : other;
  return finishMs(candidates[second]!, rowMs) < finishMs(candidates[first]!, rowMs) ? second : first;
}

function finishMs(candidate: PickCandidate, rowMs: number): number {
  return candidate.ownRemainingMs + candidate.queuedRows * rowMs;
}
