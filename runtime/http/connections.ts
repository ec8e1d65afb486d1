/**
 * All connections of one server, within its limits: how many there may be, how slow a body may come, for how long an answer may
 * stay unread, and how much may be unread in all. Looks at each a few times a second, so that requests pay for counters only.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SluiceError } from '../../contract/errors.ts';
import type { Clients } from './clients.ts';
import { type ClientAccount } from './clients.ts';
import { Connection, connectionOf, type ConnectionOwner } from './connection.ts';
import { Crowds } from './crowds.ts';
import type { ErrorLog } from './errors.ts';
import type { FaceCounters, RefusalReason } from './face-counters.ts';
import type { HttpLimits } from './limits.ts';
import { chooseCuts } from './relief.ts';
import { Turns } from './turns.ts';

export interface ConnectionsOptions {
  readonly limits: HttpLimits;
  readonly counters: FaceCounters;
  readonly clients: Clients;
  readonly log: ErrorLog;
  /** Monotonic clock, milliseconds. */
  readonly now: () => number;
  /** Called when there may be room for answers that had none. */
  readonly onAnswerRoom?: () => void;
}

/** Time between two lines of one kind about refused connections. */
const quietMs = 10_000;
/** Longest answer that waits for no room but that of its own connection, so that small requests pass large ones. */
const smallAnswerBytes = 64 * 1024;
/** Bytes of answers under way or unread, in `maxUnreadBytes`, beyond which large answers of all clients wait. */
const maxAnswersRatio = 4;
/** Milliseconds that a refusal takes in later events, in which it is written and its connection ends. */
const refusalMs = 0.15;
/** Time that a connection has for its first request if it comes while the server ends. */
const lateRequestMs = 1_000;
/** Delay of a look beyond which this process itself was away, so that no client is late. */
const pauseMs = 1_000;

export class Connections implements ConnectionOwner {
  readonly limits: HttpLimits;
  readonly turns: Turns<ClientAccount>;
  readonly counters: FaceCounters;
  readonly clients: Clients;
  readonly #crowds: Crowds;
  readonly #log: ErrorLog;
  readonly #now: () => number;
  readonly #all = new Set<Connection>();
  readonly #onAnswerRoom: () => void;
  /** Addresses for which an answer had no room since the last look. */
  readonly #pressed = new Set<ClientAccount>();
  #isEnding = false;
  readonly #loggedAtMs = new Map<RefusalReason, number>();
  #watchedAtMs: number;

  constructor({ limits, counters, clients, log, now, onAnswerRoom }: ConnectionsOptions) {
    this.limits = limits;
    const servesOthersThan = (some: ReadonlySet<ClientAccount>): boolean => clients.serveOthersThan(some);
    this.turns = new Turns({ turnMs: limits.readTurnMs, now, servesOthersThan });
    this.counters = counters;
    this.clients = clients;
    this.#crowds = new Crowds({ clients, turnMs: limits.readTurnMs, now });
    this.#log = log;
    this.#onAnswerRoom = onAnswerRoom ?? (() => undefined);
    this.#now = now;
    this.#watchedAtMs = now();
  }

