/** State that the routes of a model server share: its models, scheduler, limits, and whether it is loading or draining. */
import type { PodStatus } from '../contract/pod-status.ts';
import { SluiceError } from '../contract/errors.ts';
import type { UnbatchedModel } from '../contract/unbatched.ts';
import type { Bodies } from './bodies/bodies.ts';
import type { Drain } from './drain.ts';
import type { LiveModels } from './repository/live-models.ts';
import type { StartGate } from './repository/start-gate.ts';
import type { RequiredModels } from './repository/required-models.ts';
import type { ModelSet } from './repository/model-set.ts';
import type { RunTracing } from './tracing.ts';
import type { Scheduler } from './scheduler.ts';
import type { Transforms } from './transforms/transforms.ts';

/** Bytes of request bodies in memory, each from its arrival to its answer, within a limit. */
export class Staging {
  readonly maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Reserves bytes if they fit. An area that is empty but for what the caller holds takes any request, which a low limit would
   * otherwise refuse for ever.
   */
  tryHold(bytes: number, ownBytes = 0): boolean {
    if (this.#bytes > ownBytes && this.#bytes + bytes > this.maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export class PodState {
  readonly uid: string;
  readonly name: string;
  readonly models: ModelSet;
  readonly transforms: Transforms;
  readonly scheduler: Scheduler;
  readonly staging: Staging;
  readonly bodies: Bodies;
  readonly maxBodyBytes: number;
  /** Whether envelopes need the shared secret. */
  readonly requiresSecret: boolean;
  /** Null unless an OpenTelemetry SDK was preloaded into the process. */
  readonly tracing: RunTracing | null;
  readonly drain: Drain;
  readonly #required: Pick<RequiredModels, 'problem'>;
  /** Whether the start goes on: no model answers requests before its end. */
  loading = true;
  /**
   * Whether the process ends and takes no request any more. Until its last answer it goes on telling its state, or gateways would
   * take it for hung.
   */
  isFinishing = false;
  /** Loads and unloads models while the pod serves; null before the start has ended. */
  live: LiveModels | null = null;
  /** Takes the wish of the pool until the start has ended. */
  gate: StartGate | null = null;
  /** Memory that the process may take, in bytes; null where nothing limits it. */
  memoryLimitBytes: number | null = null;
  /** HTTP requests without a finished response; an envelope counts as one. */
  openResponses = 0;

  constructor(
    options: Pick<
      PodState,
      | 'uid'
      | 'name'
      | 'models'
      | 'transforms'
      | 'scheduler'
      | 'staging'
      | 'bodies'
      | 'maxBodyBytes'
      | 'requiresSecret'
      | 'tracing'
      | 'drain'
    > & {
      /** Models without which the pod is not ready; none unless given. */
      readonly required?: Pick<RequiredModels, 'problem'>;
    },
  ) {
    this.uid = options.uid;
    this.name = options.name;
    this.models = options.models;
    this.transforms = options.transforms;
    this.scheduler = options.scheduler;
    this.staging = options.staging;
    this.bodies = options.bodies;
    this.maxBodyBytes = options.maxBodyBytes;
    this.requiresSecret = options.requiresSecret;
    this.tracing = options.tracing;
    this.drain = options.drain;
    this.#required = options.required ?? { problem: null };
  }

  /** Requests that are read, are converted, wait or run, and large answers that are written. */
  get inFlight(): number {
    return this.scheduler.inFlight + this.transforms.inFlight + this.bodies.inFlight;
  }

  get draining(): boolean {
    return this.drain.active;
  }

  get ready(): boolean {
    return this.notReadyReason === null;
  }

  /** Why the pod is not ready, in one line; null if it is. One that lacks a required model answers requests for its others. */
  get notReadyReason(): string | null {
    if (this.loading) return 'the pod is loading its models';
    return this.draining ? 'the pod is draining' : this.#required.problem;
  }

  /** Stops batching a version of a model, for good. @returns whether it was batched here until now */
  unbatch(found: UnbatchedModel): boolean {
    const model = this.models.rememberUnbatched(found);
    if (model === null) return false;
    this.scheduler.stopBatching(model, found.reason);
    return true;
  }

  status(): PodStatus {
    const { unbatched } = this.models;
    const drain = this.drain.status();
    const { notReadyReason } = this;
    return {
      uid: this.uid,
      state: notReadyReason === null ? 'ready' : this.draining && !this.loading ? 'draining' : 'loading',
      ...(notReadyReason === null ? {} : { notReadyReason }),
      ...(drain === null ? {} : { drain }),
      inFlight: this.inFlight,
      queuedRows: this.scheduler.queuedRows,
      ...(this.bodies.reading === 0 ? {} : { reading: this.bodies.reading }),
      models: this.models.status(),
      ...(unbatched.size === 0 ? {} : { unbatched: [...unbatched.values()] }),
      ...(this.requiresSecret ? { requiresSecret: true } : {}),
      ...(this.memoryLimitBytes === null ? {} : { memoryLimitBytes: this.memoryLimitBytes }),
      ...(this.scheduler.watching ? { watching: true } : {}),
    };
  }
}

export function busyError(pod: PodState): SluiceError {
  return new SluiceError(
    'busy',
    `the pod holds ${pod.staging.bytes} bytes of requests, its limit is ${pod.staging.maxBytes}`,
    {
      retryAfterSeconds: 1,
    },
  );
}

/** Refuses a request that came once the pod takes no more. */
export function finishingError(): SluiceError {
  return new SluiceError('busy', 'the pod is ending: it answers the requests that it has, and takes no more', {
    retryAfterSeconds: 1,
  });
}

export function bodyTooLargeError(pod: PodState, bytes: number): SluiceError {
  return new SluiceError(
    'body-too-large',
    `body of ${bytes} bytes is over the pod's limit of ${pod.maxBodyBytes} bytes (--max-body-bytes)`,
  );
}
