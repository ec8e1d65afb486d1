/** Every error leaves by this file: as `{"error": …}`, with the status of its code, and logged from 500 on. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyError, FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { errorBody, quote, SluiceError } from '../../contract/errors.ts';
import { headers as names, mediaTypes } from '../../contract/headers.ts';
import { endWithError } from '../../contract/last-answer.ts';
import { traceIdOf } from '../../contract/traceparent.ts';
import { requestIdOf, traceparentOf } from './identity.ts';

export interface ErrorContext {
  readonly requestId: string;
  readonly traceId: string | undefined;
  /** Asks the client to close its connection. */
  readonly close: boolean;
  readonly log: Logger;
}

/** @returns the status */
export function sendError(response: ServerResponse, thrown: unknown, context: ErrorContext): number {
  const { requestId, traceId, close, log } = context;
  const error = asSluiceError(thrown);
  if (error.status >= 500 && error.status !== 503 && error.status !== 504) {
    log.error({ err: error, requestId, traceId, code: error.code }, 'request failed');
  }
  const body = errorBody(error.message);
  const headers = ['content-type', mediaTypes.json, 'content-length', String(body.length), names.requestId, requestId];
  if (error.status === 503) headers.push('retry-after', String(error.retryAfterSeconds ?? 1));
  if (close) headers.push('connection', 'close');
  response.writeHead(error.status, headers);
  response.end(body);
  return error.status;
}

/** For all that Fastify itself refuses, and what handlers throw. */
export function errorHandlers(app: FastifyInstance, log: Logger): void {
  app.setNotFoundHandler((request) => {
    throw new SluiceError('route-not-found', `no such path: ${request.method} ${request.url.slice(0, 200)}`);
  });
  app.setErrorHandler((thrown: FastifyError, request, reply) => {
    const error = asSluiceError(thrown);
    if (error.status >= 500 && error.status !== 503) {
      const requestId = requestIdOf(request.raw, () => request.id);
      log.error({ err: thrown, requestId, traceId: traceIdOf(traceparentOf(request.raw)) }, 'request failed');
    }
    if (error.status === 503) void reply.header('retry-after', String(error.retryAfterSeconds ?? 1));
    void reply.code(error.status).type(mediaTypes.json).send(errorBody(error.message));
  });
  // Node would answer the first with an empty body, the second not at all.
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const body = errorBody(`header 'expect' must be 100-continue, was: ${quote(request.headers.expect)}`);
    response.writeHead(417, { 'content-type': mediaTypes.json, 'content-length': body.length, connection: 'close' });
    response.end(body);
  });
  app.server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    endWithError(socket, '405 Method Not Allowed', `CONNECT is not allowed here: ${quote(request.url)}`);
  });
}

/** What Node's parser refuses never becomes a request: the answer is written by hand. */
export function answerBrokenHttp(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, text] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'the headers are longer than this server takes']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'the request did not arrive in time']
        : ['400 Bad Request', `not a valid HTTP/1.1 request: ${error.code ?? error.message}`];
  endWithError(socket, status, text);
}

/** For what fails before a request has a route. */
export function asAnswer(thrown: unknown): { status: number; body: Buffer } {
  const error = asSluiceError(thrown);
  return { status: error.status, body: errorBody(error.message) };
}

function asSluiceError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const { statusCode, message } = thrown as Partial<FastifyError>;
  if (statusCode !== undefined && statusCode < 500) {
    const code =
      statusCode === 415 ? 'unsupported-media-type' : statusCode === 413 ? 'body-too-large' : 'invalid-request';
    return new SluiceError(code, shorten(message ?? 'the request can not be read'), { cause: thrown });
  }
  return new SluiceError('internal', 'internal error', { cause: thrown });
}

/** Fastify quotes whole URLs, and says behind them what is wrong. */
function shorten(message: string): string {
  return message.length <= 200 ? message : `${message.slice(0, 120)}...${message.slice(-60)}`;
}
