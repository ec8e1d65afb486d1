/** The one way in which a request fails over HTTP: a status, a body in the form of its port, and a log line from 500 on. */
import { STATUS_CODES, type ServerResponse } from 'node:http';
import { errorBody, quote, SluiceError, type ErrorCode } from '../../contract/errors.ts';
import { headers as names, mediaTypes } from '../../contract/headers.ts';
import { connectionOf } from './connection.ts';
import { httpDefaults } from './limits.ts';
import { lingerAfter } from './linger.ts';
import type { RequestIds } from './request-ids.ts';

/** The part of a pino logger that is needed here. */
export interface ErrorLog {
  error(details: object, message: string): void;
}

/** Writes an error as the clients of a port expect it. */
export type ErrorForm = (error: SluiceError) => { readonly mediaType: string; readonly body: Buffer };

/** `{"error": "…"}`, on ports that speak the Open Inference Protocol and KServe V1. */
export const protocolErrors: ErrorForm = ({ message }) => ({ mediaType: mediaTypes.json, body: errorBody(message) });

/** Problem details (RFC 9457), on admin ports. */
export const problemErrors: ErrorForm = ({ status, message }) => ({
  mediaType: mediaTypes.problem,
  body: Buffer.from(JSON.stringify({ type: 'about:blank', status, title: STATUS_CODES[status], detail: message })),
});

/**
 * Codes whose cause only the log tells. The other codes from 500 on need no line: 503 and 504 are load, and a failed model
 * is logged where it runs.
 */
const loggedCodes: ReadonlySet<ErrorCode> = new Set(['internal', 'pod-failed', 'poison-request']);

/** Logs an error if its code asks for it. @returns the error that the client is told */
export function reportError(thrown: unknown, log: ErrorLog, ids?: RequestIds): SluiceError {
  const error = asSluiceError(thrown);
  if (loggedCodes.has(error.code)) log.error({ err: thrown, ...ids, code: error.code }, 'request failed');
  return error;
}

export interface ErrorAnswer {
  readonly log: ErrorLog;
  /** `protocolErrors` by default. */
  readonly form?: ErrorForm;
  readonly ids?: RequestIds;
  /** Asks the client to close its connection. */
  readonly close?: boolean;
}

/** Reports an error and answers with it; an answer that has begun is cut off instead. @returns the error's status */
export function sendError(response: ServerResponse, thrown: unknown, answer: ErrorAnswer): number {
  const error = reportError(thrown, answer.log, answer.ids);
  // The parser may still be at bytes that came with the head: a body that is no HTTP is the better answer.
  if (response.req.complete) writeError(response, error, answer);
  else setImmediate(() => writeError(response, error, answer));
  return error.status;
}

function writeError(response: ServerResponse, error: SluiceError, answer: ErrorAnswer): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { form = protocolErrors, ids } = answer;
  // The rest of a refused body is not worth reading, so its connection can't be used again.
  const isCutShort = !response.req.complete;
  const close = answer.close === true || isCutShort;
  const { mediaType, body } = form(error);
  const headers = ['content-type', mediaType, 'content-length', String(body.length)];
  if (ids?.requestId !== undefined) headers.push(names.requestId, ids.requestId);
  if (error.status === 401) headers.push('www-authenticate', 'Bearer');
  if (error.status === 503) headers.push('retry-after', String(error.retryAfterSeconds ?? 1));
  if (close) headers.push('connection', 'close');
  response.writeHead(error.status, headers);
  if (isCutShort) lingerAfter(response, lingerMsOf(response));
  response.end(body);
}

function lingerMsOf(response: ServerResponse): number {
  return (connectionOf(response.req)?.all.limits ?? httpDefaults).lingerMs;
}

export function noSuchPath(method: string, url: string): SluiceError {
  return new SluiceError('route-not-found', `no such path: ${method} ${url.slice(0, 200)}`);
}

/** The error that a thrown value amounts to: Fastify's refusals by their status, and a defect for anything unknown. */
function asSluiceError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const { statusCode, code, message = 'the request cannot be read' } = (thrown ?? {}) as FastifyRefusal;
  if (code === 'FST_ERR_BAD_URL') {
    const [, path] = /^'(.*)' is not a valid/s.exec(message) ?? [];
    return new SluiceError('invalid-request', `path ${quote(path)} is not percent-encoded UTF-8`, { cause: thrown });
  }
  if (statusCode === undefined || statusCode >= 500) {
    return new SluiceError('internal', 'internal error', { cause: thrown });
  }
  return new SluiceError(codeOfStatus(statusCode), shorten(message), { cause: thrown });
}

interface FastifyRefusal {
  readonly statusCode?: number;
  readonly code?: string;
  readonly message?: string;
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 413) return 'body-too-large';
  return status === 415 ? 'unsupported-media-type' : 'invalid-request';
}

/** Cuts the middle: Fastify quotes a whole URL and says at the end what is wrong with it. */
function shorten(message: string): string {
  return message.length <= 200 ? message : `${message.slice(0, 120)}...${message.slice(-60)}`;
}
