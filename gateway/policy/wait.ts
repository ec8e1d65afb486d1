/**
 * Predicts how long a request would wait for its answer, by playing out the next runs of the pods
 * (docs/adr/0008-the-wait-is-played-out.md).
 *
 *   T(b) = l(b) + overhead        time that a pod takes for b rows: the run itself, and what comes on top of it
 *   k    = ⌈rows ÷ working rows⌉  the batch that carries the request, counted over all that waits
 *   wait = begin(k) + T(rows of batch k) + uncertainty
 *
 * begin(k): with pods in the order in which each can begin its next batch, batch k goes to pod k, and after the last of P pods
 * to the first again, T(working rows) later. uncertainty: runs deviate independently of each other, so their sum deviates by
 * the root of their number. Without it half of all answers would be late once the queue is as long as allowed.
 */
import { marginMs } from './batch.ts';
import { predictMs, rowsWithin, type Cost } from './cost.ts';

/** Dispatch overhead: time of a run beyond l(b), for the way there and back and for runs of other gateways in between. */
export interface Overhead {
  /** Mean over the last runs, milliseconds; at least 0. */
  readonly meanMs: number;
  /** Mean absolute deviation, milliseconds. */
  readonly deviationMs: number;
  readonly runs: number;
}

export const noOverhead: Overhead = { meanMs: 0, deviationMs: 0, runs: 0 };

/** Runs that the mean looks back on, about. */
const maxRuns = 20;
/** Clip of one sample, in deviations: it may have been a pause of the machine. */
const maxDeviations = 4;

export function learnOverhead(overhead: Overhead, tookMs: number, predictedMs: number): Overhead {
  if (!(predictedMs > 0) || !Number.isFinite(tookMs)) return overhead;
  const { meanMs, deviationMs } = overhead;
  const runs = Math.min(overhead.runs + 1, maxRuns);
  const error = tookMs - predictedMs - meanMs;
  const limit = overhead.runs < 3 ? Infinity : maxDeviations * Math.max(deviationMs, 0.05 * predictedMs);
  const clipped = Math.max(-limit, Math.min(limit, error));
  return {
    meanMs: Math.max(0, meanMs + clipped / runs),
    deviationMs: deviationMs + ((overhead.runs === 0 ? 0 : Math.abs(clipped)) - deviationMs) / runs,
    runs,
  };
}

export interface WaitInput {
  /** Estimated rows of the new request. */
  readonly ownRows: number;
  /** Rows that wait here for the same model. */
  readonly rowsBefore: number;
  /** Time that the first of those has waited, milliseconds; null without one. */
  readonly headAgeMs: number | null;
  /** Batches of other models that wait for the same pods. */
  readonly otherBatches: number;
  readonly pods: number;
  readonly idlePods: number;
  /** Times at which each pod can begin its next batch, ascending. Called only if no idle pod would take the batch. */
  readonly begins: () => ArrayLike<number>;
  readonly nowMs: number;
  readonly cost: Cost;
  readonly overhead: Overhead;
  /** Maximum rows of one run. */
  readonly maxRows: number;
  /** Latency objective, which bounds the rows of a run; null without one. */
  readonly objectiveMs: number | null;
}

export interface Wait {
  /** Milliseconds until the answer, uncertainty included; 0 while nothing is known. */
  readonly waitMs: number;
  /** Time of one run if other batches go before its own; 0 if it leaves with the next batch. */
  readonly runMs: number;
  /** Head of the queue, if the request would share its run with it; null otherwise. */
  readonly head: HeadWait | null;
}

/** Time of the head from its arrival to its answer, milliseconds, with and without the new request in its run. */
export interface HeadWait {
  readonly waitMs: number;
  readonly withoutMs: number;
}

const unknown: Wait = { waitMs: 0, runMs: 0, head: null };

/** Two standard deviations, which leave 2% late, in mean absolute deviations: for a normal distribution these are √(2/π) of it. */
const uncertaintyFactor = 2 * Math.sqrt(Math.PI / 2);

export function predictWait(input: WaitInput): Wait {
  const { ownRows, pods, nowMs, cost, overhead, headAgeMs } = input;
  if (cost.samples === 0 || pods === 0) return unknown;
  const rows = input.rowsBefore + ownRows;
  // Batches further back will be full by the time that they leave.
  const batchRows = Math.min(rows, workingRows(input));
  // Rows of mean size are fractions, whose sum may end up just above a whole batch.
  const before = Math.ceil(rows / batchRows - 1e-9) - 1 + input.otherBatches;
  const rounds = Math.floor(before / pods);
  const beginMs = before < input.idlePods ? 0 : Math.max(0, input.begins()[before % pods]! - nowMs);
  const runMs = predictMs(cost, batchRows) + overhead.meanMs;
  const runs = beginMs / runMs + rounds + 1;
  const uncertaintyMs = uncertaintyFactor * overhead.deviationMs * Math.sqrt(runs);
  const waitMs = beginMs + (rounds + 1) * runMs + uncertaintyMs;
  const next = before === 0;
  if (!next || headAgeMs === null) return { waitMs, runMs: next ? 0 : runMs, head: null };
  const headMs = headAgeMs + waitMs;
  return { waitMs, runMs: 0, head: { waitMs: headMs, withoutMs: headMs - ownRows * cost.c } };
}

/** Rows of a run under load: as many as keep the objective with a run of the same size ahead, like the cap in batch.ts. */
function workingRows({ cost, maxRows, objectiveMs }: WaitInput): number {
  if (objectiveMs === null) return maxRows;
  return Math.max(1, Math.min(maxRows, rowsWithin(cost, objectiveMs - marginMs, 1)));
}

/**
 * Predicts the wait where requests travel one by one (foreign servers, or batching is off), and pods may work on several at
 * once: waiting rows ÷ rows completed per millisecond. The rate is measured under a backlog; before that, one row per l(1) and pod.
 */
export function predictWaitByRate(queuedRows: number, rowsPerMs: number | null, pods: number, cost: Cost): Wait {
  const runMs = predictMs(cost, 1);
  if (cost.samples === 0 || pods === 0) return unknown;
  return { waitMs: queuedRows / (rowsPerMs ?? pods / runMs) + runMs, runMs: runMs, head: null };
}
