/**
 * Answers what never reaches a route: bytes that are no HTTP/1.1, CONNECT, an unknown expectation, a missing Host. Every
 * port of every process answers with the same bytes, and none of its sockets can end the process.
 */
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorBody, quote } from '../../contract/errors.ts';
import { mediaTypes } from '../../contract/headers.ts';
import { answerBefore } from './answer-order.ts';
import { linger, lingerAfter } from './linger.ts';

/**
 * @param lingerMs time in which a client can read the last answer, though it still sends; then the socket is destroyed
 * @param inTurn does something later, since Node finds thousands of late requests at once
 */
export function answerBrokenHttp(
  server: Server,
  lingerMs: number,
  inTurn: (socket: Duplex, refuse: () => void) => void,
): void {
  // Node takes its own error listener off a socket that it hands over, as after CONNECT; a reset would end the process.
  server.on('connection', (socket) => socket.on('error', ignore));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const refuse = (): void => refuseSocket(socket, refusalOf(error), lingerMs);
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') inTurn(socket, refuse);
    else refuse();
  });
  server.on('connect', (request, socket) => {
    const message = `CONNECT is not allowed here: ${quote(request.url)}`;
    refuseSocket(socket, { status: 405, message }, lingerMs);
  });
  server.on('checkExpectation', (request, response) => {
    const message = `header 'expect' must be 100-continue, was: ${quote(request.headers.expect)}`;
    refuseRequest(response, { status: 417, message }, lingerMs);
  });
}

/**
 * Answers a request that two servers in a row may read differently (RFC 9112, sections 3.2, 6.1 and 11.2).
 * @returns whether it was one
 */
export function refuseAmbiguous(request: IncomingMessage, response: ServerResponse, lingerMs: number): boolean {
  const message = ambiguityOf(request);
  if (message === null) return false;
  refuseRequest(response, { status: 400, message }, lingerMs);
  return true;
}

function ambiguityOf({ headers, httpVersion: version }: IncomingMessage): string | null {
  const { host, 'transfer-encoding': transferEncoding } = headers;
  if (version !== '1.1' && version !== '1.0') return `not a valid HTTP/1.1 request: version ${version}`;
  if (host === undefined) {
    if (version === '1.1') return "header 'host' is missing";
  } else if (host.includes(',')) {
    // Node joins the values of headers that come twice.
    return `header 'host' must be one name, was: ${quote(host)}`;
  }
  if (transferEncoding === undefined) return null;
  if (version === '1.0') return "header 'transfer-encoding' is not part of HTTP/1.0";
  if (transferEncoding.toLowerCase() === 'chunked') return null;
  return `header 'transfer-encoding' must be chunked, was: ${quote(transferEncoding)}`;
}

function ignore(): void {
  // Node has destroyed the socket, and whoever uses it hears of that by 'close'.
}

function refusalOf({ code, message }: NodeJS.ErrnoException): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, message: 'the headers are longer than this server takes' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, message: 'the request did not arrive in time' };
    case 'HPE_INVALID_URL':
      return { status: 400, message: 'the path has characters that must be percent-encoded, such as %C3%B6 for ö' };
    default:
      return { status: 400, message: `not a valid HTTP/1.1 request: ${code ?? message}` };
  }
}

export interface Refusal {
  readonly status: number;
  readonly message: string;
}

/** Answers a request that was parsed, in its turn on the connection, and ends the connection. */
export function refuseRequest(response: ServerResponse, { status, message }: Refusal, lingerMs: number): void {
  const body = errorBody(message);
  response.sendDate = false;
  response.writeHead(status, headersOf(body));
  // Bytes behind the request may be another's, smuggled in: they are dropped.
  lingerAfter(response, lingerMs);
  response.end(body);
}

/** Sockets whose refusal waits for the answers before it. */
const refused = new WeakSet<Duplex>();

/**
 * Writes an answer by hand, since Node makes no response for what it could not parse. Requests that came before it on the
 * connection are answered first.
 */
export function refuseSocket(socket: Duplex, refusal: Refusal, lingerMs: number): void {
  // Each further chunk on a refused socket is an error again, and its client may not have read the answer yet.
  if (socket.writableEnded || refused.has(socket)) return;
  const before = answerBefore(socket);
  if (before === null) {
    writeRefusal(socket, refusal, lingerMs);
    return;
  }
  refused.add(socket);
  before.on('close', () => {
    if (!socket.writableEnded) writeRefusal(socket, refusal, lingerMs);
  });
}

function writeRefusal(socket: Duplex, { status, message }: Refusal, lingerMs: number): void {
  if (!socket.writable || hasBegunAnswer(socket)) {
    socket.destroy();
    return;
  }
  socket.end(handWritten({ status, message }));
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

/**
 * Ends a connection that waits for a request, with an answer to the one that may be on its way: closed without it, that request
 * would meet a reset, and nobody could tell whether it was run. Clients know 408 on an idle connection as its end
 * (RFC 9110, section 15.5.9), and load balancers send it for this.
 */
export function endIdleSocket(socket: Socket, lingerMs: number): void {
  if (socket.writable) {
    const message = 'the server is ending and did not read this request: send it again on another connection';
    socket.write(handWritten({ status: 408, message }));
  }
  linger(socket, lingerMs);
}

function handWritten({ status, message }: Refusal): string {
  const body = errorBody(message);
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  const headers = headersOf(body);
  for (let index = 0; index < headers.length; index += 2) head += `${headers[index]!}: ${headers[index + 1]!}\r\n`;
  return `${head}\r\n${body.toString()}`;
}

function headersOf(body: Buffer): string[] {
  return ['content-type', mediaTypes.json, 'content-length', String(body.length), 'connection', 'close'];
}

/** Whether part of an answer is on the wire, so that another would corrupt it. Node's own handler asks the same field. */
function hasBegunAnswer(socket: Duplex): boolean {
  const { _httpMessage: current } = socket as { _httpMessage?: ServerResponse | null };
  return current?.headersSent === true;
}
