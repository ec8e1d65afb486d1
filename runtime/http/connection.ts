/** A connection as the server knows it: its client, its body that arrives, its unread answers. Policy is in connections.ts. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { SluiceError } from '../../contract/errors.ts';
import { freeBuffer } from '../../contract/free-buffer.ts';
import { endIdleSocket } from './broken-http.ts';
import type { ClientAccount, Clients } from './clients.ts';
import type { FaceCounters } from './face-counters.ts';
import type { HttpLimits } from './limits.ts';
import type { NodeSocket } from './node-socket.ts';
import { watchReads, type ConnectionReader } from './read-turns.ts';
import type { Turns } from './turns.ts';

/** A body that arrives: HTTP/1.1 has one at a time on a connection. */
export interface ArrivingBody {
  readonly bytes: number;
  /** Ends it with an error for its client. */
  fail(error: SluiceError): void;
}

/** All connections of a server, as each of them needs to know them. */
export interface ConnectionOwner {
  readonly limits: HttpLimits;
  readonly turns: Turns<ClientAccount>;
  readonly counters: FaceCounters;
  readonly clients: Clients;
  /** Bytes of answers were given, or taken if negative. */
  addUnread(connection: Connection, bytes: number): void;
  /** Bytes of answers are under way, or no longer if negative. */
  addExpected(connection: Connection, bytes: number): void;
  /** Whether an answer of so many bytes may be fetched for the client now. */
  hasAnswerRoom(connection: Connection, bytes: number): boolean;
  /** The account that an arriving body counts for; `Clients.leave` gives it back. */
  enterBody(connection: Connection, message: IncomingMessage): ClientAccount;
  /**
   * Takes memory for a body of the client, which has taken `own` already.
   * @throws SluiceError `client-limit` if its bodies together would take more than its share
   */
  takeArriving(client: ClientAccount, own: number, more: number): void;
  releaseArriving(client: ClientAccount, bytes: number): void;
}

/** Answers from this size on are freed by hand. */
const largeAnswerBytes = 256 * 1024;

const own = Symbol('connection');

export class Connection {
  readonly all: ConnectionOwner;
  readonly client: ClientAccount;
  readonly address: string;
  /** Whether the peer is a trusted proxy, which speaks for many clients. */
  readonly isProxied: boolean;
  /** Whether it carried the shared secret: a peer may have a reason to take nothing for a while. */
  isPeer = false;
  body: ArrivingBody | null = null;
  /** Body whose rate is being measured, since when, and its bytes then. */
  measured: ArrivingBody | null = null;
  measuredAtMs = 0;
  measuredBytes = 0;
  /** Bytes that the system had taken of the answers, and when they last became more. */
  sentBytes = 0;
  sentAtMs = 0;
  /** Start of the time over which the rate of taken answers is measured, null while none waits, and bytes taken until then. */
  rateAtMs: number | null = null;
  rateBytes = 0;
  /** Time until which it is left alone though it is idle and the server ends. */
  mayIdleUntilMs = -Infinity;
  /** Looks, one after the other, at which bytes waited and the system had taken no more of them. */
  stoodLooks = 0;
  /** Request whose body comes although it was answered, as the last look found it. */
  unwanted: IncomingMessage | null = null;
  /** Bytes of answers that were given and not taken. */
  unreadBytes = 0;
  /** Bytes of answers that are under way. */
  expectedBytes = 0;
  readonly #socket: NodeSocket;
  readonly #reader: ConnectionReader | null;
  #openRequests = 0;
  #closedRequests = 0;
  /** Ends of the requests behind the first one, which Node tells nothing when the connection ends. */
  #cancels: Set<() => void> | null = null;
  /** Answers whose memory is given back once the client has taken them, or has left. */
  #large: Set<Buffer> | null = null;
  #isHeldBack = false;
  #isOver = false;

  constructor(
    all: ConnectionOwner,
    socket: Socket,
    client: { account: ClientAccount; address: string; isProxied: boolean },
  ) {
    this.all = all;
    this.#socket = socket;
    this.client = client.account;
    this.#reader = watchReads(socket, all.turns, client.account);
    this.address = client.address;
    this.isProxied = client.isProxied;
    Object.assign(socket, { [own]: this });
  }

  /** Leaves what comes unread until the client's turn. @param ms milliseconds that the next read is likely to take */
  rest(ms: number): void {
    this.#reader?.rest(ms);
  }

  /** A chunk came that costs more than it carries. @param ms milliseconds that the next read is likely to take */
  takeTinyChunk(ms: number): void {
    this.#reader?.takeTinyChunk(ms);
  }

  /**
   * Does something that may be due for many connections at once in the client's turn.
   * @param followsMs milliseconds that what it sets going takes in later events
   */
  inTurn(work: () => void, followsMs = 0): void {
    this.all.turns.inTurn(this.client, work, followsMs);
  }

