/**
 * The wire from the gateway to one pod: envelopes, plain requests, small reads. The only importer of undici here.
 *
 * Reports what came, or how it was lost, and judges nothing: health, retry and accounting are decided elsewhere.
 */
import { Pool, type Dispatcher } from 'undici';
import {
  appendFrame,
  FrameDecoder,
  longBodyBytes,
  type AnswerHead,
  type SummaryHead,
} from '../../contract/envelope.ts';
import { headers as headerNames, mediaTypes, paths } from '../../contract/headers.ts';
import type { SharedSecret } from '../../runtime/http/shared-secret.ts';
import { partBytes } from '../../runtime/http/turns.ts';
import type { PendingRequest } from '../queue/model-queue.ts';
import type { AnswerGate } from './answer-gate.ts';
import { isAnswer, isSummary, itemHead } from './envelope-heads.ts';
import type { EnvelopeTurns } from './envelope-turns.ts';
import type { BatchHandlers, Call, LossKind, PlainAnswer, PlainHandlers, PodConnection } from './pod-connection.ts';
import { validRetryAfter } from './retry-after.ts';
import { SentParts } from './sent-parts.ts';

/** Envelopes up to this size are one write; a copy of larger ones would take as much memory again. */
const joinedBytes = 4 * 1024 * 1024;
/** Limit for the answer to one request; a longer one is garbage. */
const maxAnswerBytes = 1024 * 1024 * 1024;
/** Under the pod's own keep-alive (65 s and more): the gateway closes first, so no request meets a closing socket. */
const keepAliveMs = 30_000;

type Headers = Record<string, string | string[] | undefined>;

/** Limits and turns that the wires to all pods share. */
export interface UpstreamShares {
  readonly gate: AnswerGate;
  readonly turns: EnvelopeTurns;
}

export class Upstream implements PodConnection {
  readonly #client: Pool;
  readonly #secret: SharedSecret | null;
  readonly #gate: AnswerGate;
  readonly #turns: EnvelopeTurns;

  /** @param secret null for a server that must not get it */
  constructor(origin: string, secret: SharedSecret | null, { gate, turns }: UpstreamShares) {
    this.#secret = secret;
    this.#gate = gate;
    this.#turns = turns;
    this.#client = new Pool(origin, {
      connections: null,
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      connect: { timeout: 2_000 },
      // Each call has a timeout of its own, in loop time.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  get sendsSecret(): boolean {
    return typeof this.#secret?.authorization === 'string';
  }

  sendEnvelope(requests: readonly PendingRequest[], nowMs: number, handlers: BatchHandlers): Call {
    const parts: Buffer[] = [];
    for (let index = 0; index < requests.length; index += 1) {
      const request = requests[index]!;
      appendFrame(parts, itemHead(request, index, nowMs), request.body);
    }
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    const headers = this.#peerHeaders(mediaTypes.envelope);
    let body: Buffer | SentParts;
    let large: LargeEnvelope | null = null;
    if (bytes <= joinedBytes) {
      body = Buffer.concat(parts, bytes);
      this.#turns.onSmall();
    } else {
      body = new SentParts(parts, this.#turns);
      large = { sent: body, requests, bodies: requests.map((request) => request.body) };
      headers.push('content-length', String(bytes));
    }
    const reader = new EnvelopeReader(handlers, this.#gate, large);
    this.#client.dispatch({ path: paths.envelope, method: 'POST', headers, body }, reader);
    return reader;
  }

  sendPlain(request: PendingRequest, nowMs: number, handlers: BatchHandlers): Call {
    const headers: string[] = [headerNames.requestId, request.id];
    headers.push(headerNames.timeoutMs, String(Math.max(1, Math.floor(request.deadlineAtMs - nowMs))));
    if (request.contentType !== undefined) headers.push('content-type', request.contentType);
    if (request.contentEncoding !== undefined) headers.push('content-encoding', request.contentEncoding);
    if (request.traceparent !== undefined) headers.push(headerNames.traceparent, request.traceparent);
    if (request.inferenceHeaderLength !== undefined) {
      headers.push(headerNames.inferenceHeaderLength, request.inferenceHeaderLength);
    }
    if (request.resolved !== null) {
      const { version, hash } = request.resolved;
      headers.push(headerNames.modelVersion, version);
      if (hash !== undefined) headers.push(headerNames.modelHash, hash);
    }
    return this.#plain('POST', predictPath(request), headers, Buffer.concat(request.body), {
      onAnswer: ({ status, contentType, inferenceHeaderLength, retryAfter, notReady, body }) => {
        const head: AnswerHead = { index: 0, status, contentType, rows: 1, run: -1 };
        if (notReady) head.notReady = true;
        if (inferenceHeaderLength !== undefined) head.inferenceHeaderLength = inferenceHeaderLength;
        handlers.onAnswer(0, head, body, retryAfter);
        handlers.onEnd(null);
      },
      onLost: (kind, detail) => handlers.onLost(kind, detail),
    });
  }

