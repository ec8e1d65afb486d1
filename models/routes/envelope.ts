/**
 * POST /v2/envelope: many requests in, an answer frame for each as its run ends, then the summary.
 *
 * Items are parsed while the envelope arrives and handed to the scheduler together, at its end or as soon as they
 * fill a run: the gateway composed them as one batch, and an idle pod would otherwise run the first few alone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Compile } from 'typebox/compile';
import {
  appendFrame,
  FrameDecoder,
  ItemHead,
  type AnswerHead,
  type Frame,
  type RunReport,
} from '../../contract/envelope.ts';
import { errorBody, SluiceError } from '../../contract/errors.ts';
import { headers, mediaTypes } from '../../contract/headers.ts';
import { traceIdOf } from '../../contract/traceparent.ts';
import { reportError, sendError, type ErrorLog } from '../../runtime/http/errors.ts';
import type { RequestIds } from '../../runtime/http/request-ids.ts';
import { accept, render, type Accepted } from '../accept.ts';
import { decompress } from '../decompress.ts';
import { bodyTooLargeError, busyError, type Pod } from '../pod-state.ts';
import type { InferenceOutcome, ModelRequest, Run } from '../model-request.ts';

const itemHead = Compile(ItemHead);
/** Answers of one run are joined into one write up to this size, and written uncopied beyond. */
const joinBytes = 256 * 1024;

const unreadLimitMs = 60_000;

interface OwnRun {
  readonly index: number;
  rows: number;
  firstArrivedMs: number;
}

export class EnvelopeExchange {
  readonly #pod: Pod;
  readonly #log: ErrorLog;
  readonly #response: ServerResponse;
  readonly #decoder: FrameDecoder;
  /** Bytes held for each item by its index, 0 once it is answered. */
  readonly #held = new Map<number, number>();
  /** Parsed, and not yet given to the scheduler. */
  #parsed: ModelRequest[] = [];
  #parsedRows = 0;
  readonly #waiting = new Set<ModelRequest>();
  readonly #runs = new Map<Run, OwnRun>();
  /** Items that arrived and have no answer. */
  #unanswered = 0;
  #complete = false;
  /** Broken, refused or cut off: nothing is written any more. */
  #over = false;
  /** Stops bodies that wait to be inflated; null where none came. */
  #inflating: AbortController | null = null;
  #out: Buffer[] = [];
  #flushPlanned = false;
  /** Runs while written answers are not taken. */
  #unread: NodeJS.Timeout | null = null;

