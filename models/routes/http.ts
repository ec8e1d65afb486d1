/** Answers on Node's own response objects: every error is `{"error": "…"}`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorBody, SluiceError } from '../../contract/errors.ts';
import { headers, mediaTypes } from '../../contract/headers.ts';
import type { Answer } from '../protocol/call.ts';

/** By what a request is found again in logs and traces. */
export interface RequestIds {
  readonly requestId: string | undefined;
  readonly traceId: string | undefined;
}

export type ErrorLog = (error: unknown, message: string, request?: RequestIds) => void;

/** What the client may know of any error; a defect is logged and told as little of as possible. */
export function toSluiceError(error: unknown, log: ErrorLog, request?: RequestIds): SluiceError {
  if (error instanceof SluiceError) return error;
  log(error, 'internal error', request);
  return new SluiceError('internal', 'internal error', { cause: error });
}

export function sendAnswer(response: ServerResponse, status: number, answer: Answer): void {
  let length = 0;
  for (const part of answer.body) length += part.length;
  const fields: Record<string, string | number> = { 'content-type': answer.contentType, 'content-length': length };
  if (answer.inferenceHeaderLength !== undefined) {
    fields[headers.inferenceHeaderLength] = answer.inferenceHeaderLength;
  }
  response.writeHead(status, fields);
  if (answer.body.length === 1) {
    response.end(answer.body[0]);
    return;
  }
  response.cork();
  for (const part of answer.body) response.write(part);
  response.end();
  response.uncork();
}

export function sendError(response: ServerResponse, error: SluiceError, fields: Record<string, string> = {}): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = errorBody(error.message);
  const retryAfter = error.retryAfterSeconds;
  response.writeHead(error.status, {
    'content-type': mediaTypes.json,
    'content-length': body.length,
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    ...fields,
  });
  response.end(body);
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': mediaTypes.json, 'content-length': body.length });
  response.end(body);
}

/** Calls `done` once, unless the client leaves before its body is whole. */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  done: (error: SluiceError | null, body: Buffer) => void,
): void {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) {
    done(tooLarge(announced, maxBytes), Buffer.alloc(0));
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  let failed = false;
  request.on('data', (chunk: Buffer) => {
    if (failed) return;
    length += chunk.length;
    if (length > maxBytes) {
      failed = true;
      done(tooLarge(length, maxBytes), Buffer.alloc(0));
      return;
    }
    chunks.push(chunk);
  });
  request.on('end', () => {
    if (!failed) done(null, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length));
  });
}

function tooLarge(length: number, maxBytes: number): SluiceError {
  return new SluiceError('body-too-large', `the body has ${length} bytes or more, the most is ${maxBytes}`);
}

export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
