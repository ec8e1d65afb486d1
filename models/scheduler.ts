/**
 * The scheduler of a model server: one queue of parsed requests, one run at a time. It stacks requests that may share a
 * run and hands each its own rows of the outputs. It knows no HTTP and no protocol; its clock is an argument.
 *
 * A request of many runs has a few of them in the queue at a time, and the next ones go behind what others sent meanwhile: a
 * table of 100,000 rows holds nobody up for long.
 *
 * When a run ends, the next one starts before the results are split and serialised, so that the worker thread computes
 * while this thread parses and serialises. The watch in service has its runs among those of clients.
 */
import { SluiceError } from '../contract/errors.ts';
import type { ModelRequest, Run, Slice, Tracked } from './model-request.ts';
import { RunQueue, type NextRun } from './policy/next-run.ts';
import type { ServedModel } from './repository/served-model.ts';
import { refusedValues } from './refused-values.ts';
import { rowElements } from './row-elements.ts';
import { concatRows, outputsOfNoRows, shapeKey, sliceRows, split } from './rows.ts';
import type { SessionHost } from './session/session-host.ts';
import type { RunOutcome } from './session/session-thread.ts';
import type { Tensors } from './tensor.ts';
import type { Sample } from './watch/sample.ts';
import type { Watch } from './watch/watch.ts';

export interface SchedulerLog {
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface SchedulerOptions {
  readonly host: Pick<SessionHost, 'busy' | 'run'>;
  readonly nowMs: () => number;
  readonly watch: Watch;
  readonly log: SchedulerLog;
}

interface CurrentRun {
  readonly run: Run;
  readonly model: ServedModel;
  readonly slices: readonly Slice[];
  readonly stackUs: number;
}

/** Slices of one request in the queue: 1,024 rows of 64 a run. */
const mostQueued = 16;

export class Scheduler {
  readonly #host: SchedulerOptions['host'];
  readonly #nowMs: () => number;
  readonly #watch: Watch;
  readonly #log: SchedulerLog;
  readonly #queue = new RunQueue<Slice>();
  /** Isolated retries: slices of a failed run, each to run alone so that only the bad request fails. Last one first. */
  #isolated: Slice[] = [];
  #inFlight = 0;
  /** Rows of slices that are not in the queue yet. */
  #laterRows = 0;
  #dispatchPlanned = false;
  /** Models whose outputs could not be split once; the log says so once a model. */
  readonly #unsplittable = new Set<ServedModel>();

  constructor({ host, nowMs, watch, log }: SchedulerOptions) {
    this.#host = host;
    this.#nowMs = nowMs;
    this.#watch = watch;
    this.#log = log;
  }

  /** Rows that wait for a run. */
  get queuedRows(): number {
    return this.#queue.rows + this.#laterRows + this.#isolated.reduce((sum, slice) => sum + slice.rows, 0);
  }

  /** Requests that are neither answered nor cancelled. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether the watch has a sample without a verdict. */
  get watching(): boolean {
    return this.#watch.pending;
  }

