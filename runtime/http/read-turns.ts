/**
 * Shares the event loop among connections that send much to do at once. A read brings up to 64 KiB: hundreds of pipelined requests,
 * or ten thousand chunks of one byte. Such a connection gets turns, in each of which a small slice of what it sent is parsed, and
 * other sockets are served in between. Connections that send one request at a time are read by Node as ever.
 *
 * Bytes stay in the order in which they came: the part of a read that is not parsed yet goes back to the front of the socket's own buffer,
 * and everything is read through that buffer from then on.
 */
import type { Socket } from 'node:net';
import type { ClientAccount } from './clients.ts';
import type { NodeParser, NodeSocket } from './node-socket.ts';
import type { Turns } from './turns.ts';

/** Slice of what may be small: some seven predict requests, 340 chunks of one byte. */
const sliceBytes = 2 * 1024;
/** Requests that a slice is to have at most, by those in the last one; there are 70 of the shortest ones in the longest slice. */
const requestsPerSlice = 8;
const shortestSliceBytes = 256;
/** Longest slice within a body that comes in large pieces. */
const longestSliceBytes = 8 * 1024;
/** Milliseconds that a request takes beside its parsing: to be sent to a pod, run and answered. */
const requestMs = 0.2;
/** Requests in one read beyond which the rest of it waits. */
const requestsAtOnce = 2;
/** Result of a callback by which llhttp stops parsing: HPE_PAUSED. */
const pausesParser = 21;

/** Watches a new connection, which Node's HTTP server has taken before. @returns null if it is read by no such server */
export function watchReads(
  socket: Socket,
  turns: Turns<ClientAccount>,
  client: ClientAccount,
): ConnectionReader | null {
  const { parser } = socket as NodeSocket;
  if (parser === null || parser === undefined) return null;
  return new ConnectionReader({ socket, parser, turns, client });
}

interface ReadConnection {
  readonly socket: NodeSocket;
  readonly parser: NodeParser;
  readonly turns: Turns<ClientAccount>;
  readonly client: ClientAccount;
}

/** Reads one connection: by Node's own means until it sends much at once, by slices from then on. */
export class ConnectionReader {
  readonly #socket: NodeSocket;
  readonly #parser: NodeParser;
  readonly #turns: Turns<ClientAccount>;
  readonly #client: ClientAccount;
  readonly #onIncoming: NodeParser['onIncoming'];
  readonly #onExecute: (result: number | Error) => void;
  /** Requests and tiny chunks of the read, or slice, that is being parsed. */
  #requests = 0;
  #tinyChunks = 0;
  /** Whether the parser was stopped in the middle of a read, or is not to be. */
  #parsing: 'freely' | 'stopped' | 'to-the-end' = 'freely';
  #isSliced = false;
  #isQueued = false;
  /** Whether the request whose body arrives has enough for now. */
  #isPaused = false;
  #isHeld = false;
  /** Whether what comes is left unread for a moment. The client's rate is measured all the same: the system keeps what it sends. */
  #rests = false;
  #sliceBytes = sliceBytes;