  /** Takes a new connection. @returns what its client is told if it may not stay */
  accept(socket: Socket): string | null {
    // A client that has reset the connection meanwhile has no address any more. What it sent is not worth reading.
    if (socket.remoteAddress === undefined && socket.localAddress !== undefined) {
      socket.destroy();
      return null;
    }
    const address = socket.remoteAddress ?? 'unknown';
    const account = this.clients.enter(address);
    const isProxied = this.clients.isTrusted(address);
    const reason = this.#refusalOf(account, isProxied);
    if (reason !== null) {
      this.clients.leave(account);
      const limit = reason === 'all-connections' ? this.limits.maxConnections : this.limits.maxConnectionsPerAddress;
      this.refused(reason, `connections are refused: there are ${limit}, the limit`, { address });
      return `this server takes ${limit} connections${reason === 'all-connections' ? '' : ' of one address'}`;
    }
    const connection = new Connection(this, socket, { account, address, isProxied });
    connection.sentAtMs = this.#now();
    if (this.#isEnding) connection.mayIdleUntilMs = connection.sentAtMs + lateRequestMs;
    this.#all.add(connection);
    account.connections += 1;
    this.counters.connections += 1;
    socket.on('close', () => {
      this.#all.delete(connection);
      connection.close();
      account.connections -= 1;
      this.counters.connections -= 1;
      this.clients.leave(account);
    });
    return null;
  }

  /** Refuses what is late on a socket in its client's turn, as others come with thousands of the same. */
  refuseInTurn(socket: Duplex, refuse: () => void): void {
    const connection = connectionOf({ socket });
    if (connection === undefined) refuse();
    else connection.inTurn(refuse, refusalMs);
  }

  /** Serves a request, in its client's turn if many of its connections bring one at once. */
  serve(request: IncomingMessage, serve: () => void): void {
    const connection = connectionOf(request);
    // A proxy brings those of many clients.
    if (connection === undefined || connection.isProxied) return serve();
    this.#crowds.serve(connection.client, () => {
      const isThere = !request.destroyed;
      if (isThere) serve();
      else connection.client.cutShort += 1;
      return isThere;
    });
  }

  #refusalOf(account: ClientAccount, isProxied: boolean): RefusalReason | null {
    if (this.#all.size >= this.limits.maxConnections) return 'all-connections';
    return !isProxied && account.connections >= this.limits.maxConnectionsPerAddress ? 'address-connections' : null;
  }

  /** Counts a refusal, and logs it unless one like it was logged a short time ago. */
  refused(reason: RefusalReason, message: string, details: object = {}): void {
    const { refusals } = this.counters;
    refusals[reason] += 1;
    const nowMs = this.#now();
    if (nowMs - (this.#loggedAtMs.get(reason) ?? -Infinity) < quietMs) return;
    this.#loggedAtMs.set(reason, nowMs);
    this.#log.error({ ...details, reason, refused: refusals[reason] }, message);
  }

  enterBody(connection: Connection, message: IncomingMessage): ClientAccount {
    const { address, isProxied, client } = connection;
    const forwardedFor = isProxied ? message.headers['x-forwarded-for'] : undefined;
    if (forwardedFor !== undefined) return this.clients.enter(this.clients.behind(address, String(forwardedFor)));
    client.uses += 1;
    return client;
  }

  takeArriving(client: ClientAccount, own: number, more: number): void {
    const limit = this.limits.maxArrivingBytesPerAddress;
    if (client.arrivingBytes > own && client.arrivingBytes + more > limit) {
      this.counters.refusals['arriving-bytes'] += 1;
      const message = `bodies from ${client.key} take ${client.arrivingBytes} bytes while they arrive, the limit is ${limit}`;
      throw new SluiceError('client-limit', message, { retryAfterSeconds: 1 });
    }
    client.arrivingBytes += more;
    this.counters.arrivingBytes += more;
  }

  releaseArriving(client: ClientAccount, bytes: number): void {
    client.arrivingBytes -= bytes;
    this.counters.arrivingBytes -= bytes;
  }

  addUnread({ client }: Connection, bytes: number): void {
    this.counters.unreadBytes += bytes;
    client.unreadBytes += bytes;
    if (bytes < 0 && this.counters.isRoomAwaited) this.#tellRoom();
  }

  addExpected({ client }: Connection, bytes: number): void {
    this.counters.expectedBytes += bytes;
    client.expectedBytes += bytes;
    if (bytes < 0 && this.counters.isRoomAwaited) this.#tellRoom();
  }

  hasAnswerRoom(connection: Connection, bytes: number): boolean {
    if (this.#hasAnswerRoom(connection, bytes)) return true;
    // Behind a proxy no client waits for what others leave unread, other than all do.
    if (!connection.isProxied) this.#pressed.add(connection.client);
    this.counters.isRoomAwaited = true;
    return false;
  }

  #hasAnswerRoom({ unreadBytes, expectedBytes, client, isProxied }: Connection, bytes: number): boolean {
    const { maxUnreadBytes, maxUnreadBytesPerConnection } = this.limits;
    const own = unreadBytes + expectedBytes;
    if (own > 0 && own + bytes > maxUnreadBytesPerConnection) return false;
    if (bytes <= smallAnswerBytes) return true;
    const ofAddress = client.unreadBytes + client.expectedBytes;
    if (!isProxied && ofAddress > 0 && ofAddress + bytes > this.#mostOf(client)) return false;
    const { unreadBytes: unread, expectedBytes: expected } = this.counters;
    return unread <= maxUnreadBytes || unread + expected + bytes <= maxAnswersRatio * maxUnreadBytes;
  }

  /** Bytes of answers that an address may have under way or unread: few at first, and more by what it takes. */
  #mostOf({ unreadBytes, takenBytes }: ClientAccount): number {
    const { maxUnreadBytesPerAddress: limit } = this.limits;
    // Clients that read leave little here. Twice the limit may be under way to them, since all of it may be left unread too.
    const isSlow = unreadBytes > limit / 4;
    return Math.min((isSlow ? 1 : 2) * limit, limit / 2 + takenBytes);
  }

  #tellRoom(): void {
    this.counters.isRoomAwaited = false;
    this.#onAnswerRoom();
  }

  /** Ends the connections that wait for a request, and from now on each that comes to do so. */
  endIdle(): void {
    this.#isEnding = true;
    // A turn of the event loop reads what has come to them before.
    setImmediate(() => {
      const nowMs = this.#now();
      for (const connection of this.#all) if (nowMs >= connection.mayIdleUntilMs) connection.endIfIdle();
    });
  }

  /** Looks at every connection: called each `watchMs`. */
  watch(): void {
    this.clients.look();
    if (this.#isEnding) this.endIdle();
    const nowMs = this.#now();
    const wasAway = nowMs - this.#watchedAtMs > this.limits.watchMs + pauseMs;
    this.#watchedAtMs = nowMs;
    const { maxUnreadBytes } = this.limits;
    let pendingBytes = 0;
    for (const connection of this.#all) {
      if (connection.body !== null || connection.measured !== null) this.#watchBody(connection, nowMs, wasAway);
      const ownBytes = this.#watchAnswers(connection, nowMs, wasAway);
      if (!connection.isPeer) pendingBytes += ownBytes;
      this.#watchUnwanted(connection);
    }
    if (pendingBytes > maxUnreadBytes) this.#cutStanding(this.#all, maxUnreadBytes);
    for (const client of this.#pressed) this.#relievePressed(client);
    this.#pressed.clear();
  }

  /** Answers wait for room that others of their address leave unread: without that wait they would be unread as well. */
  #relievePressed(client: ClientAccount): void {
    const own = [...this.#all].filter((connection) => connection.client === client);
    this.#cutStanding(own, Math.min(this.limits.maxUnreadBytesPerAddress, this.#mostOf(client)) / 2);
  }

  #watchBody(connection: Connection, nowMs: number, wasAway: boolean): void {
    const { body } = connection;
    if (body === null || body !== connection.measured || wasAway || connection.isHeldBack) {
      connection.measured = body;
      connection.measuredAtMs = nowMs;
      connection.measuredBytes = body?.bytes ?? 0;
      return;
    }
    const { bodyWindowMs, minBodyBytesPerSecond } = this.limits;
    const tookMs = nowMs - connection.measuredAtMs;
    if (tookMs < bodyWindowMs) return;
    const came = body.bytes - connection.measuredBytes;
    connection.measuredAtMs = nowMs;
    connection.measuredBytes = body.bytes;
    if (came * 1000 >= minBodyBytesPerSecond * tookMs) return;
    this.counters.refusals['slow-body'] += 1;
    const rate = `${came} bytes in ${Math.round(tookMs / 1000)} s`;
    const message = `the body comes too slowly: ${rate}, at least ${minBodyBytesPerSecond}/s`;
    connection.inTurn(() => body.fail(new SluiceError('request-timeout', message)), refusalMs);
  }

  /** @returns bytes that the process keeps for the client */
  #watchAnswers(connection: Connection, nowMs: number, wasAway: boolean): number {
    const { pendingBytes } = connection;
    const tookBytes = connection.systemTookBytes();
    if (this.#dripsAnswer(connection, tookBytes, nowMs, wasAway)) {
      this.counters.refusals['slow-reader'] += 1;
      connection.cut();
      return 0;
    }
    // An answer behind one that is still to come is not left unread.
    if (!connection.isWriting || wasAway || tookBytes !== connection.sentBytes) {
      connection.sentBytes = tookBytes;
      connection.sentAtMs = nowMs;
      connection.stoodLooks = connection.isWriting ? 1 : 0;
      return pendingBytes;
    }
    connection.stoodLooks += 1;
    if (nowMs - connection.sentAtMs < this.limits.sendTimeoutMs) return pendingBytes;
    this.counters.refusals['slow-reader'] += 1;
    connection.cut();
    return 0;
  }

  /** Whether the client takes an answer that waits for it, but more slowly than is allowed. */
  #dripsAnswer(connection: Connection, tookBytes: number, nowMs: number, wasAway: boolean): boolean {
    const { rateAtMs, rateBytes } = connection;
    if (!connection.isWriting || wasAway || rateAtMs === null) {
      connection.rateAtMs = connection.isWriting ? nowMs : null;
      connection.rateBytes = tookBytes;
      return false;
    }
    const ms = nowMs - rateAtMs;
    if (ms < this.limits.sendTimeoutMs) return false;
    connection.rateAtMs = nowMs;
    connection.rateBytes = tookBytes;
    return (tookBytes - rateBytes) * 1000 < this.limits.minAnswerBytesPerSecond * ms;
  }

  /** Cuts connections that go on with a body though it was answered. A body that is on its way may still end by the next look. */
  #watchUnwanted(connection: Connection): void {
    const unwanted = connection.unwantedRequest();
    if (unwanted === null || unwanted !== connection.unwanted) {
      connection.unwanted = unwanted;
      return;
    }
    this.counters.refusals['unwanted-body'] += 1;
    connection.cut();
  }

  /** Makes room for answers. Clients that read are never cut, however much is on its way to them. */
  #cutStanding(connections: Iterable<Connection>, maxBytes: number): void {
    const strangers = [...connections].filter(({ isPeer }) => !isPeer);
    for (const connection of chooseCuts(strangers, { maxBytes, leftBytes: this.limits.maxUnreadBytes / 4 })) {
      this.refused('unread-bytes', 'connections are cut: their clients leave too many bytes of answers unread', {
        address: connection.address,
        unreadBytes: connection.pendingBytes,
      });
      connection.cut();
    }
  }
}