  /** Queues the request. The next run is chosen at the end of this event-loop turn, so requests read together share it. */
  submit(request: ModelRequest): void {
    const { model, rows } = request;
    const { maxRows, signature } = model;
    if (rows === 0) {
      this.#answerNoRows(request);
      return;
    }
    const slices: Slice[] = [];
    if (model.unbatchedReason !== null) {
      slices.push(wholeOf(request));
    } else {
      const groupKey = `${model.session} ${shapeKey(signature, request.inputs)}`;
      for (let start = 0; start < rows; start += maxRows) {
        slices.push(sliceOf(request, { groupKey, maxRows, start, rows: Math.min(maxRows, rows - start) }));
      }
    }
    const queued = Math.min(slices.length, mostQueued);
    request.tracked = { slices, queued, pending: true };
    this.#inFlight += 1;
    for (let index = 0; index < queued; index += 1) this.#queue.push(slices[index]!);
    this.#laterRows += laterRows(request.tracked);
    model.statistics.pending += 1;
    if (this.#dispatchPlanned || this.#host.busy) return;
    this.#dispatchPlanned = true;
    setImmediate(() => {
      this.#dispatchPlanned = false;
      this.#dispatch();
    });
  }

  /** Drops a request whose client has left: it leaves the queue, or its rows of a run's outputs are thrown away. */
  cancel(request: ModelRequest): void {
    const { tracked } = request;
    if (tracked === null) return;
    this.#withdraw(request, tracked);
    request.model.statistics.failures.CANCELED += 1;
  }

  /** Runs each request of the model alone from now on, and those that wait or run together again: each whole, and by itself. */
  stopBatching(model: ServedModel, reason: string): void {
    if (model.unbatchedReason !== null) return;
    model.stopBatching(reason);
    for (const slice of this.#queue.take(({ request }) => request.model === model)) {
      const whole = this.#replace(slice);
      if (whole !== null) this.#queue.push(whole);
    }
    this.#isolated = this.#isolated
      .map((slice) => (slice.request.model === model ? this.#replace(slice) : slice))
      .filter((slice) => slice !== null);
  }

  #withdraw(request: ModelRequest, { slices, pending }: Tracked): void {
    for (const slice of slices) this.#queue.remove(slice);
    if (pending) request.model.statistics.pending -= 1;
    this.#untrack(request);
  }

  #untrack(request: ModelRequest): void {
    if (request.tracked !== null) this.#laterRows -= laterRows(request.tracked);
    request.tracked = null;
    this.#inFlight -= 1;
  }

  #dispatch(): void {
    while (!this.#host.busy) {
      const sample = this.#watch.due(this.#queue.length + this.#isolated.length);
      if (sample !== null) {
        this.#runAgain(sample);
        continue;
      }
      const { entries, rows, expired } = this.#next();
      for (const { request } of expired) this.#expire(request);
      if (entries.length > 0) this.#start(entries, rows);
      else if (expired.length === 0) return;
    }
  }

  #runAgain({ model, signature, inputs, rows }: Sample): void {
    const judge = (outcome: RunOutcome): void => {
      this.#dispatch();
      this.#watch.judge(outcome);
      if (!this.#host.busy) this.#dispatch();
    };
    try {
      this.#host.run(model.session, signature, [inputs], rows, judge);
    } catch (error) {
      this.#log.error({ err: error, model: model.name, rows }, 'stacking a sample failed');
      this.#watch.drop();
    }
  }

  /** Isolated retries go before everything else. */
  #next(): NextRun<Slice> {
    const nowMs = this.#nowMs();
    let slice = this.#isolated.pop();
    while (slice !== undefined && slice.request.tracked === null) slice = this.#isolated.pop();
    if (slice === undefined) return this.#queue.next(nowMs);
    if (slice.deadlineMs <= nowMs) return { entries: [], rows: 0, expired: [slice] };
    return { entries: [slice], rows: slice.rows, expired: [] };
  }

  #expire(request: ModelRequest): void {
    // A request of several slices expires with the first of them.
    if (request.tracked === null) return;
    const waitedMs = Math.round(this.#nowMs() - request.arrivedMs);
    this.#fail(request, new SluiceError('deadline-exceeded', `deadline passed after ${waitedMs} ms at the pod`));
  }

