/** Sends bytes over a socket, for requests that no HTTP client would make. */
import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RawExchange {
  readonly answers: readonly RawAnswer[];
  /** Every byte that came, in latin1. */
  readonly received: string;
  /** Whether the server closed the connection. */
  readonly closed: boolean;
}

export interface RawOptions {
  /** Half-closes the connection after the last part. */
  readonly end?: boolean;
  /** Closes the connection after the last part, without waiting for an answer. */
  readonly abandon?: boolean;
  /** Answers to wait for, where the server keeps the connection; 1 by default. */
  readonly answers?: number;
}

const limitMs = 60_000;

/** Sends the parts a few milliseconds apart; fails if neither enough answers nor an end comes in time. */
export function exchange(
  origin: string,
  parts: readonly (string | Buffer)[],
  options: RawOptions = {},
): Promise<RawExchange> {
  const { hostname, port } = new URL(origin);
  const wanted = options.answers ?? 1;
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const finish = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answers: parseAnswers(received), received, closed });
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end within ${limitMs} ms; received: ${received.slice(0, 500)}`));
    }, limitMs);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (parseAnswers(received).length >= wanted) setTimeout(() => finish(socket.readableEnded), 20);
    });
    socket.on('end', () => finish(true));
    // A server that closes before it has read everything resets the connection.
    socket.on('error', () => finish(true));
    const next = (index: number): void => {
      if (socket.destroyed) return;
      if (index < parts.length) {
        socket.write(parts[index]!, 'latin1');
        setTimeout(() => next(index + 1), 5);
      } else if (options.abandon === true) {
        finish(false);
      } else if (options.end === true) {
        socket.end();
      }
    };
    socket.on('connect', () => next(0));
  });
}

/** The answers that have come whole; NaN is the status of anything else. */
function parseAnswers(received: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = received;
  for (;;) {
    const headEnd = rest.indexOf('\r\n\r\n');
    if (headEnd === -1) return answers;
    const [statusLine, ...lines] = rest.slice(0, headEnd).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine!)?.[1] ?? NaN);
    if (Number.isNaN(status)) return [...answers, { status, headers: {}, body: rest }];
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const length = Number(headers['content-length'] ?? 0);
    const body = rest.slice(headEnd + 4, headEnd + 4 + length);
    if (body.length < length) return answers;
    rest = rest.slice(headEnd + 4 + length);
    // 100 Continue only announces the answer.
    if (status >= 200) answers.push({ status, headers, body });
  }
}