  constructor({ socket, parser, turns, client }: ReadConnection) {
    this.#socket = socket;
    this.#parser = parser;
    this.#turns = turns;
    this.#client = client;
    const { kOnExecute } = parser.constructor;
    this.#onIncoming = parser.onIncoming;
    this.#onExecute = parser[kOnExecute]!;
    parser.onIncoming = (message, keepsAlive) => {
      const result = this.#onIncoming(message, keepsAlive);
      this.#requests += 1;
      if (this.#requests < requestsAtOnce && message.headers['transfer-encoding'] === undefined) return result;
      if (result !== 0 || this.#parsing !== 'freely' || this.#isSliced) return result;
      this.#parsing = 'stopped';
      return pausesParser;
    };
    parser[kOnExecute] = (result) => {
      this.#requests = 0;
      if (this.#parsing === 'freely') this.#onExecute(result);
      else this.#onStopped(result as Error & { readonly bytesParsed: number });
    };
  }

  /** Whether there are bytes that the client has sent and the server has yet to parse. */
  get hasMore(): boolean {
    return this.#isSliced && (this.#isHeld || this.#socket.readableLength > 0);
  }

  /** Parses no further requests until `release`: the client has enough of them unanswered. */
  hold(): void {
    this.#isHeld = true;
    this.#slice();
  }

  release(): void {
    this.#isHeld = false;
    this.#await();
  }

  /** A chunk came that costs more than it carries. @param ms milliseconds that the next read is likely to take */
  takeTinyChunk(ms: number): void {
    this.#tinyChunks += 1;
    this.rest(ms);
  }

  /**
   * Leaves what comes unread until the client's turn: it sent something that costs much for its bytes.
   * @param ms milliseconds that the next read is likely to take
   */
  rest(ms: number): void {
    const handle = this.#socket._handle;
    if (this.#isSliced || this.#rests || handle?.reading !== true) return;
    this.#rests = true;
    // A socket that were paused would be resumed by Node, as soon as the listener of its body has returned.
    handle.reading = false;
    handle.readStop();
    const turn = (): number => {
      this.#rests = false;
      if (this.#isSliced || this.#socket.destroyed || this.#socket.isPaused() || handle.reading) return 0;
      handle.reading = true;
      handle.readStart();
      return ms;
    };
    this.#turns.enqueue({ turn }, this.#client);
  }

  #onStopped({ bytesParsed }: { readonly bytesParsed: number }): void {
    const parser = this.#parser;
    const rest = parser.getCurrentBuffer().subarray(bytesParsed);
    parser.resume();
    if (rest.length > sliceBytes) {
      this.#parsing = 'freely';
      this.#onExecute(bytesParsed);
      this.#slice();
      if (this.#socket.readable) this.#socket.unshift(rest);
      return;
    }
    // Even without a rest: the parser tells the end of a request that has no body once it goes on.
    this.#parsing = 'to-the-end';
    this.#onExecute(parser.execute(rest));
    this.#parsing = 'freely';
    // Node parses a read to its end once it is within a body, whose ten thousand chunks of one byte take 15 ms.
    const { incoming } = parser;
    if (incoming?.complete === false && incoming.headers['transfer-encoding'] !== undefined) this.#slice();
  }

  /** Reads by slices from now on. Node's own listener of data gets each of them, as it gets whole reads of other sockets. */
  #slice(): void {
    const socket = this.#socket;
    if (this.#isSliced || socket.destroyed) return;
    this.#isSliced = true;
    // A socket with a listener of `readable` doesn't flow, so that pausing it would have no effect otherwise.
    socket.pause = () => {
      this.#isPaused = true;
      return socket;
    };
    socket.resume = () => {
      this.#isPaused = false;
      this.#await();
      return socket;
    };
    // Node's parser stops reading the socket by itself when it gets a listener.
    socket.on('readable', () => this.#await());
  }

  #await(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#turns.enqueue(this, this.#client);
  }

  /** Parses one slice. */
  turn(): number {
    this.#isQueued = false;
    const socket = this.#socket;
    if (this.#isPaused || this.#isHeld || socket._paused === true || socket.destroyed) return 0;
    this.#requests = 0;
    this.#tinyChunks = 0;
    // Without bytes it asks for more, or has the end told.
    const bytes = Math.min(socket.readableLength, this.#sliceBytes);
    socket.read(bytes);
    const requests = this.#requests;
    this.#fitSlice(bytes);
    if (socket.readableLength > 0) this.#await();
    // Where nobody else waits, more of them at once make larger batches.
    return this.#turns.isShared ? requests * requestMs : 0;
  }

  /** Chooses the length of the next slice by what the last one held. */
  #fitSlice(bytes: number): void {
    const requests = this.#requests;
    if (requests > requestsPerSlice) {
      this.#sliceBytes = Math.max(shortestSliceBytes, Math.floor((this.#sliceBytes * requestsPerSlice) / requests));
    } else if (requests > 0 || this.#tinyChunks > 0) {
      this.#sliceBytes = sliceBytes;
    } else if (bytes === this.#sliceBytes) {
      this.#sliceBytes = Math.min(longestSliceBytes, 2 * bytes);
    }
  }
}
