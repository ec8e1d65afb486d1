/**
 * Answers what never reaches a route: bytes that are no HTTP/1.1, CONNECT, an unknown expectation, a missing Host. Every
 * port of every process answers with the same bytes, and none of its sockets can end the process.
 */
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorBody, quote } from '../../contract/errors.ts';
import { mediaTypes } from '../../contract/headers.ts';

/** @param lingerMs time in which a client can read the last answer, though it still sends; then the socket is destroyed */
export function answerBrokenHttp(server: Server, lingerMs: number): void {
  // Node takes its own error listener off a socket that it hands over, as after CONNECT; a reset would end the process.
  server.on('connection', (socket) => socket.on('error', ignore));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuseSocket(socket, ...refusalOf(error), lingerMs);
  });
  server.on('connect', (request, socket) => {
    refuseSocket(socket, 405, `CONNECT is not allowed here: ${quote(request.url)}`, lingerMs);
  });
  server.on('checkExpectation', (request, response) => {
    refuseRequest(response, 417, `header 'expect' must be 100-continue, was: ${quote(request.headers.expect)}`);
  });
}

/** Answers a request of HTTP/1.1 without Host (RFC 9112, section 3.2). @returns whether it was one */
export function refuseMissingHost(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.headers.host !== undefined || request.httpVersion !== '1.1') return false;
  refuseRequest(response, 400, "header 'host' is missing");
  return true;
}

function ignore(): void {
  // Node has destroyed the socket, and whoever uses it hears of that by 'close'.
}

function refusalOf({ code, message }: NodeJS.ErrnoException): [status: number, message: string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'the headers are longer than this server takes'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'the request did not arrive in time'];
    default:
      return [400, `not a valid HTTP/1.1 request: ${code ?? message}`];
  }
}

/** Answers a request that was parsed, in its turn on the connection. */
function refuseRequest(response: ServerResponse, status: number, message: string): void {
  const body = errorBody(message);
  response.sendDate = false;
  response.writeHead(status, headersOf(body));
  response.end(body);
}

/** Writes an answer by hand, since Node makes no response for what it could not parse. */
function refuseSocket(socket: Duplex, status: number, message: string, lingerMs: number): void {
  // Each further chunk on a refused socket is an error again, and its client may not have read the answer yet.
  if (socket.writableEnded) return;
  if (!socket.writable || hasBegunAnswer(socket)) {
    socket.destroy();
    return;
  }
  const body = errorBody(message);
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  const headers = headersOf(body);
  for (let index = 0; index < headers.length; index += 2) head += `${headers[index]!}: ${headers[index + 1]!}\r\n`;
  socket.end(`${head}\r\n${body.toString()}`);
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

function headersOf(body: Buffer): string[] {
  return ['content-type', mediaTypes.json, 'content-length', String(body.length), 'connection', 'close'];
}

/** Whether part of an answer is on the wire, so that another would corrupt it. Node's own handler asks the same field. */
function hasBegunAnswer(socket: Duplex): boolean {
  const { _httpMessage: current } = socket as { _httpMessage?: ServerResponse | null };
  return current?.headersSent === true;
}
