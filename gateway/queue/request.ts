/** A predict request as a front (HTTP today) hands it over, and the outcome that the front hands back. */
import type { Protocol } from '../../contract/envelope.ts';
import type { SluiceError } from '../../contract/errors.ts';

export type RequestOutcome =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly contentType: string;
      readonly inferenceHeaderLength: number | undefined;
      /** `Retry-After` of a foreign server: seconds or an HTTP date. */
      readonly retryAfter: string | undefined;
      readonly body: Buffer;
      /** Name of the pod that answered. */
      readonly pod: string;
      /** Rows of the run that computed it; undefined of a server that doesn't say. */
      readonly runRows: number | undefined;
    }
  | { readonly kind: 'error'; readonly error: SluiceError };

/** Room for answers at the client of a request, which has to take some before more are fetched for it. */
export interface AnswerRoom {
  /**
   * @param turn of the request among those of its client
   * @returns false if there is no room for so many bytes now
   */
  takeAnswerRoom(bytes: number, turn: number): boolean;
  /** Gives back what was taken. */
  releaseAnswerRoom(bytes: number): void;
}

export interface PredictRequest {
  readonly id: string;
  readonly model: string;
  readonly version: string | undefined;
  readonly protocol: Protocol;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly inferenceHeaderLength: string | undefined;
  /** Trace context of the client, if it sent a valid one. */
  readonly traceparent: string | undefined;
  /** The body as it came, in the chunks in which it came. */
  readonly body: readonly Buffer[];
  readonly bytes: number;
  /** 1 (highest) to 9. */
  readonly priority: number;
  /** Undefined where nothing bounds the answers of a client. */
  readonly answerRoom: AnswerRoom | undefined;
  /** Turn of the answer among those of its client, which come in this order. */
  readonly answerTurn: number;
  /** Monotonic clock, as are all times of the gateway. */
  readonly arrivedAtMs: number;
  readonly deadlineAtMs: number;
  /**
   * Answers the client. Called exactly once, unless the request was cancelled first.
   * @param traceparent of the request's span; undefined without tracing
   */
  readonly settle: (outcome: RequestOutcome, traceparent: string | undefined) => void;
}
