/**
 * POST /v2/envelope: many requests in one HTTP request; an answer frame for each as its run ends, then the summary.
 *
 * Items are parsed while the envelope arrives and submitted together, at its end or as soon as they fill a run: the
 * gateway composed them as one batch, and an idle pod would otherwise run the first few alone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Compile } from 'typebox/compile';
import { FrameDecoder, ItemHead, type AnswerHead, type Frame, type RunReport } from '../../contract/envelope.ts';
import { errorBody, SluiceError } from '../../contract/errors.ts';
import { mediaTypes } from '../../contract/headers.ts';
import { traceIdOf } from '../../contract/traceparent.ts';
import { reportError, sendError, type ErrorLog } from '../../runtime/http/errors.ts';
import { letBodyCome } from '../../runtime/http/expect.ts';
import type { RequestIds } from '../../runtime/http/request-ids.ts';
import { accept, clientOutputs, convertInputs, convertOutputs, render, type Accepted } from '../accept.ts';
import { isHeavyAnswer, isHeavyBody } from '../bodies/heavy.ts';
import type { InferenceOutcome, ModelRequest, Run } from '../model-request.ts';
import { bodyTooLargeError, busyError, type PodState } from '../pod-state.ts';
import type { Answer, RequestBody } from '../protocol/call.ts';
import type { ServedModel } from '../repository/served-model.ts';
import type { Tensors } from '../tensor.ts';
import { AnswerStream } from './answer-stream.ts';

const itemHead = Compile(ItemHead);

/** Most runs that a summary reports, which keeps it within the limit of a head: a request of many rows may take thousands. */
const maxRunReports = 256;

interface HeavyItem {
  readonly item: ItemHead;
  readonly model: ServedModel;
  readonly request: RequestBody;
  readonly owned: boolean;
  readonly arrivedMs: number;
}

interface ParsedItem {
  readonly item: ItemHead;
  readonly accepted: Accepted;
  readonly arrivedMs: number;
}

/** Share of this envelope in a run. */
interface OwnRun {
  /** Place among the runs of the summary. */
  readonly index: number;
  rows: number;
  firstArrivedMs: number;
}

