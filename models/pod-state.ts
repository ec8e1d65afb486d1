/** What the routes of one process share. */
import type { PodStatus } from '../contract/pod-status.ts';
import { SluiceError } from '../contract/errors.ts';
import type { ModelSet } from './repository/served-model.ts';
import type { RunTracing } from './tracing.ts';
import type { Scheduler } from './scheduler.ts';

/** Bytes of requests that the process holds, from their arrival to their answer. */
export class Staging {
  readonly maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** One request is always taken, so that a limit below its size can't refuse it for ever. */
  tryHold(bytes: number): boolean {
    if (this.#bytes > 0 && this.#bytes + bytes > this.maxBytes) return false;
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
  readonly scheduler: Scheduler;
  readonly staging: Staging;
  readonly maxBodyBytes: number;
  /** Null unless the process has an OpenTelemetry SDK. */
  readonly tracing: RunTracing | null;
  loading = true;
  draining = false;
  /** HTTP requests whose response isn't finished; an envelope is one. */
  openResponses = 0;

  constructor(
    options: Pick<PodState, 'uid' | 'name' | 'models' | 'scheduler' | 'staging' | 'maxBodyBytes' | 'tracing'>,
  ) {
    this.uid = options.uid;
    this.name = options.name;
    this.models = options.models;
    this.scheduler = options.scheduler;
    this.staging = options.staging;
    this.maxBodyBytes = options.maxBodyBytes;
    this.tracing = options.tracing;
  }

  get ready(): boolean {
    return !this.loading && !this.draining;
  }

  status(): PodStatus {
    return {
      uid: this.uid,
      state: this.loading ? 'loading' : this.draining ? 'draining' : 'ready',
      inFlight: this.scheduler.inFlight,
      queuedRows: this.scheduler.queuedRows,
      models: this.models.status(),
    };
  }
}

export function busyError(pod: PodState): SluiceError {
  return new SluiceError('busy', `the pod holds ${pod.staging.bytes} bytes, the most is ${pod.staging.maxBytes}`, {
    retryAfterSeconds: 1,
  });
}

export function bodyTooLargeError(pod: PodState, bytes: number): SluiceError {
  return new SluiceError(
    'body-too-large',
    `body of ${bytes} bytes is over the pod's limit of ${pod.maxBodyBytes} bytes (--max-body-bytes)`,
  );
}
