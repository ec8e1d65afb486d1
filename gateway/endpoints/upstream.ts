/**
 * The wire from the gateway to one pod: envelopes, plain requests, small reads. The only importer of undici.
 *
 * Judges nothing: it says what came, or how it was lost; health, retry and accounting belong to the pool.
 */
import { Pool, type Dispatcher } from 'undici';
import {
  appendFrame,
  FrameDecoder,
  type AnswerHead,
  type ItemHead,
  type RunReport,
  type SummaryHead,
} from '../../contract/envelope.ts';
import { headers as headerNames, mediaTypes, paths } from '../../contract/headers.ts';
import type { PendingRequest } from '../queue/request.ts';

/** How a call to a pod can fail to give its answer. */
export type LossKind = 'refused' | 'reset' | 'hung' | 'garbage' | 'busy';

export interface EnvelopeHandlers {
  /** One request was answered; at most once each. */
  onAnswer(index: number, head: AnswerHead, body: Buffer): void;
  /** All were answered, and this is what the pod says of it. */
  onEnd(summary: SummaryHead): void;
  /** The call is over, and what was not answered will not be. */
  onLost(kind: LossKind, detail: string): void;
}

export interface PlainAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly inferenceHeaderLength: number | undefined;
  readonly retryAfter: string | undefined;
  readonly body: Buffer;
}

export interface PlainHandlers {
  onAnswer(answer: PlainAnswer): void;
  onLost(kind: LossKind, detail: string): void;
}

/** A call under way. */
export interface Call {
  /** Ends it as lost; nothing if it is over. */
  abort(kind: LossKind, detail: string): void;
}

/** Answers to one request can be this long; what is longer is garbage. */
const maxAnswerBytes = 1024 * 1024 * 1024;
/** Under the pod's own keep-alive (65 s and more), so that we close first and no request meets a closing socket. */
const keepAliveMs = 30_000;

export class Upstream {
  readonly #client: Pool;

  constructor(origin: string) {
    this.#client = new Pool(origin, {
      connections: null,
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      connect: { timeout: 2_000 },
      // The pool has limits of its own for each call.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  sendEnvelope(requests: readonly PendingRequest[], nowMs: number, handlers: EnvelopeHandlers): Call {
    const parts: Buffer[] = [];
    for (let index = 0; index < requests.length; index += 1) {
      const request = requests[index]!;
      appendFrame(parts, itemHead(request, index, nowMs), request.body);
    }
    const reader = new EnvelopeReader(requests.length, handlers);
    this.#client.dispatch(
      {
        path: paths.envelope,
        method: 'POST',
        headers: ['content-type', mediaTypes.envelope],
        body: Buffer.concat(parts),
      },
      reader,
    );
    return reader;
  }

  sendPlain(request: PendingRequest, nowMs: number, handlers: PlainHandlers): Call {
    const headers: string[] = [headerNames.requestId, request.id];
    headers.push(headerNames.timeoutMs, String(Math.max(1, Math.floor(request.deadlineAtMs - nowMs))));
    if (request.contentType !== undefined) headers.push('content-type', request.contentType);
    if (request.contentEncoding !== undefined) headers.push('content-encoding', request.contentEncoding);
    if (request.traceparent !== undefined) headers.push(headerNames.traceparent, request.traceparent);
    if (request.inferenceHeaderLength !== undefined) {
      headers.push(headerNames.inferenceHeaderLength, request.inferenceHeaderLength);
    }
    return this.#plain('POST', predictPath(request), headers, Buffer.concat(request.body), handlers);
  }

  get(path: string, handlers: PlainHandlers): Call {
    return this.#plain('GET', path, [], null, handlers);
  }

  #plain(method: 'GET' | 'POST', path: string, headers: string[], body: Buffer | null, handlers: PlainHandlers): Call {
    const reader = new PlainReader(handlers);
    this.#client.dispatch({ path, method, headers, body }, reader);
    return reader;
  }

  /** Ends the connections; calls under way are lost. */
  async close(): Promise<void> {
    await this.#client.destroy();
  }
}

/** Common to both kinds of call: a single end, by whichever way it comes first. */
abstract class Reader implements Dispatcher.DispatchHandler, Call {
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;
  #abortedAs: { kind: LossKind; detail: string } | undefined;
  /** Whether the request may have reached the pod. */
  #connected = false;

  protected abstract lost(kind: LossKind, detail: string): void;

  protected get over(): boolean {
    return this.#over;
  }

