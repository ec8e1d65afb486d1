/** By which names a request is found again in logs and traces. */
import type { IncomingMessage } from 'node:http';
import { headers as names } from '../../contract/headers.ts';
import { parseTraceparent } from '../../contract/traceparent.ts';

const requestIdPattern = /^[\w.:/+=-]{1,128}$/;

/** Its client's own, where that can be passed on. */
export function requestIdOf(message: IncomingMessage, fresh: () => string): string {
  const given = message.headers[names.requestId];
  return typeof given === 'string' && requestIdPattern.test(given) ? given : fresh();
}

/** Undefined where there is none, or none that is valid. */
export function traceparentOf(message: IncomingMessage): string | undefined {
  const given = message.headers[names.traceparent];
  return typeof given === 'string' && parseTraceparent(given) !== null ? given : undefined;
}
