/** Calls that a gateway makes to one pod, and how each can end. Implemented by upstream.ts, and by a double in tests. */
import type { AnswerHead, SummaryHead } from '../../contract/envelope.ts';
import type { PendingRequest } from '../queue/model-queue.ts';

/** Ways in which a call to a pod can fail to give its answer. */
export type LossKind = 'refused' | 'reset' | 'hung' | 'overdue' | 'garbage' | 'busy' | 'unauthorized';

/** A call under way. */
export interface Call {
  /** Whether the pod waits for this process to take its answer, for which there is no room. */
  readonly waitsForRoom: boolean;
  /** Ends it as lost; no effect once it is over. */
  abort(kind: LossKind, detail: string): void;
}

/** Receives what comes back for a batch: answers in any order, then exactly one of `onEnd` and `onLost`. */
export interface BatchHandlers {
  /**
   * @param retryAfter a foreign server's `Retry-After`, where it is valid
   * @throws Error if that request was answered before; the call is then lost as garbage
   */
  onAnswer(index: number, head: AnswerHead, body: Buffer, retryAfter?: string): void;
  /** @param summary null after a plain request, or if the pod ended its answer without one */
  onEnd(summary: SummaryHead | null): void;
  /** Requests not answered so far will not be answered by this call. */
  onLost(kind: LossKind, detail: string): void;
}

export interface PlainAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly inferenceHeaderLength: number | undefined;
  /** `Retry-After` in seconds or as an HTTP date; undefined without a valid one. */
  readonly retryAfter: string | undefined;
  /** Whether the pod has not executed the request, since the version is not ready there. */
  readonly notReady: boolean;
  readonly body: Buffer;
}

export interface PlainHandlers {
  onAnswer(answer: PlainAnswer): void;
  onLost(kind: LossKind, detail: string): void;
}

/** Opens the connection to a pod. @param isPeer whether the pod belongs to this system, so that it may be sent the secret */
export type Connect = (origin: string, isPeer: boolean) => PodConnection;

export interface PodConnection {
  /** Whether envelopes carry the shared secret. */
  readonly sendsSecret: boolean;
  sendEnvelope(requests: readonly PendingRequest[], nowMs: number, handlers: BatchHandlers): Call;
  /** Sends one request as its client sent it, without an envelope. */
  sendPlain(request: PendingRequest, nowMs: number, handlers: BatchHandlers): Call;
  get(path: string, handlers: PlainHandlers): Call;
  /** Sends JSON. */
  post(path: string, body: Buffer, handlers: PlainHandlers): Call;
  /** Ends the connections; calls under way are lost. */
  close(): Promise<void>;
}