  get(path: string, handlers: PlainHandlers): Call {
    return this.#plain('GET', path, [], null, handlers);
  }

  post(path: string, body: Buffer, handlers: PlainHandlers): Call {
    return this.#plain('POST', path, this.#peerHeaders(mediaTypes.json), body, handlers);
  }

  /** Headers of what only a peer may send. Reads and plain predict requests need no secret, and carry none. */
  #peerHeaders(contentType: string): string[] {
    const authorization = this.#secret?.authorization ?? null;
    return authorization === null
      ? ['content-type', contentType]
      : ['content-type', contentType, 'authorization', authorization];
  }

  #plain(method: 'GET' | 'POST', path: string, headers: string[], body: Buffer | null, handlers: PlainHandlers): Call {
    const reader = new PlainReader(handlers);
    this.#client.dispatch({ path, method, headers, body }, reader);
    return reader;
  }

  async close(): Promise<void> {
    await this.#client.destroy();
  }
}

/** Both kinds of call: ends exactly once, by whichever event comes first. */
abstract class Reader implements Dispatcher.DispatchHandler, Call {
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;
  #abortedAs: { kind: LossKind; detail: string } | undefined;
  /** Whether the request may have reached the pod. */
  #connected = false;

  protected abstract lost(kind: LossKind, detail: string): void;

  protected get controller(): Dispatcher.DispatchController | undefined {
    return this.#controller;
  }

  protected get over(): boolean {
    return this.#over;
  }

  /** Called once, before its end is told. */
  protected ended(): void {
    // Readers that hold nothing have nothing to give back.
  }

  /** True exactly once. */
  protected finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.ended();
    return true;
  }

  /** Whether the pod waits for this process to take its answer. */
  get waitsForRoom(): boolean {
    return false;
  }

  abort(kind: LossKind, detail: string): void {
    if (this.#over) return;
    this.#abortedAs = { kind, detail };
    // Without a controller the request has not left yet.
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

  abstract onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Headers): void;
  abstract onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void;
  abstract onResponseEnd(): void;

  #lose(kind: LossKind, detail: string): void {
    if (this.finish()) this.lost(kind, detail);
  }
}

/** Requests too large to be copied for sending, and their bodies, which they have no more once they are settled. */
interface LargeEnvelope {
  readonly sent: SentParts;
  readonly requests: readonly PendingRequest[];
  readonly bodies: readonly (readonly Buffer[])[];
}

class EnvelopeReader extends Reader {
  readonly #decoder = new FrameDecoder({ maxBodyBytes: maxAnswerBytes, admits: (bytes) => this.#admits(bytes) });
  readonly #handlers: BatchHandlers;
  readonly #gate: AnswerGate;
  readonly #large: LargeEnvelope | null;
  #summary: SummaryHead | null = null;
  /** Room of long answers that arrive, and the part of it that was taken for one that had to wait. */
  #roomBytes = 0;
  #awaitedBytes = 0;
  #stopWaiting: (() => void) | null = null;
  /** Bytes that came since others were served, and the first chunk after them, until its turn. */
  #burst = 0;
  #kept: Buffer | null = null;

  constructor(handlers: BatchHandlers, gate: AnswerGate, large: LargeEnvelope | null) {
    super();
    this.#handlers = handlers;
    this.#gate = gate;
    this.#large = large;
  }

  override get waitsForRoom(): boolean {
    return this.#stopWaiting !== null;
  }

  onBodySent(chunk: Buffer): void {
    this.#large?.sent.onWritten(chunk);
  }

