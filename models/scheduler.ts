/**
 * One queue and one run at a time: takes parsed requests, stacks what may share a run, and hands each request its own
 * part of the result. Knows no HTTP and no protocol; its clock is an argument.
 *
 * When a run ends the next one starts first, and only then are the results split and serialised, so that the
 * worker computes while this thread parses and serialises.
 */
import { SluiceError } from '../contract/errors.ts';
import { RunQueue, type NextRun, type Waiting } from './policy/next-run.ts';
import { concatRows, shapeKey, sliceRows, split } from './rows.ts';
import type { ServedModel } from './repository/served-model.ts';
import type { RunOutcome, SessionHost } from './session/session-host.ts';
import type { Tensors } from './tensor.ts';

/** One execution of a model. Its `occupiedUs` is complete when the answers of its requests are all rendered. */
export interface Run {
  readonly rows: number;
  readonly startedMs: number;
  /** Time of the pod that it took: parse, stack, run, split and serialise, without waiting. */
  occupiedUs: number;
}

export type Outcome =
  { readonly kind: 'answered'; readonly outputs: Tensors } | { readonly kind: 'failed'; readonly error: SluiceError };

/** A parsed request. The scheduler fills `runs`, and calls `done` exactly once, unless it is cancelled first. */
export interface ModelRequest {
  readonly model: ServedModel;
  /** The ONNX file's own tensors. */
  readonly inputs: Tensors;
  readonly rows: number;
  readonly arrivedMs: number;
  readonly deadlineMs: number;
  /** Main-thread time that parsing took; part of what its run occupied. */
  readonly parseUs: number;
  readonly requestId: string | undefined;
  /** For logs. */
  readonly traceId: string | undefined;
  /** Its parts in order: more than one where it was larger than a run may be. */
  readonly runs: { readonly run: Run; readonly rows: number }[];
  /** The scheduler's own, null before and after: it is neither answered nor cancelled. */
  held: Held | null;
  /** Renders the answer; its duration counts as occupied. */
  done(outcome: Outcome): void;
}

export interface SchedulerLog {
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

interface Piece extends Waiting {
  readonly request: ModelRequest;
  readonly start: number;
  outputs: Tensors | null;
}

export interface Held {
  readonly pieces: readonly Piece[];
  /** No run took any of it yet. */
  pending: boolean;
}

interface Current {
  readonly run: Run;
  readonly model: ServedModel;
  readonly pieces: readonly Piece[];
  readonly stackUs: number;
}

export class Scheduler {
  readonly #host: SessionHost;
  readonly #nowMs: () => number;
  readonly #log: SchedulerLog;
  readonly #queue = new RunQueue<Piece>();
  #inFlight = 0;
  /** Models whose results could not be divided, so that the log says it once. */
  readonly #undividable = new Set<ServedModel>();
  /** Pieces of a run that failed: each runs alone, so that only the bad request fails. */
  #alone: Piece[] = [];
  #dispatchPlanned = false;

  constructor(host: SessionHost, nowMs: () => number, log: SchedulerLog) {
    this.#host = host;
    this.#nowMs = nowMs;
    this.#log = log;
  }

  get queuedRows(): number {
    return this.#queue.rows + this.#alone.reduce((sum, piece) => sum + piece.rows, 0);
  }

  /** Requests that are neither answered nor cancelled. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Queues the request. The next run is chosen when the current turn of the event loop is over. */
  submit(request: ModelRequest): void {
    const { model, rows, deadlineMs } = request;
    const { maxRows, signature } = model;
    const key = `${model.session} ${shapeKey(signature, request.inputs)}`;
    const pieces: Piece[] = [];
    for (let start = 0; start < rows; start += maxRows) {
      pieces.push({
        request,
        key,
        maxRows,
        start,
        rows: Math.min(maxRows, rows - start),
        deadlineMs,
        outputs: null,
        waiting: false,
      });
    }
    request.held = { pieces, pending: true };
    this.#inFlight += 1;
    for (const piece of pieces) this.#queue.push(piece);
    model.statistics.pending += 1;
    if (!this.#dispatchPlanned && !this.#host.busy) {
      this.#dispatchPlanned = true;
      setImmediate(() => {
        this.#dispatchPlanned = false;
        this.#dispatch();
      });
    }
  }

  /** Nobody waits for it any more: it leaves the queue, or its part of a run is thrown away. */
  cancel(request: ModelRequest): void {
    const { held } = request;
    if (held === null) return;
    this.#forget(request, held);
    request.model.statistics.failures.CANCELED += 1;
  }

  #forget(request: ModelRequest, { pieces, pending }: Held): void {
    for (const piece of pieces) this.#queue.remove(piece);
    if (pending) request.model.statistics.pending -= 1;
    this.#letGo(request);
  }