  #start(slices: readonly Slice[], rows: number): void {
    const startedMs = this.#nowMs();
    const { model } = slices[0]!.request;
    const elements = rowElements(model.freeInputs, slices[0]!.request.inputs);
    const run: Run = { rows, startedMs, occupiedUs: 0, rowElements: elements };
    for (const { request, start, rows: ownRows } of slices) {
      const { tracked } = request;
      if (tracked !== null && tracked.slices.length > mostQueued) this.#queueNext(tracked);
      if (tracked?.pending === true) {
        tracked.pending = false;
        model.statistics.pending -= 1;
        model.statistics.queueUs += (startedMs - request.arrivedMs) * 1000;
      }
      request.runs.push({ run, rows: ownRows });
      if (start === 0) run.occupiedUs += request.parseUs;
    }
    try {
      const parts = slices.map((slice) => inputsOf(model, slice));
      this.#host.run(model.session, model.signature, parts, rows, (outcome) => this.#finish(current, outcome));
    } catch (error) {
      this.#log.error({ err: error, model: model.name, rows }, 'stacking failed');
      this.#runFailed({ run, model, slices, stackUs: 0 }, String(error));
      return;
    }
    const current: CurrentRun = { run, model, slices, stackUs: (this.#nowMs() - startedMs) * 1000 };
  }

  #finish(current: CurrentRun, outcome: RunOutcome): void {
    const { run, model, stackUs, slices } = current;
    run.occupiedUs += stackUs + outcome.runUs;
    this.#watch.countRun(model, outcome.cpuUs);
    if (isObsolete(current)) {
      this.#restart(current);
      this.#dispatch();
      return;
    }
    if (outcome.kind === 'failed') {
      this.#runFailed(current, outcome.message);
      this.#dispatch();
      return;
    }
    this.#dispatch();
    const endedMs = this.#nowMs();
    model.statistics.recordRun(run.rows, stackUs, outcome.runUs);
    model.statistics.lastInferenceMs = Date.now();
    this.#deliver(current, outcome.outputs);
    const renderUs = (this.#nowMs() - endedMs) * 1000;
    run.occupiedUs += renderUs;
    model.statistics.recordOutput(run.rows, renderUs);
    for (const { request } of slices) model.statistics.requestUs += (endedMs - request.arrivedMs) * 1000;
    if (this.#watch.pending && !this.#host.busy) this.#dispatch();
  }

  #deliver({ run, model, slices }: CurrentRun, outputs: Tensors): void {
    if (slices.length === 1) {
      this.#complete(slices[0]!, outputs);
      return;
    }
    let parts: readonly Tensors[];
    try {
      const rowCounts = slices.map(({ rows }) => rows);
      parts = split(model.signature, outputs, rowCounts);
    } catch (error) {
      if (!this.#unsplittable.has(model)) {
        this.#unsplittable.add(model);
        const details = { err: error, model: model.name, version: model.version };
        this.#log.warn(details, 'outputs cannot be split among requests, each is run alone; switch batching off');
      }
      this.#isolate(run, slices);
      this.#dispatch();
      return;
    }
    for (const [index, slice] of slices.entries()) this.#complete(slice, parts[index]!);
    this.#watch.offer(model, slices, parts);
  }

  #complete(slice: Slice, outputs: Tensors): void {
    const { request } = slice;
    if (request.tracked === null) return;
    const { slices } = request.tracked;
    slice.outputs = outputs;
    if (slices.length === 1) {
      this.#answer(request, outputs);
    } else if (slices.every((other) => other.outputs !== null)) {
      this.#answerJoined(request, slices);
    }
  }