  /** True exactly once. */
  protected finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    return true;
  }

  abort(kind: LossKind, detail: string): void {
    if (this.#over) return;
    this.#abortedAs = { kind, detail };
    // Nothing of it has left yet.
    if (this.#controller === undefined) this.#lose('refused', detail);
    else this.#controller.abort(new Error(detail));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#connected = true;
    if (this.#over) controller.abort(new Error('the call was over before it began'));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const aborted = this.#abortedAs;
    if (aborted !== undefined) this.#lose(aborted.kind, aborted.detail);
    else this.#lose(this.#connected ? 'reset' : 'refused', describe(error));
  }

  abstract onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void;
  abstract onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void;
  abstract onResponseEnd(): void;

  #lose(kind: LossKind, detail: string): void {
    if (this.finish()) this.lost(kind, detail);
  }
}

class EnvelopeReader extends Reader {
  readonly #decoder = new FrameDecoder({ maxBodyBytes: maxAnswerBytes });
  readonly #handlers: EnvelopeHandlers;
  readonly #answered: boolean[];
  #left: number;
  #summary: SummaryHead | undefined;

  constructor(count: number, handlers: EnvelopeHandlers) {
    super();
    this.#handlers = handlers;
    this.#answered = new Array<boolean>(count).fill(false);
    this.#left = count;
  }

  override onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (status === 503) this.abort('busy', 'the pod answered 503 to an envelope');
    else if (status !== 200) this.abort('garbage', `the pod answered ${status} to an envelope`);
  }

  override onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return;
    try {
      for (const frame of this.#decoder.push(chunk)) this.#take(frame.head, frame.body);
    } catch (error) {
      this.abort('garbage', describe(error));
    }
  }

  override onResponseEnd(): void {
    if (!this.finish()) return;
    if (this.#summary !== undefined && this.#left === 0) this.#handlers.onEnd(this.#summary);
    else this.lost('reset', `the answer ended with ${this.#left} requests unanswered`);
  }

  protected override lost(kind: LossKind, detail: string): void {
    this.#handlers.onLost(kind, detail);
  }

  #take(headBytes: Buffer, body: Buffer): void {
    const head: unknown = JSON.parse(headBytes.toString('latin1'));
    if (this.#summary !== undefined) throw new Error('a frame followed the summary');
    if (isSummary(head)) {
      this.#summary = head;
    } else if (isAnswer(head)) {
      if (this.#answered[head.index] !== false) throw new Error(`answer to item ${head.index}, which waits for none`);
      this.#answered[head.index] = true;
      this.#left -= 1;
      this.#handlers.onAnswer(head.index, head, body);
    } else {
      throw new Error(`frame with an unknown head: ${headBytes.toString('latin1', 0, 80)}`);
    }
  }
}

class PlainReader extends Reader {
  readonly #handlers: PlainHandlers;
  readonly #chunks: Buffer[] = [];
  #status = 0;
  #bytes = 0;
  #headers: Record<string, string | string[] | undefined> = {};

  constructor(handlers: PlainHandlers) {
    super();
    this.#handlers = handlers;
  }

  override onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  override onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > maxAnswerBytes) this.abort('garbage', `the answer is longer than ${maxAnswerBytes} bytes`);
    else this.#chunks.push(chunk);
  }

  override onResponseEnd(): void {
    if (!this.finish()) return;
    const length = Number(single(this.#headers[headerNames.inferenceHeaderLength]));
    this.#handlers.onAnswer({
      status: this.#status,
      contentType: single(this.#headers['content-type']) ?? mediaTypes.json,
      inferenceHeaderLength: Number.isSafeInteger(length) && length >= 0 ? length : undefined,
      retryAfter: single(this.#headers['retry-after']),
      body: this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks),
    });
  }

  protected override lost(kind: LossKind, detail: string): void {
    this.#handlers.onLost(kind, detail);
  }
}

function itemHead(request: PendingRequest, index: number, nowMs: number): ItemHead {
  const head: ItemHead = {
    index,
    model: request.model,
    protocol: request.protocol,
    deadlineMs: Math.max(0, request.deadlineAtMs - nowMs),
  };
  if (request.version !== undefined) head.version = request.version;
  if (request.contentType !== undefined) head.contentType = request.contentType;
  if (request.contentEncoding !== undefined) head.contentEncoding = request.contentEncoding;
  if (request.inferenceHeaderLength !== undefined) head.inferenceHeaderLength = request.inferenceHeaderLength;
  head.requestId = request.id;
  if (request.traceparent !== undefined) head.traceparent = request.traceparent;
  return head;
}

function predictPath(request: PendingRequest): string {
  const model = encodeURIComponent(request.model);
  if (request.protocol === 'v1') return `/v1/models/${model}:predict`;
  return request.version === undefined
    ? `/v2/models/${model}/infer`
    : `/v2/models/${model}/versions/${encodeURIComponent(request.version)}/infer`;
}

// Checked by hand: once a request, where the compiled schema would cost as much as the parse.
function isAnswer(head: unknown): head is AnswerHead {
  if (typeof head !== 'object' || head === null) return false;
  const { index, status, contentType, rows, run, runRows, inferenceHeaderLength } = head as Partial<AnswerHead>;
  return (
    isCount(index) &&
    isCount(status) &&
    status >= 200 &&
    status <= 599 &&
    typeof contentType === 'string' &&
    isCount(rows) &&
    Number.isSafeInteger(run) &&
    (runRows === undefined || isCount(runRows)) &&
    (inferenceHeaderLength === undefined || isCount(inferenceHeaderLength))
  );
}

function isSummary(head: unknown): head is SummaryHead {
  if (typeof head !== 'object' || head === null || !('runs' in head)) return false;
  const { runs, queuedRows, inFlight, draining } = head as Partial<SummaryHead>;
  return (
    Array.isArray(runs) &&
    runs.every(isRun) &&
    isCount(queuedRows) &&
    isCount(inFlight) &&
    typeof draining === 'boolean'
  );
}

function isRun(run: unknown): run is RunReport {
  if (typeof run !== 'object' || run === null) return false;
  const { rows, ownRows, queueUs, occupiedUs } = run as Partial<RunReport>;
  return isCount(rows) && isCount(ownRows) && Number.isFinite(queueUs) && Number.isFinite(occupiedUs);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code} ` : '';
  return `${code}${error.message}`;
}
