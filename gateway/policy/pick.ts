/**
 * Which pod gets the next batch: an idle one if there is any that fits, else one with a free slot; among those the better of
 * two drawn at random, by when it would be done (M. Mitzenmacher, The Power of Two Choices, 2001), so that gateways that
 * know nothing of each other do not all choose the same one.
 */
export interface PickInput<Pod> {
  /** Pods with nothing of this gateway's to do. */
  readonly idle: readonly Pod[];
  /** Busy pods with a free slot. */
  readonly available: readonly Pod[];
  /** Whether the pod may take the batch. */
  readonly fits: (pod: Pod) => boolean;
  /** Read for the pods drawn only. */
  readonly load: (pod: Pod) => PickLoad;
  /** Milliseconds that a run takes per row. */
  readonly rowMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface PickLoad {
  /** Predicted milliseconds of this gateway's work that the pod still has. */
  readonly ownRemainingMs: number;
  /** Rows that the pod last reported as waiting there, over all gateways. */
  readonly queuedRows: number;
}

/** @returns undefined if no pod fits */
export function pickPod<Pod>(input: PickInput<Pod>): Pod | undefined {
  return pickOf(input.idle, input) ?? pickOf(input.available, input);
}

function pickOf<Pod>(pods: readonly Pod[], input: PickInput<Pod>): Pod | undefined {
  const count = pods.length;
  if (count === 0) return undefined;
  const { fits, random } = input;
  const first = count === 1 ? 0 : Math.floor(random() * count);
  const second = count === 1 ? first : otherThan(first, Math.floor(random() * (count - 1)));
  const one = pods[first]!;
  const other = pods[second]!;
  // The whole list is looked at only if a pod that was drawn doesn't fit.
  if (!fits(one) || !fits(other)) return pickOf(pods.filter(fits), input);
  return finishMs(input.load(other), input.rowMs) < finishMs(input.load(one), input.rowMs) ? other : one;
}

/** Maps a draw among all but one index to that index, so that the two draws are distinct. */
function otherThan(taken: number, drawn: number): number {
  return drawn >= taken ? drawn + 1 : drawn;
}

function finishMs({ ownRemainingMs, queuedRows }: PickLoad, rowMs: number): number {
  return ownRemainingMs + queuedRows * rowMs;
}