  /** A request waits for its answer from now on. @returns its turn among the answers of the connection */
  openRequest(): number {
    this.all.clients.ask(this.client);
    this.#openRequests += 1;
    const turn = this.#closedRequests + this.#openRequests;
    if (this.#openRequests < this.all.limits.maxPipelined || this.#isHeldBack) return turn;
    this.#isHeldBack = true;
    this.#reader?.hold();
    return turn;
  }

  /** Calls `cancel` if the connection ends before the request's `closeRequest`, unless it is the only open one. */
  cancelAtEnd(cancel: () => void): void {
    if (this.#openRequests > 1) (this.#cancels ??= new Set()).add(cancel);
  }

  /**
   * Takes room for an answer before it is fetched: what is under way can't be stopped.
   * @param turn of the request; an answer that others wait behind always has room, since these can't be taken before
   * @returns false if the client has to take others first
   */
  takeAnswerRoom(bytes: number, turn: number): boolean {
    if (this.#isOver) return true;
    const isAwaited = turn === this.#closedRequests + 1 && this.unreadBytes > 0;
    if (!isAwaited && !this.all.hasAnswerRoom(this, bytes)) return false;
    this.expectedBytes += bytes;
    this.all.addExpected(this, bytes);
    return true;
  }

  /** Gives back what `takeAnswerRoom` took. */
  releaseAnswerRoom(bytes: number): void {
    if (this.#isOver) return;
    this.expectedBytes -= bytes;
    this.all.addExpected(this, -bytes);
  }

  /** An answer was handed to the socket. */
  answerRequest(bytes: number): void {
    if (this.#isOver) return;
    this.unreadBytes += bytes;
    this.all.addUnread(this, bytes);
  }

  /** The client has taken the answer, or has left. @param bytes those of the answer, 0 without one */
  closeRequest(bytes: number, cancel: () => void): void {
    this.#openRequests -= 1;
    this.#closedRequests += 1;
    this.#cancels?.delete(cancel);
    if (!this.#isOver && bytes > 0) {
      this.unreadBytes -= bytes;
      this.client.takenBytes += bytes;
      this.all.addUnread(this, -bytes);
    }
    if (!this.#isHeldBack || this.#openRequests > this.all.limits.maxPipelined / 2) return;
    this.#isHeldBack = false;
    this.#reader?.release();
  }

  /** Takes over the memory of an answer that the socket gets, where it is so large that garbage of it would matter. */
  ownAnswer(body: Buffer): void {
    if (body.length >= largeAnswerBytes) (this.#large ??= new Set()).add(body);
  }

  /** Gives back the memory of an answer. Its last byte must have been handed to the system. */
  freeAnswer(body: Buffer): void {
    if (this.#large?.delete(body) === true) freeBuffer(body);
  }

  /** Whether the server itself reads no more from this client for now, or has yet to parse what it has read. */
  get isHeldBack(): boolean {
    return this.#socket._paused === true || this.#reader?.hasMore === true;
  }

  /** Bytes that the process keeps for the client to take. */
  get pendingBytes(): number {
    return this.#isOver ? 0 : Math.max(this.unreadBytes, this.#socket.writableLength);
  }

  /** Holder of its bytes that are left unread: the address, or behind a proxy the connection itself. */
  get holder(): object {
    return this.isProxied ? this : this.client;
  }

  /** Whether bytes on the socket wait for the client to take others. */
  get isWriting(): boolean {
    return this.#socket.writableLength > 0;
  }

  /** Bytes of answers that the system has taken from the process so far. */
  systemTookBytes(): number {
    const handle = this.#socket._handle;
    return handle === null || handle === undefined ? 0 : handle.bytesWritten - handle.writeQueueSize;
  }

  /** The request that was answered while its body still comes; null without one. */
  unwantedRequest(): IncomingMessage | null {
    const { parser, _httpMessage: answer, writableEnded } = this.#socket;
    // The end is sent: whoever sent it destroys the socket soon.
    if (writableEnded) return null;
    const incoming = parser?.incoming ?? null;
    if (incoming === null || incoming.complete || this.body !== null) return null;
    return answer === null || answer === undefined || answer.writableFinished ? incoming : null;
  }

  /** Ends the connection if it waits for a request, so that one that crosses this end is refused and not reset. */
  endIfIdle(): void {
    const socket = this.#socket;
    // Node keeps the answer to the first of the requests that it has read in this field.
    const { _httpMessage: answer } = socket;
    if (socket.destroyed || socket.writableEnded || this.isHeldBack || (answer !== null && answer !== undefined))
      return;
    endIdleSocket(socket, this.all.limits.lingerMs);
  }

  /** Ends the connection at once, whatever is on its way. */
  cut(): void {
    this.forget();
    this.#socket.destroy();
  }

  /** The socket is closed: nothing is written any more. */
  close(): void {
    this.forget();
    const large = this.#large;
    this.#large = null;
    if (large !== null) for (const body of large) freeBuffer(body);
  }

  /** Counts nothing of it any more: it has ended. Node tells responses behind the first one nothing of that. */
  forget(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#openRequests > 0 || this.body !== null) this.client.cutShort += 1;
    this.all.addUnread(this, -this.unreadBytes);
    this.all.addExpected(this, -this.expectedBytes);
    this.unreadBytes = 0;
    this.expectedBytes = 0;
    const cancels = this.#cancels;
    this.#cancels = null;
    if (cancels !== null) for (const cancel of cancels) cancel();
  }
}

/** The connection of a message; undefined if it came over none, as in tests. */
export function connectionOf(message: { readonly socket: object | undefined }): Connection | undefined {
  return (message.socket as { [own]?: Connection } | undefined)?.[own];
}