  #letGo(request: ModelRequest): void {
    request.held = null;
    this.#inFlight -= 1;
  }

  #dispatch(): void {
    while (!this.#host.busy) {
      const { entries, rows, expired } = this.#next();
      for (const { request } of expired) this.#expire(request);
      if (entries.length === 0) {
        if (expired.length === 0) return;
        continue;
      }
      this.#start(entries, rows);
    }
  }

  #next(): NextRun<Piece> {
    const nowMs = this.#nowMs();
    let piece = this.#alone.pop();
    while (piece !== undefined && piece.request.held === null) piece = this.#alone.pop();
    if (piece === undefined) return this.#queue.next(nowMs);
    if (piece.deadlineMs <= nowMs) return { entries: [], rows: 0, expired: [piece] };
    return { entries: [piece], rows: piece.rows, expired: [] };
  }

  #expire(request: ModelRequest): void {
    if (request.held === null) return;
    const waitedMs = Math.round(this.#nowMs() - request.arrivedMs);
    this.#fail(request, new SluiceError('deadline-exceeded', `deadline passed after ${waitedMs} ms at the pod`));
  }

  #start(pieces: readonly Piece[], rows: number): void {
    const startedMs = this.#nowMs();
    const { model } = pieces[0]!.request;
    const run: Run = { rows, startedMs, occupiedUs: 0 };
    for (const { request, start, rows: own } of pieces) {
      const { held } = request;
      if (held?.pending === true) {
        held.pending = false;
        model.statistics.pending -= 1;
        model.statistics.queueUs += (startedMs - request.arrivedMs) * 1000;
      }
      request.runs.push({ run, rows: own });
      if (start === 0) run.occupiedUs += request.parseUs;
    }
    try {
      const parts = pieces.map((piece) => inputsOf(model, piece));
      this.#host.run(model.session, model.signature, parts, rows, (outcome) => this.#finish(current, outcome));
    } catch (error) {
      this.#log.error({ err: error, model: model.name, rows }, 'stacking failed');
      this.#failed({ run, model, pieces, stackUs: 0 }, String(error));
      return;
    }
    const current: Current = { run, model, pieces, stackUs: (this.#nowMs() - startedMs) * 1000 };
  }

  #finish(current: Current, outcome: RunOutcome): void {
    const { run, model, stackUs, pieces } = current;
    run.occupiedUs += stackUs + outcome.runUs;
    if (outcome.kind === 'failed') {
      this.#failed(current, outcome.message);
      this.#dispatch();
      return;
    }
    this.#dispatch();
    const startedMs = this.#nowMs();
    model.statistics.recordRun(run.rows, stackUs, outcome.runUs);
    model.statistics.lastInferenceMs = Date.now();
    this.#deliver(current, outcome.outputs);
    const renderUs = (this.#nowMs() - startedMs) * 1000;
    run.occupiedUs += renderUs;
    model.statistics.recordOutput(run.rows, renderUs);
    for (const { request } of pieces) model.statistics.requestUs += (startedMs - request.arrivedMs) * 1000;
  }

  #deliver({ run, model, pieces }: Current, outputs: Tensors): void {
    if (pieces.length === 1) {
      this.#complete(pieces[0]!, outputs);
      return;
    }
    let parts: readonly Tensors[];
    try {
      const rowCounts = pieces.map(({ rows }) => rows);
      parts = split(model.signature, outputs, rowCounts);
    } catch (error) {
      if (!this.#undividable.has(model)) {
        this.#undividable.add(model);
        const details = { err: error, model: model.name, version: model.version };
        this.#log.warn(details, 'outputs cannot be divided among requests, each is run alone; switch batching off');
      }
      this.#runAlone(run, pieces);
      this.#dispatch();
      return;
    }
    for (const [index, piece] of pieces.entries()) this.#complete(piece, parts[index]!);
  }

  #complete(piece: Piece, outputs: Tensors): void {
    const { request } = piece;
    const { held } = request;
    if (held === null) return;
    const { pieces } = held;
    piece.outputs = outputs;
    if (pieces.length === 1) {
      this.#answer(request, outputs);
    } else if (pieces.every((other) => other.outputs !== null)) {
      this.#answerJoined(request, pieces);
    }
  }

  #answerJoined(request: ModelRequest, pieces: readonly Piece[]): void {
    let joined: Tensors;
    try {
      const parts = pieces.map(({ outputs }) => outputs!);
      const rowCounts = pieces.map(({ rows }) => rows);
      joined = concatRows(request.model.signature, parts, rowCounts);
    } catch (error) {
      this.#fail(request, error as SluiceError);
      return;
    }
    this.#answer(request, joined);
  }

  #answer(request: ModelRequest, outputs: Tensors): void {
    this.#letGo(request);
    request.model.statistics.success += 1;
    request.done({ kind: 'answered', outputs });
  }

  #failed({ run, model, pieces }: Current, cause: string): void {
    if (pieces.length > 1) {
      this.#runAlone(run, pieces);
      const details = { model: model.name, version: model.version, rows: run.rows, cause };
      this.#log.warn(details, 'a run of several requests failed, each is run alone');
      return;
    }
    const { request } = pieces[0]!;
    const { requestId, traceId } = request;
    const details = { model: model.name, version: model.version, rows: run.rows, requestId, traceId, cause };
    this.#log.error(details, 'model failed');
    if (request.held !== null) {
      this.#fail(request, new SluiceError('model-failed', `model '${model.name}' failed on this input`));
    }
  }

  /** Takes back what the run counted, and lets each piece run by itself before anything else. */
  #runAlone(run: Run, pieces: readonly Piece[]): void {
    for (const { request } of pieces) {
      const index = request.runs.findIndex((part) => part.run === run);
      if (index >= 0) request.runs.splice(index, 1);
    }
    // Reversed, since they are taken from the end.
    this.#alone.push(...pieces.toReversed());
  }

  #fail(request: ModelRequest, error: SluiceError): void {
    const { statistics } = request.model;
    if (request.held !== null) this.#forget(request, request.held);
    statistics.failures[error.code === 'deadline-exceeded' ? 'REJECTED' : 'BACKEND'] += 1;
    statistics.failedUs += (this.#nowMs() - request.arrivedMs) * 1000;
    request.done({ kind: 'failed', error });
  }
}

function inputsOf(model: ServedModel, { request, start, rows }: Piece): Tensors {
  return rows === request.rows ? request.inputs : sliceRows(model.signature, request.inputs, start, rows);
}