  override onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (status === 503) this.abort('busy', 'the pod answered 503 to an envelope');
    else if (status === 401) this.abort('unauthorized', 'the pod refused the shared secret (401)');
    else if (status !== 200) this.abort('garbage', `the pod answered ${status} to an envelope`);
  }

  override onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#decodeKept();
    if (this.over) return;
    if (this.#burst >= partBytes) return this.#rest(chunk);
    this.#burst += chunk.length;
    this.#decode(chunk);
  }

  /** Leaves the rest of a long answer unread until its turn. The chunk is undici's own until it has seen the pause. */
  #rest(chunk: Buffer): void {
    this.#burst = 0;
    this.#kept = chunk;
    this.controller?.pause();
    this.#gate.inTurn(() => {
      this.#decodeKept();
      if (!this.waitsForRoom && !this.over) this.controller?.resume();
    });
  }

  #decodeKept(): void {
    const kept = this.#kept;
    this.#kept = null;
    if (kept !== null && !this.over) this.#decode(kept);
  }

  #decode(chunk: Buffer): void {
    try {
      for (const { head, body } of this.#decoder.push(chunk)) {
        const { length } = body;
        this.#onFrame(head, body);
        if (length >= longBodyBytes && !this.over) this.#release(length);
      }
    } catch (error) {
      this.abort('garbage', describe(error));
    }
  }

  #admits(bytes: number): boolean {
    if (this.#awaitedBytes > 0) {
      this.#awaitedBytes = 0;
      return true;
    }
    if (this.#stopWaiting !== null) return false;
    this.#stopWaiting = this.#gate.take(bytes, () => this.#onRoom(bytes));
    if (this.#stopWaiting === null) {
      this.#roomBytes += bytes;
      return true;
    }
    this.controller?.pause();
    return false;
  }

  #onRoom(bytes: number): void {
    this.#stopWaiting = null;
    this.#roomBytes += bytes;
    this.#awaitedBytes = bytes;
    this.#decode(Buffer.alloc(0));
    if (!this.waitsForRoom && !this.over) this.controller?.resume();
  }

  #release(bytes: number): void {
    this.#roomBytes -= bytes;
    this.#gate.release(bytes);
  }

  protected override ended(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
    this.#release(this.#roomBytes);
  }

  override onResponseEnd(): void {
    this.#decodeKept();
    if (!this.finish()) return;
    this.#handlers.onEnd(this.#summary);
    if (this.#large !== null) freeBodies(this.#large);
  }

  protected override lost(kind: LossKind, detail: string): void {
    this.#handlers.onLost(kind, detail);
  }

  #onFrame(headBytes: Buffer, body: Buffer): void {
    const head: unknown = JSON.parse(headBytes.toString('latin1'));
    if (this.#summary !== null) throw new Error('a frame followed the summary');
    if (isSummary(head)) this.#summary = head;
    else if (isAnswer(head)) this.#handlers.onAnswer(head.index, head, body);
    else throw new Error(`frame with an unknown head: ${headBytes.toString('latin1', 0, 80)}`);
  }
}

/** Gives back the memory of bodies that nobody sends again: garbage of tens of MiB would stay until a collection finds it. */
function freeBodies({ sent, requests, bodies }: LargeEnvelope): void {
  for (const [index, request] of requests.entries()) {
    // Another attempt may still be writing the same bytes.
    if (request.state === 'settled' && request.attempts === 1) sent.free(bodies[index]!);
  }
}

class PlainReader extends Reader {
  readonly #handlers: PlainHandlers;
  readonly #chunks: Buffer[] = [];
  #status = 0;
  #bytes = 0;
  #headers: Headers = {};

  constructor(handlers: PlainHandlers) {
    super();
    this.#handlers = handlers;
  }

  override onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
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
    const answer: PlainAnswer = {
      status: this.#status,
      contentType: single(this.#headers['content-type']) ?? mediaTypes.json,
      inferenceHeaderLength: Number.isSafeInteger(length) && length >= 0 ? length : undefined,
      retryAfter: validRetryAfter(single(this.#headers['retry-after'])),
      notReady: this.#headers[headerNames.notReady] !== undefined,
      body: this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks),
    };
    this.#handlers.onAnswer(answer);
  }

  protected override lost(kind: LossKind, detail: string): void {
    this.#handlers.onLost(kind, detail);
  }
}

function predictPath(request: PendingRequest): string {
  const model = encodeURIComponent(request.model);
  if (request.protocol === 'v1') return `/v1/models/${model}:predict`;
  const version = request.version ?? request.resolved?.version;
  return version === undefined
    ? `/v2/models/${model}/infer`
    : `/v2/models/${model}/versions/${encodeURIComponent(version)}/infer`;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code} ` : '';
  return `${code}${error.message}`;
}