export interface EnvelopeExchangeOptions {
  readonly pod: PodState;
  readonly log: ErrorLog;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class EnvelopeExchange {
  readonly #pod: PodState;
  readonly #log: ErrorLog;
  readonly #response: ServerResponse;
  readonly #decoder: FrameDecoder;
  readonly #answers: AnswerStream;
  /** Bytes that each item holds of the pod's staging area, by its index; 0 once it is answered. */
  readonly #stagedBytes = new Map<number, number>();
  /** Bytes held of the staging area for the item that is arriving. */
  #arrivingBytes = 0;
  /** Parsed requests that are not submitted yet. */
  #parsed: ModelRequest[] = [];
  #parsedRows = 0;
  /** Requests that the scheduler has. */
  readonly #submitted = new Set<ModelRequest>();
  readonly #runs = new Map<Run, OwnRun>();
  /** Models that its items are for, held until it ends. */
  readonly #models = new Set<ServedModel>();
  /** Items that arrived and have no answer. */
  #unanswered = 0;
  /** The whole envelope has arrived. */
  #complete = false;
  /** Whether the answer has ended early: the envelope was broken, refused or cut off. */
  #closed = false;
  /** Stops bodies that wait to be read beside the event loop; null if none came. */
  #reading: AbortController | null = null;

  constructor({ pod, log, request, response }: EnvelopeExchangeOptions) {
    this.#pod = pod;
    this.#log = log;
    this.#response = response;
    this.#answers = new AnswerStream({ response, podName: pod.name, onFlushed: () => this.#finishIfDone() });
    const totalBytes = Number(request.headers['content-length'] ?? NaN);
    // Oversized items fail individually, not the envelope.
    const limits = { maxBodyBytes: Math.max(pod.maxBodyBytes, pod.staging.maxBytes) };
    this.#decoder = new FrameDecoder(Number.isNaN(totalBytes) ? limits : { ...limits, totalBytes });
    pod.openResponses += 1;
    response.on('close', () => {
      pod.openResponses -= 1;
      this.#abandon();
      for (const bytes of this.#stagedBytes.values()) pod.staging.release(bytes);
      this.#releaseArriving(0);
      for (const model of this.#models) model.users -= 1;
    });
    request.on('data', (chunk: Buffer) => this.#guard(() => this.#receive(chunk)));
    request.on('end', () => {
      this.#guard(() => {
        this.#decoder.end();
        this.#complete = true;
        this.#submitParsed();
        this.#finishIfDone();
      });
    });
    letBodyCome(request);
  }

  /** Answers a broken envelope: 400 if nothing of it was started, else an end without a summary. */
  #guard(step: () => void): void {
    if (this.#closed) return;
    try {
      step();
    } catch (error) {
      const started = this.#answers.started || this.#submitted.size > 0;
      this.#abandon();
      if (started) this.#response.end();
      else sendError(this.#response, error, { log: this.#log, close: true });
    }
  }

  #abandon(): void {
    this.#closed = true;
    this.#answers.close();
    this.#reading?.abort();
    this.#parsed = [];
    for (const request of this.#submitted) this.#pod.scheduler.cancel(request);
    this.#submitted.clear();
  }

  #receive(chunk: Buffer): void {
    const arrivedMs = performance.now();
    const frames = this.#decoder.push(chunk);
    // Items that are whole hold room of their own.
    if (frames.length > 0) this.#releaseArriving(0);
    // A frame that lies within its chunk is a view of it; any other is a copy.
    for (const frame of frames) this.#item(frame, frame.body.buffer !== chunk.buffer, arrivedMs);
    this.#holdArriving();
  }

  /** Counts the item that is arriving with its bytes; one that the pod has no room for is let go, and answered busy at its end. */
  #holdArriving(): void {
    const more = this.#decoder.heldBytes - this.#arrivingBytes;
    if (more > 0 && this.#pod.staging.tryHold(more, this.#arrivingBytes)) this.#arrivingBytes += more;
    else if (more > 0) this.#decoder.dropBody();
    this.#releaseArriving(this.#decoder.heldBytes);
  }

  /** Gives back all that is held for the arriving item beyond `keptBytes`. */
  #releaseArriving(keptBytes: number): void {
    if (this.#arrivingBytes <= keptBytes) return;
    this.#pod.staging.release(this.#arrivingBytes - keptBytes);
    this.#arrivingBytes = keptBytes;
  }

  /** @param owned whether nothing else lies in the memory of the body */
  #item({ head, body, dropped }: Frame, owned: boolean, arrivedMs: number): void {
    const item = readHead(head);
    if (this.#stagedBytes.has(item.index)) {
      throw new SluiceError('invalid-envelope', `index ${item.index} names two items`);
    }
    const fits = dropped !== true && this.#pod.staging.tryHold(body.length);
    this.#stagedBytes.set(item.index, fits ? body.length : 0);
    this.#unanswered += 1;
    if (!fits) {
      this.#answerError(item.index, busyError(this.#pod));
      return;
    }
    if (body.length > this.#pod.maxBodyBytes) {
      this.#answerError(item.index, bodyTooLargeError(this.#pod, body.length), null, idsOf(item));
      return;
    }
    try {
      const model = this.#pod.models.find(item.model, item.version, item.hash);
      if (!this.#models.has(model)) {
        this.#models.add(model);
        model.users += 1;
      }
      const { protocol, contentType, contentEncoding, inferenceHeaderLength } = item;
      const request = { body, contentType, inferenceHeaderLength };
      if (contentEncoding !== undefined || isHeavyBody(request, protocol, model.surfaces)) {
        this.#readBeside({ item, model, request, owned, arrivedMs });
        return;
      }
      const startedMs = performance.now();
      this.#accept({ item, accepted: accept(model, protocol, request), arrivedMs }, startedMs);
    } catch (error) {
      this.#answerError(item.index, error, null, idsOf(item));
    }
  }

  #readBeside({ item, model, request, owned, arrivedMs }: HeavyItem): void {
    this.#reading ??= new AbortController();
    const { signal } = this.#reading;
    const { protocol, contentEncoding } = item;
    const deadlineMs = arrivedMs + item.deadlineMs;
    this.#pod.bodies.read({ model, protocol, request, contentEncoding, owned, deadlineMs, signal }, (error, read) => {
      if (read === null || !this.#restage(item.index, read.bytes)) {
        this.#answerError(item.index, read === null ? error : busyError(this.#pod), null, idsOf(item));
        return;
      }
      // A throw here has no request's handler above it, and would end the process.
      this.#guard(() => {
        this.#accept({ item, accepted: read.accepted, arrivedMs }, performance.now() - read.tookMs);
        if (this.#complete) this.#submitParsed();
      });
    });
  }

  /** Replaces the body's reservation by that of what was read from it. @returns false if the pod is full */
  #restage(index: number, bytes: number): boolean {
    const { staging } = this.#pod;
    staging.release(this.#stagedBytes.get(index)!);
    const fits = staging.tryHold(bytes);
    this.#stagedBytes.set(index, fits ? bytes : 0);
    return fits;
  }

  /** @param startedMs time at which parsing began */
  #accept(parsed: ParsedItem, startedMs: number): void {
    const { item, accepted } = parsed;
    if (accepted.transform === null) {
      this.#hold(parsed, accepted.call.inputs, startedMs);
      return;
    }
    convertInputs(accepted, (error, inputs) => {
      if (this.#closed) return;
      if (error !== null) {
        this.#answerError(item.index, error, null, idsOf(item));
        return;
      }
      this.#guard(() => {
        this.#hold(parsed, inputs, performance.now());
        if (this.#complete) this.#submitParsed();
      });
    });
  }

  /** Keeps a parsed item until the envelope is complete or fills a run. @param startedMs time at which parsing began */
  #hold({ item, accepted, arrivedMs }: ParsedItem, inputs: Tensors, startedMs: number): void {
    const request: ModelRequest = {
      model: accepted.model,
      inputs,
      rows: accepted.rows,
      arrivedMs,
      deadlineMs: arrivedMs + item.deadlineMs,
      parseUs: (performance.now() - startedMs) * 1000,
      requestId: item.requestId,
      traceId: traceIdOf(item.traceparent),
      runs: [],
      tracked: null,
      done: (outcome) => {
        const failed = outcome.kind === 'failed' ? outcome.error.code : null;
        this.#answer(item.index, request, accepted, outcome);
        this.#pod.tracing?.answered(request, item.traceparent, failed);
      },
    };
    this.#parsed.push(request);
    this.#parsedRows += request.rows;
    if (this.#parsedRows >= accepted.model.maxRows) this.#submitParsed();
  }

  #submitParsed(): void {
    const parsed = this.#parsed;
    this.#parsed = [];
    this.#parsedRows = 0;
    for (const request of parsed) {
      this.#submitted.add(request);
      this.#pod.scheduler.submit(request);
    }
  }

  #answer(index: number, request: ModelRequest, accepted: Accepted, outcome: InferenceOutcome): void {
    this.#submitted.delete(request);
    if (outcome.kind === 'failed') {
      this.#answerError(index, outcome.error, request);
    } else if (accepted.transform === null) {
      this.#answerOutputs(index, request, accepted, outcome.outputs);
    } else {
      convertOutputs(accepted, outcome.outputs, (error, outputs) => {
        if (this.#closed) return;
        if (error === null) this.#answerOutputs(index, request, accepted, outputs);
        else this.#answerError(index, error, request);
      });
    }
  }

  #answerOutputs(index: number, request: ModelRequest, accepted: Accepted, computed: Tensors): void {
    try {
      const outputs = clientOutputs(accepted, computed);
      if (!isHeavyAnswer(accepted.call, outputs)) {
        this.#answerRendered(index, request, accepted, render(accepted, outputs));
        return;
      }
      this.#pod.bodies.write(accepted, outputs, (error, answer) => {
        if (this.#closed) return;
        if (answer === null) this.#answerError(index, error, request);
        else this.#answerRendered(index, request, accepted, answer);
      });
    } catch (error) {
      this.#answerError(index, error, request);
    }
  }

  #answerRendered(index: number, request: ModelRequest, { call }: Accepted, answer: Answer): void {
    const { inferenceHeaderLength } = answer;
    const lastRun = request.runs.at(-1)?.run;
    const head: AnswerHead = {
      index,
      status: 200,
      contentType: answer.contentType,
      rows: call.rows,
      run: this.#runOf(request),
      runRows: lastRun?.rows ?? 0,
      ...(inferenceHeaderLength === undefined ? {} : { inferenceHeaderLength }),
    };
    if (lastRun?.rowElements !== undefined) head.rowElements = lastRun.rowElements;
    this.#write(head, answer.body);
  }

  #answerError(index: number, error: unknown, request: ModelRequest | null = null, ids?: RequestIds): void {
    if (this.#closed) return;
    const known = reportError(error, this.#log, request === null ? ids : idsOfRequest(request));
    const head: AnswerHead = {
      index,
      status: known.status,
      contentType: mediaTypes.json,
      rows: request?.rows ?? 0,
      run: request === null ? -1 : this.#runOf(request),
      ...(known.code === 'busy' ? { busy: true } : {}),
      ...(known.code === 'model-not-ready' ? { notReady: true } : {}),
    };
    this.#write(head, [errorBody(known.message)]);
  }

  #write(head: AnswerHead, body: readonly Buffer[]): void {
    this.#answers.write(head, body);
    this.#unanswered -= 1;
    this.#pod.staging.release(this.#stagedBytes.get(head.index)!);
    this.#stagedBytes.set(head.index, 0);
  }

  /** Adds the request's rows to its runs' counts. @returns the index of its last run, -1 if none computed it */
  #runOf({ runs, arrivedMs }: ModelRequest): number {
    let last = -1;
    for (const { run, rows } of runs) {
      let own = this.#runs.get(run);
      if (own === undefined) {
        own = { index: this.#runs.size, rows: 0, firstArrivedMs: arrivedMs };
        this.#runs.set(run, own);
      }
      own.rows += rows;
      own.firstArrivedMs = Math.min(own.firstArrivedMs, arrivedMs);
      last = own.index;
    }
    return last;
  }

  #finishIfDone(): void {
    if (this.#closed || !this.#complete || this.#unanswered > 0 || this.#response.writableEnded) return;
    const { scheduler, inFlight, draining, models } = this.#pod;
    const runs: RunReport[] = [];
    for (const [run, own] of this.#runs) {
      if (runs.length === maxRunReports) break;
      const report: RunReport = {
        rows: run.rows,
        ownRows: own.rows,
        queueUs: Math.max(0, Math.round((run.startedMs - own.firstArrivedMs) * 1000)),
        occupiedUs: Math.round(run.occupiedUs),
      };
      if (run.rowElements !== undefined) report.rowElements = run.rowElements;
      runs.push(report);
    }
    this.#answers.end({
      runs,
      queuedRows: scheduler.queuedRows,
      inFlight,
      draining,
      ...(models.unbatched.size === 0 ? {} : { unbatched: models.unbatched.size }),
      ...(scheduler.watching ? { watching: true } : {}),
    });
  }
}

function idsOfRequest({ requestId, traceId }: ModelRequest): RequestIds {
  return { requestId, traceId };
}

function idsOf({ requestId, traceparent }: ItemHead): RequestIds {
  return { requestId, traceId: traceIdOf(traceparent) };
}

function readHead(head: Buffer): ItemHead {
  let value: unknown;
  try {
    value = JSON.parse(head.toString());
  } catch (cause) {
    throw new SluiceError('invalid-envelope', 'the head of an item is not JSON', { cause });
  }
  if (itemHead.Check(value)) return value;
  const [error] = itemHead.Errors(value);
  throw new SluiceError(
    'invalid-envelope',
    `the head of an item: ${error?.instancePath ?? ''} ${error?.message ?? ''}`,
  );
}
