/**
 * How long a request would wait for its answer: the next turns of the pods played out.
 *
 *   T(b) = l(b) + lag             a turn of a pod: its run of b rows, and what comes on top of it
 *   k    = ⌈rows ÷ working rows⌉  the batch that carries the request, counted over all that waits
 *   wait = begin(k) + T(rows of batch k) + doubt
 *
 * begin(k): with pods in the order in which the next batch for each begins to run, batch k goes to pod k, and after the last of
 * P pods to the first again, a turn T(working rows) later. doubt: turns deviate independently of each other, so their sum
 * by the root of their number; where the queue stands at what is allowed, half of all would be late without it.
 */
import { marginMs } from './batch.ts';
import { predictMs, rowsWithin, type Cost } from './cost.ts';

/** What a turn of a pod takes beyond l(b): the way there and back, and runs for other gateways in between. */
export interface Overhead {
  /** Mean of the last turns, milliseconds; not below 0. */
  readonly meanMs: number;
  /** Their mean absolute deviation, milliseconds. */
  readonly deviationMs: number;
  readonly runs: number;
}

export const noOverhead: Overhead = { meanMs: 0, deviationMs: 0, runs: 0 };

/** Turns that count, about. */
const mostTurns = 20;
/** One turn, a pause of the machine perhaps, counts as so many deviations at most. */
const mostDeviations = 4;

export function learnOverhead(lag: Overhead, tookMs: number, predictedMs: number): Overhead {
  if (!(predictedMs > 0) || !Number.isFinite(tookMs)) return lag;
  const turns = Math.min(lag.runs + 1, mostTurns);
  const error = tookMs - predictedMs - lag.meanMs;
  const limit = lag.runs < 3 ? Infinity : mostDeviations * Math.max(lag.deviationMs, 0.05 * predictedMs);
  const clipped = Math.max(-limit, Math.min(limit, error));
  return {
    meanMs: Math.max(0, lag.meanMs + clipped / turns),
    deviationMs: lag.deviationMs + ((lag.runs === 0 ? 0 : Math.abs(clipped)) - lag.deviationMs) / turns,
    runs: turns,
  };
}

export interface WaitInput {
  /** Of the request. */
  readonly ownRows: number;
  /** Rows that wait here for the model before it. */
  readonly rowsBefore: number;
  /** For how long the first of those has waited, milliseconds; null where there is none. */
  readonly headAgeMs: number | null;
  /** Batches of other models that wait for the same pods. */
  readonly otherBatches: number;
  readonly pods: number;
  readonly idlePods: number;
  /** When the next batch for each pod would begin to run, ascending, idle ones first; asked for only where none is idle. */
  readonly begins: () => ArrayLike<number>;
  readonly nowMs: number;
  readonly cost: Cost;
  readonly overhead: Overhead;
  /** Rows of one run at most. */
  readonly maxRows: number;
  /** Keeps runs short; null where there is none. */
  readonly objectiveMs: number | null;
}

export interface Wait {
  /** Milliseconds until its answer, the doubt included; 0 while nothing is known. */
  readonly waitMs: number;
  /** A turn of a pod, where others go before its batch; 0 where it leaves with the next. */
  readonly runMs: number;
  /** The first that waits, where it would share its run with it; null elsewhere. */
  readonly head: HeadWait | null;
}

/** From arrival to answer, milliseconds: a run gets longer by each request that joins it. */
export interface HeadWait {
  readonly waitMs: number;
  readonly withoutMs: number;
}

const unknown: Wait = { waitMs: 0, runMs: 0, head: null };

/** Mean absolute deviations of a turn ÷ its standard deviation is √(2/π); two of the latter leave 2% late. */
const doubtFactor = 2 * Math.sqrt(Math.PI / 2);

export function predictWait(input: WaitInput): Wait {
  const { ownRows, pods, nowMs, cost, overhead: lag, headAgeMs } = input;
  if (cost.samples === 0 || pods === 0) return unknown;
  const rows = input.rowsBefore + ownRows;
  // Until a batch further back leaves, it will be full.
  const batchRows = Math.min(rows, workingRows(input));
  const before = Math.ceil(rows / batchRows) - 1 + input.otherBatches;
  const rounds = Math.floor(before / pods);
  const beginMs = before < input.idlePods ? 0 : Math.max(0, input.begins()[before % pods]! - nowMs);
  const turnMs = predictMs(cost, batchRows) + lag.meanMs;
  const turns = beginMs / turnMs + rounds + 1;
  const doubtMs = doubtFactor * lag.deviationMs * Math.sqrt(turns);
  const waitMs = beginMs + (rounds + 1) * turnMs + doubtMs;
  const next = before === 0;
  if (!next || headAgeMs === null) return { waitMs, runMs: next ? 0 : turnMs, head: null };
  const headMs = headAgeMs + waitMs;
  return { waitMs, runMs: 0, head: { waitMs: headMs, withoutMs: headMs - ownRows * cost.c } };
}

/** Rows of a run when there are enough of them: two such runs keep the objective, as batch.ts has it. */
function workingRows({ cost, maxRows, objectiveMs }: WaitInput): number {
  if (objectiveMs === null) return maxRows;
  return Math.max(1, Math.min(maxRows, rowsWithin(cost, objectiveMs - marginMs, 1)));
}

/**
 * The same for pods that take requests one by one (servers of other make, or batching is off), which may work on several at
 * once: rows that wait ÷ rows that come back a millisecond (measured while some waited; one pod, one row, l(1) before).
 */
export function predictWaitByRate(queuedRows: number, rowsPerMs: number | null, pods: number, cost: Cost): Wait {
  const runMs = predictMs(cost, 1);
  if (cost.samples === 0 || pods === 0) return unknown;
  return { waitMs: queuedRows / (rowsPerMs ?? pods / runMs) + runMs, runMs: runMs, head: null };
}
