/** The names by which a request is found again in logs and traces. */
import type { IncomingMessage } from 'node:http';
import { headers as names } from '../../contract/headers.ts';
import { parseTraceparent, traceIdOf } from '../../contract/traceparent.ts';

export interface RequestIds {
  readonly requestId: string | undefined;
  readonly traceId: string | undefined;
}

const requestIdPattern = /^[\w.:/+=-]{1,128}$/;

/** The client's own request id; undefined where it sent none, or one that can't be passed on. */
export function requestIdOf(message: IncomingMessage): string | undefined {
  const given = message.headers[names.requestId];
  return typeof given === 'string' && requestIdPattern.test(given) ? given : undefined;
}

/** The client's traceparent; undefined where it sent none, or one that is not valid. */
export function traceparentOf(message: IncomingMessage): string | undefined {
  const given = message.headers[names.traceparent];
  return typeof given === 'string' && parseTraceparent(given) !== null ? given : undefined;
}

export function requestIdsOf(message: IncomingMessage): RequestIds {
  return { requestId: requestIdOf(message), traceId: traceIdOf(traceparentOf(message)) };
}
