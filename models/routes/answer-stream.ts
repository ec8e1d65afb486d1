/** The answer frames of one envelope, written once a run: what one turn of the event loop answers is one write. */
import type { ServerResponse } from 'node:http';
import { appendFrame, type AnswerHead, type SummaryHead } from '../../contract/envelope.ts';
import { headers, mediaTypes } from '../../contract/headers.ts';

/** Frames of one write are joined into one buffer up to this size, and written uncopied beyond. */
const joinBytes = 256 * 1024;
/** Time that a gateway may leave written answers unread before its connection is closed. */
const unreadLimitMs = 60_000;

export interface AnswerStreamOptions {
  readonly response: ServerResponse;
  readonly podName: string;
  /** Called after each write of answers. */
  readonly onFlushed: () => void;
}

export class AnswerStream {
  readonly #response: ServerResponse;
  readonly #podName: string;
  readonly #onFlushed: () => void;
  #out: Buffer[] = [];
  #flushPlanned = false;
  #closed = false;
  /** Timer of `unreadLimitMs`, while the socket takes no more. */
  #unread: NodeJS.Timeout | null = null;

  constructor({ response, podName, onFlushed }: AnswerStreamOptions) {
    this.#response = response;
    this.#podName = podName;
    this.#onFlushed = onFlushed;
    response.on('close', () => this.#stopUnread());
  }

  /** True once any answer was given. */
  get started(): boolean {
    return this.#response.headersSent || this.#out.length > 0;
  }

  write(head: AnswerHead, body: readonly Buffer[]): void {
    appendFrame(this.#out, head, body);
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    // The scheduler gives the answers of a run one after the other: the next tick comes after the last of them.
    process.nextTick(() => {
      this.#flushPlanned = false;
      this.#flush();
      this.#onFlushed();
    });
  }

  end(summary: SummaryHead): void {
    appendFrame(this.#out, summary, []);
    this.#flush();
    this.#response.end();
  }

  /** Writes nothing from now on. */
  close(): void {
    this.#closed = true;
  }

  #flush(): void {
    const out = this.#out;
    if (out.length === 0 || this.#closed) return;
    this.#out = [];
    const response = this.#response;
    if (!response.headersSent) {
      response.writeHead(200, { 'content-type': mediaTypes.envelope, [headers.pod]: this.#podName });
    }
    let bytes = 0;
    for (const part of out) bytes += part.length;
    if (bytes <= joinBytes) {
      response.write(Buffer.concat(out, bytes));
    } else {
      response.cork();
      for (const part of out) response.write(part);
      response.uncork();
    }
    if (response.writableNeedDrain && this.#unread === null) {
      // Unread answers would otherwise stay in this process for as long as the gateway keeps the connection.
      this.#unread = setTimeout(() => response.destroy(), unreadLimitMs);
      response.once('drain', () => this.#stopUnread());
    }
  }

  #stopUnread(): void {
    if (this.#unread !== null) clearTimeout(this.#unread);
    this.#unread = null;
  }
}
