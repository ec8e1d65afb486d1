/** Errors for clients whose request a pool refuses, drops or can't answer in time. */
import { SluiceError } from '../../contract/errors.ts';

/** @param body the body by its length, `body of 12 bytes` */
export function bodyTooLarge(body: string, maxBytes: number): SluiceError {
  return new SluiceError('body-too-large', `${body} is over the limit of ${maxBytes} bytes`);
}

export interface QueueSize {
  readonly requests: number;
  readonly bytes: number;
  /** Memory that bodies take while they are arriving. */
  readonly arrivingBytes: number;
  readonly maxRequests: number;
  readonly maxBytes: number;
}

export function queueFull(
  pool: string,
  { requests, bytes, arrivingBytes, maxRequests, maxBytes }: QueueSize,
  retryAfterSeconds: number,
): SluiceError {
  const arriving = arrivingBytes > 0 ? ` and ${arrivingBytes} bytes of arriving bodies` : '';
  const size = `${requests} request${requests === 1 ? '' : 's'} (${bytes} bytes)${arriving}`;
  const message = `the queue of pool '${pool}' is full: it holds ${size}, of at most ${maxRequests} requests and ${maxBytes} bytes`;
  return new SluiceError('queue-full', message, { retryAfterSeconds });
}

/** Error of a request that waited at a level which holds more than its share of a full queue. */
export function displaced(pool: string, level: number): SluiceError {
  const message = `the queue of pool '${pool}' is full, and requests of priority ${level} gave way to a level that holds less than its share`;
  return new SluiceError('queue-full', message, { retryAfterSeconds: 1 });
}

export function overloaded(model: string, retryAfterSeconds: number): SluiceError {
  const message = `the wait for model '${model}' is predicted to be longer than its objective or deadline allows`;
  return new SluiceError('overloaded', message, { retryAfterSeconds });
}

/** @param reason why, in a pod's words; null if no pod has said */
export function modelUnserved(pool: string, model: string, reason: string | null): SluiceError {
  const why = reason === null ? '; their logs say why' : ` (${reason})`;
  const message = `model '${model}' is not ready: no pod of pool '${pool}' serves it${why}`;
  return new SluiceError('model-not-ready', message, { retryAfterSeconds: 5 });
}

export function modelRemoved(pool: string, model: string): SluiceError {
  return new SluiceError('model-not-found', `model '${model}' has left pool '${pool}'`);
}

/** @param model null if the pool has no pod at all */
export function noPod(pool: string, model: string | null, waitedMs: number): SluiceError {
  const serves = model === null ? '' : ` that serves model '${model}'`;
  const message = `no pod of pool '${pool}'${serves} became ready within ${waitedMs} ms`;
  return new SluiceError('no-pod', message, { retryAfterSeconds: 5 });
}

/** @param where the request has waited last */
export function deadlineExceeded(waitedMs: number, where: string): SluiceError {
  const message = `no answer within the deadline: ${Math.round(waitedMs)} ms have passed, the last of them ${where}`;
  return new SluiceError('deadline-exceeded', message);
}
