/** One predict request between its admission and its answer. */
import type { Protocol } from '../../contract/envelope.ts';
import type { SluiceError } from '../../contract/errors.ts';
import type { DeadlinePlace } from './deadlines.ts';
import type { ModelQueue } from './model-queue.ts';
import type { RequestTrace } from '../telemetry/tracing.ts';

export type RequestOutcome =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly contentType: string;
      readonly inferenceHeaderLength: number | undefined;
      readonly retryAfterSeconds?: number;
      readonly body: Buffer;
      /** Name of the pod that answered. */
      readonly pod: string;
      /** Rows of the run that computed it; undefined of a server that doesn't say. */
      readonly runRows: number | undefined;
    }
  | { readonly kind: 'error'; readonly error: SluiceError };

export interface PredictRequest {
  readonly id: string;
  readonly model: string;
  readonly version: string | undefined;
  readonly protocol: Protocol;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly inferenceHeaderLength: string | undefined;
  /** Valid, if any. */
  readonly traceparent: string | undefined;
  /** Null unless the process has an OpenTelemetry SDK. */
  readonly trace: RequestTrace | null;
  /** The body as it came, in the pieces in which it came. */
  readonly body: readonly Buffer[];
  readonly bytes: number;
  /** 1 (highest) to 9. */
  readonly priority: number;
  /** Monotonic clock, as are all times of the gateway. */
  readonly arrivedAtMs: number;
  readonly deadlineAtMs: number;
  /** Order of arrival; settles ties in the queue. */
  readonly sequence: number;
  /** Answers the client. Called exactly once, unless the client has left. */
  readonly settle: (outcome: RequestOutcome) => void;
}

/** The request as the gateway's queue and dispatch see it. */
export interface PendingRequest extends PredictRequest {
  /** Of its model; kept even if the model leaves the pool meanwhile. */
  readonly modelQueue: ModelQueue;
  /** What goes with it to the pod. */
  traceparent: string | undefined;
  /** Empty once it is `done`: it may stay in a queue for a while. */
  body: readonly Buffer[];
  /** `done`: answered, or its client has left; whatever still comes for it is dropped. */
  state: 'queued' | 'sent' | 'done';
  /** Rows, estimated from the bytes. */
  readonly estimatedRows: number;
  /** Times it was sent to a pod that may have executed it. */
  attempts: number;
  /** Times a pod was lost while it held this request and no other. */
  podsLostAlone: number;
  /** It was with a pod that died: it now travels alone. */
  isolated: boolean;
  /** The pod that answered it with a 5xx, while another pod is asked to tell whether pod or request is at fault. */
  unverified: { readonly podUid: string; readonly outcome: RequestOutcome } | undefined;
  readonly deadlinePlace: DeadlinePlace;
}
