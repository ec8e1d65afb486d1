/**
 * An HTTP client of a fuzz run: whole requests as bytes, many on a connection at once, answers in order. Where the server ends a
 * connection, the requests behind the last answer are sent again on the next.
 */
import { connect, type Socket } from 'node:net';
import type { Answer } from '../support/requests.ts';

interface Pending {
  readonly bytes: Buffer;
  /** Connections that ended while this was the first without an answer. */
  attempts: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Connections for one request, before it counts as unanswered. */
const mostAttempts = 3;
/** Time for an answer, which only a hang reaches. */
const limitMs = 60_000;

export interface PipelineOptions {
  readonly origin: string;
  /** Address to send from. */
  readonly localAddress: string;
}

export class Pipeline {
  readonly #options: PipelineOptions;
  #socket: Socket | null = null;
  #sent: Pending[] = [];
  #parser = new AnswerParser();
  #closed = false;
  #corked = false;
  readonly #watch: NodeJS.Timeout;
  #lastAnswerMs = performance.now();
  /** Requests that were sent again, as their connection had ended. */
  resent = 0;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#watch = setInterval(() => {
      if (this.#sent.length === 0) this.#lastAnswerMs = performance.now();
      else if (performance.now() - this.#lastAnswerMs > limitMs)
        this.#fail(new Error(`no answer within ${limitMs} ms`));
    }, 1_000);
  }

  send(bytes: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#write({ bytes, attempts: 0, resolve, reject });
    });
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#watch);
    this.#socket?.destroy();
  }

  #write(pending: Pending): void {
    this.#sent.push(pending);
    const socket = (this.#socket ??= this.#connect());
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
      setImmediate(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    socket.write(pending.bytes);
  }

  #connect(): Socket {
    const { hostname, port } = new URL(this.#options.origin);
    const socket = connect({
      host: hostname,
      port: Number(port),
      localAddress: this.#options.localAddress,
      noDelay: true,
    });
    this.#parser = new AnswerParser();
    this.#lastAnswerMs = performance.now();
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('close', () => {
      this.#socket = null;
      if (this.#closed) return;
      const left = this.#sent;
      this.#sent = [];
      const first = left[0];
      if (first !== undefined && (first.attempts += 1) >= mostAttempts) {
        left.shift();
        first.reject(new Error(`${mostAttempts} connections ended without an answer`));
      }
      for (const pending of left) {
        this.resent += 1;
        this.#write(pending);
      }
    });
    return socket;
  }

  #receive(chunk: Buffer): void {
    let answers: Answer[];
    try {
      answers = this.#parser.push(chunk);
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    for (const answer of answers) {
      this.#lastAnswerMs = performance.now();
      const pending = this.#sent.shift();
      if (pending === undefined)
        this.#fail(new Error(`an answer that nobody asked for: ${answer.status} ${answer.text.slice(0, 200)}`));
      else pending.resolve(answer);
    }
  }

  /** Ends the connection, and with it the request that waits longest. */
  #fail(error: Error): void {
    const first = this.#sent.shift();
    this.#socket?.destroy();
    this.#lastAnswerMs = performance.now();
    if (first === undefined) throw error;
    first.reject(error);
  }
}

/** Answers of one connection, as they come. */
export class AnswerParser {
  #rest: Buffer = Buffer.alloc(0);

  /** Bytes of an answer that is not whole. */
  get rest(): Buffer {
    return this.#rest;
  }

  /** @throws Error for bytes that are no answer */
  push(chunk: Buffer): Answer[] {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const answers: Answer[] = [];
    for (;;) {
      const headEnd = rest.indexOf('\r\n\r\n');
      if (headEnd === -1) break;
      const [start = '', ...lines] = rest.toString('latin1', 0, headEnd).split('\r\n');
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(start)?.[1] ?? NaN);
      if (Number.isNaN(status)) throw new Error(`bytes that are no answer: ${JSON.stringify(start.slice(0, 200))}`);
      const headers: Record<string, string> = {};
      for (const line of lines) {
        const colon = line.indexOf(':');
        headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
      }
      const read =
        headers['transfer-encoding'] === 'chunked'
          ? readChunks(rest, headEnd + 4)
          : readLength(rest, headEnd + 4, Number(headers['content-length'] ?? 0));
      if (read === null) break;
      rest = rest.subarray(read.end);
      // 100 Continue only announces the answer.
      if (status >= 200) answers.push(new ReceivedAnswer(status, headers, read.body));
    }
    // A copy, so that the chunks before it can go.
    this.#rest = rest.length === 0 ? rest : Buffer.from(rest);
    return answers;
  }
}

class ReceivedAnswer implements Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;

  constructor(status: number, headers: Readonly<Record<string, string>>, body: Buffer) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  get text(): string {
    return this.body.toString();
  }
}

interface ReadBody {
  readonly body: Buffer;
  readonly end: number;
}

function readLength(bytes: Buffer, start: number, length: number): ReadBody | null {
  return bytes.length < start + length ? null : { body: bytes.subarray(start, start + length), end: start + length };
}

function readChunks(bytes: Buffer, start: number): ReadBody | null {
  const parts: Buffer[] = [];
  for (let at = start; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error('a chunk without a size');
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return null;
    if (size === 0) return { body: Buffer.concat(parts), end: next };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}

/** The request as bytes. */
export function requestBytes(path: string, headers: Readonly<Record<string, string>>, body: Buffer): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${path} HTTP/1.1\r\nhost: fuzz\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}