  #answerJoined(request: ModelRequest, slices: readonly Slice[]): void {
    let joined: Tensors;
    try {
      const parts = slices.map(({ outputs }) => outputs!);
      const rowCounts = slices.map(({ rows }) => rows);
      joined = concatRows(request.model.signature, parts, rowCounts);
    } catch (error) {
      this.#fail(request, error as SluiceError);
      return;
    }
    this.#answer(request, joined);
  }

  #answerNoRows(request: ModelRequest): void {
    try {
      const outputs = outputsOfNoRows(request.model.signature);
      request.model.statistics.success += 1;
      request.done({ kind: 'answered', outputs });
    } catch (error) {
      this.#fail(request, error as SluiceError);
    }
  }

  #answer(request: ModelRequest, outputs: Tensors): void {
    this.#untrack(request);
    request.model.statistics.success += 1;
    request.done({ kind: 'answered', outputs });
  }

  #runFailed({ run, model, slices }: CurrentRun, cause: string): void {
    if (slices.length > 1) {
      this.#isolate(run, slices);
      const details = { model: model.name, version: model.version, rows: run.rows, cause };
      this.#log.warn(details, 'a run of several requests failed, each is retried alone');
      return;
    }
    const { request } = slices[0]!;
    // A transform makes tensors that the client never saw: a value in them is no mistake of its.
    const refused = model.transform === null ? refusedValues(cause) : null;
    if (refused !== null) {
      const what = `model '${model.name}' does not take these values: ${refused}`;
      if (request.tracked !== null) this.#fail(request, new SluiceError('invalid-tensor', what));
      return;
    }
    const { requestId, traceId } = request;
    const details = { model: model.name, version: model.version, rows: run.rows, requestId, traceId, cause };
    this.#log.error(details, 'model failed');
    if (request.tracked !== null) {
      this.#fail(request, new SluiceError('model-failed', `model '${model.name}' failed on this input`));
    }
  }

  /** Lets each slice of a run retry by itself; the run no longer counts as theirs. */
  #isolate(run: Run, slices: readonly Slice[]): void {
    for (const { request } of slices) {
      const index = request.runs.findIndex((part) => part.run === run);
      if (index >= 0) request.runs.splice(index, 1);
    }
    // Reversed, since they are taken from the end.
    this.#isolated.push(...slices.toReversed());
  }

  /** Lets each request of the run start again, whole and alone: the model was unbatched meanwhile. */
  #restart({ slices }: CurrentRun): void {
    const wholes = slices.map((slice) => this.#replace(slice)).filter((slice) => slice !== null);
    this.#isolated.push(...wholes.toReversed());
  }

  /** Puts one slice for the whole request in the place of those it was cut into. @returns null if it has left, or has one already */
  #replace(slice: Slice): Slice | null {
    const { request } = slice;
    if (request.tracked?.slices.includes(slice) !== true) return null;
    const whole = wholeOf(request);
    this.#laterRows -= laterRows(request.tracked);
    request.tracked = { slices: [whole], queued: 1, pending: request.tracked.pending };
    request.runs.length = 0;
    return whole;
  }

  /** Puts the next slice of a large request into the queue, as one of its slices starts. */
  #queueNext(tracked: Tracked): void {
    const next = tracked.slices[tracked.queued];
    if (next === undefined) return;
    tracked.queued += 1;
    this.#laterRows -= next.rows;
    this.#queue.push(next);
  }

  #fail(request: ModelRequest, error: SluiceError): void {
    const { statistics } = request.model;
    if (request.tracked !== null) this.#withdraw(request, request.tracked);
    statistics.failures[error.code === 'deadline-exceeded' ? 'REJECTED' : 'BACKEND'] += 1;
    statistics.failedUs += (this.#nowMs() - request.arrivedMs) * 1000;
    request.done({ kind: 'failed', error });
  }
}

/** Whether the run has mixed or cut requests of a model that was unbatched while it ran. */
function isObsolete({ model, slices }: CurrentRun): boolean {
  const [first] = slices;
  return model.unbatchedReason !== null && (slices.length > 1 || first!.rows !== first!.request.rows);
}

/** Rows of the slices that are not in the queue yet. */
function laterRows({ slices, queued }: Tracked): number {
  let rows = 0;
  for (let index = queued; index < slices.length; index += 1) rows += slices[index]!.rows;
  return rows;
}

/** A whole request that shares no run. */
function wholeOf(request: ModelRequest): Slice {
  return sliceOf(request, { groupKey: String(request.model.session), maxRows: 1, start: 0, rows: request.rows });
}

function sliceOf(
  request: ModelRequest,
  { groupKey, maxRows, start, rows }: Pick<Slice, 'groupKey' | 'maxRows' | 'start' | 'rows'>,
): Slice {
  const { deadlineMs } = request;
  return { request, groupKey, maxRows, start, rows, deadlineMs, outputs: null, waiting: false };
}

function inputsOf(model: ServedModel, { request, start, rows }: Slice): Tensors {
  return rows === request.rows ? request.inputs : sliceRows(model.signature, request.inputs, start, rows);
}
