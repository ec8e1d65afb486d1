/** A parsed request on its way through the scheduler, and the runs that computed it. Types only. */
import type { SluiceError } from '../contract/errors.ts';
import type { Waiting } from './policy/next-run.ts';
import type { ServedModel } from './repository/served-model.ts';
import type { Tensors } from './tensor.ts';

/** One execution of a model. Its `occupiedUs` is complete once the answers of all its requests are rendered. */
export interface Run {
  readonly rows: number;
  readonly startedMs: number;
  /** Time that the pod spent on the run: parse, stack, run, split and serialise, without waiting. */
  occupiedUs: number;
  /** Elements of each row; undefined where all rows of the model are of one size. */
  readonly rowElements: number | undefined;
}

export type InferenceOutcome =
  { readonly kind: 'answered'; readonly outputs: Tensors } | { readonly kind: 'failed'; readonly error: SluiceError };

/** The caller makes it; the scheduler fills `runs`, and calls `done` exactly once unless it is cancelled before. */
export interface ModelRequest {
  readonly model: ServedModel;
  /** Tensors of the ONNX file, after any transform. */
  readonly inputs: Tensors;
  readonly rows: number;
  readonly arrivedMs: number;
  readonly deadlineMs: number;
  /** Main-thread time that parsing took; counted into the run's `occupiedUs`. */
  readonly parseUs: number;
  readonly requestId: string | undefined;
  /** Trace id for log lines. */
  readonly traceId: string | undefined;
  /** Runs that computed it, in order: one for each slice. */
  readonly runs: { readonly run: Run; readonly rows: number }[];
  /** State of the scheduler; null before `submit`, and again once the request is answered or cancelled. */
  tracked: Tracked | null;
  /** Renders the answer; the time it takes is counted into the run's `occupiedUs`. */
  done(outcome: InferenceOutcome): void;
}

/** Rows `start` to `start + rows` of a request: the whole of it unless it is larger than one run may be. */
export interface Slice extends Waiting {
  readonly request: ModelRequest;
  readonly start: number;
  outputs: Tensors | null;
}

export interface Tracked {
  readonly slices: readonly Slice[];
  /** Slices that have been put into the queue so far. */
  queued: number;
  /** True until the first of the slices is in a run. */
  pending: boolean;
}