  constructor(pod: Pod, log: ErrorLog, request: IncomingMessage, response: ServerResponse) {
    this.#pod = pod;
    this.#log = log;
    this.#response = response;
    const totalBytes = Number(request.headers['content-length'] ?? NaN);
    // What one item has too much is that item's error.
    const limits = { maxBodyBytes: Math.max(pod.maxBodyBytes, pod.staging.maxBytes) };
    this.#decoder = new FrameDecoder(Number.isNaN(totalBytes) ? limits : { ...limits, totalBytes });
    pod.openResponses += 1;
    response.on('close', () => {
      pod.openResponses -= 1;
      this.#abandon();
      this.#stopUnread();
      for (const bytes of this.#held.values()) pod.staging.release(bytes);
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
  }

  /** A broken envelope: a 400 while nothing of it was started, else an end without summary. */
  #guard(step: () => void): void {
    if (this.#over) return;
    try {
      step();
    } catch (error) {
      const started = this.#response.headersSent || this.#out.length > 0 || this.#waiting.size > 0;
      this.#abandon();
      if (started) this.#response.end();
      else sendError(this.#response, error, { log: this.#log, close: true });
    }
  }

  #abandon(): void {
    this.#over = true;
    this.#inflating?.abort();
    this.#parsed = [];
    for (const request of this.#waiting) this.#pod.scheduler.cancel(request);
    this.#waiting.clear();
  }

  #receive(chunk: Buffer): void {
    const arrivedMs = performance.now();
    for (const frame of this.#decoder.push(chunk)) this.#item(frame, arrivedMs);
  }

  #item({ head, body }: Frame, arrivedMs: number): void {
    const item = readHead(head);
    if (this.#held.has(item.index)) {
      throw new SluiceError('invalid-envelope', `index ${item.index} names two items`);
    }
    const fits = this.#pod.staging.tryHold(body.length);
    this.#held.set(item.index, fits ? body.length : 0);
    this.#unanswered += 1;
    if (!fits) {
      this.#answerError(item.index, busyError(this.#pod));
      return;
    }
    if (body.length > this.#pod.maxBodyBytes) {
      this.#answerError(item.index, bodyTooLargeError(this.#pod, body.length), null, idsOf(item));
      return;
    }
    const { contentEncoding } = item;
    if (contentEncoding === undefined) {
      this.#parse(item, body, arrivedMs);
    } else {
      this.#inflating ??= new AbortController();
      decompress(body, contentEncoding, this.#pod.maxBodyBytes, this.#inflating.signal)
        .then((plain) => {
          if (this.#over) return;
          if (!this.#holdInstead(item.index, plain.length)) throw busyError(this.#pod);
          this.#parse(item, plain, arrivedMs);
          if (this.#complete) this.#submitParsed();
        })
        .catch((error: unknown) => this.#answerError(item.index, error, null, idsOf(item)));
    }
  }

  /** Of the two bodies, as it came and inflated, only one is needed from here on. */
  #holdInstead(index: number, bytes: number): boolean {
    const { staging } = this.#pod;
    staging.release(this.#held.get(index)!);
    const fits = staging.tryHold(bytes);
    this.#held.set(index, fits ? bytes : 0);
    return fits;
  }

  #parse(item: ItemHead, body: Buffer, arrivedMs: number): void {
    const startedMs = performance.now();
    try {
      const model = this.#pod.models.find(item.model, item.version);
      const accepted = accept(model, item.protocol, {
        body,
        contentType: item.contentType,
        inferenceHeaderLength: item.inferenceHeaderLength,
      });
      const request: ModelRequest = {
        model,
        inputs: accepted.inputs,
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
      if (this.#parsedRows >= model.maxRows) this.#submitParsed();
    } catch (error) {
      this.#answerError(item.index, error, null, idsOf(item));
    }
  }

  #submitParsed(): void {
    const parsed = this.#parsed;
    this.#parsed = [];
    this.#parsedRows = 0;
    for (const request of parsed) {
      this.#waiting.add(request);
      this.#pod.scheduler.submit(request);
    }
  }

  #answer(index: number, request: ModelRequest, accepted: Accepted, outcome: InferenceOutcome): void {
    this.#waiting.delete(request);
    if (outcome.kind === 'failed') {
      this.#answerError(index, outcome.error, request);
      return;
    }
    try {
      const answer = render(accepted, outcome.outputs);
      const { inferenceHeaderLength } = answer;
      const head: AnswerHead = {
        index,
        status: 200,
        contentType: answer.contentType,
        rows: accepted.call.rows,
        run: this.#runOf(request),
        runRows: request.runs.at(-1)?.run.rows ?? 0,
        ...(inferenceHeaderLength === undefined ? {} : { inferenceHeaderLength }),
      };
      this.#write(head, answer.body);
    } catch (error) {
      this.#answerError(index, error, request);
    }
  }

  #answerError(index: number, error: unknown, request: ModelRequest | null = null, ids?: RequestIds): void {
    if (this.#over) return;
    const known = reportError(error, this.#log, request === null ? ids : idsOfRequest(request));
    const head: AnswerHead = {
      index,
      status: known.status,
      contentType: mediaTypes.json,
      rows: request?.rows ?? 0,
      run: request === null ? -1 : this.#runOf(request),
      ...(known.code === 'busy' ? { busy: true } : {}),
    };
    this.#write(head, [errorBody(known.message)]);
  }

  #write(head: AnswerHead, body: readonly Buffer[]): void {
    appendFrame(this.#out, head, body);
    this.#unanswered -= 1;
    this.#pod.staging.release(this.#held.get(head.index)!);
    this.#held.set(head.index, 0);
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    // After the run's last answer: one write a run.
    process.nextTick(() => {
      this.#flushPlanned = false;
      this.#flush();
      this.#finishIfDone();
    });
  }

  /** Counts the request's rows to its runs. @returns the index of the last, -1 where none computed it */
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
    if (this.#over || !this.#complete || this.#unanswered > 0 || this.#response.writableEnded) return;
    const { scheduler, draining } = this.#pod;
    const runs: RunReport[] = [];
    for (const [run, own] of this.#runs) {
      runs.push({
        rows: run.rows,
        ownRows: own.rows,
        queueUs: Math.max(0, Math.round((run.startedMs - own.firstArrivedMs) * 1000)),
        occupiedUs: Math.round(run.occupiedUs),
      });
    }
    const summary = { runs, queuedRows: scheduler.queuedRows, inFlight: scheduler.inFlight, draining };
    appendFrame(this.#out, summary, []);
    this.#flush();
    this.#response.end();
  }

  #flush(): void {
    const out = this.#out;
    if (out.length === 0 || this.#over) return;
    this.#out = [];
    const response = this.#response;
    if (!response.headersSent) {
      response.writeHead(200, { 'content-type': mediaTypes.envelope, [headers.pod]: this.#pod.name });
    }
    let bytes = 0;
    for (const part of out) bytes += part.length;
    if (bytes <= joinBytes) {
      response.write(Buffer.concat(out, bytes));
    } else {
      response.cork();
      for (const part of out) response.write(part);
      response.uncork();
    }
    if (response.writableNeedDrain && this.#unread === null) {
      // A gateway that doesn't read its answers must not make this process hold them for ever.
      this.#unread = setTimeout(() => response.destroy(), unreadLimitMs);
      response.once('drain', () => this.#stopUnread());
    }
  }

  #stopUnread(): void {
    if (this.#unread !== null) clearTimeout(this.#unread);
    this.#unread = null;
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
