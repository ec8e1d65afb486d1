/**
 * Open loop: sends requests at times that were fixed before, whatever the server does with earlier ones. A latency
 * counts from the intended time, so that a server's stall shows in every request that fell due meanwhile.
 *
 * Each request in flight has a connection of its own, the most recently used first, up to a limit. Requests that are due
 * beyond the limit wait for a connection, and their wait counts.
 */
import { Client, type Dispatcher } from 'undici';
import type { Workload } from './workload.ts';
import { sendTimes } from './arrivals.ts';
import { nowMs } from './clock.ts';
import type { LoadPlan, StartedShare } from './plan.ts';
import { ReadClock } from './read-clock.ts';
import { lagMs, type Recorder } from './recorder.ts';
import { Ticker } from './ticker.ts';

/** Limit on requests sent in one turn of the event loop, so that answers are read soon when much is due at once. */
const mostAtOnce = 64;
/** Idle connections are closed after this, before a server closes them under a request. */
const keepAliveMs = 4_000;
const pollMs = 20;

type OpenLoad = Extract<LoadPlan['load'], { kind: 'open' }>;

/** Runs until all requests are answered or given up, or `signal` aborts: requests not sent by then count as never offered. */
export async function openLoop(share: StartedShare, recorder: Recorder, signal: AbortSignal): Promise<void> {
  const { plan, index, startAtMs } = share;
  const { arrivals, maxInFlight } = plan.load as OpenLoad;
  const next = ownShare(sendTimes(arrivals, plan.warmUpMs + plan.durationMs, plan.seed), index, plan.threads);
  const sender = new Sender(plan, recorder);
  const limit = Math.max(1, Math.floor(maxInFlight / plan.threads));
  const allSent = Promise.withResolvers<undefined>();
  let sent = index;
  let dueAtMs = startAtMs + next();
  /** Time at which a connection became free after all had been taken. */
  let roomAtMs = -Infinity;

  const turn = (): void => {
    if (signal.aborted) return;
    let at = nowMs();
    for (let burst = 0; burst < mostAtOnce && dueAtMs <= at && sender.inFlight < limit; burst += 1) {
      sender.send(dueAtMs, sent, roomAtMs);
      sent += plan.threads;
      dueAtMs = startAtMs + next();
      at = nowMs();
    }
    if (dueAtMs === Infinity) allSent.resolve(undefined);
    else if (dueAtMs > at) ticker.wakeAt(dueAtMs);
    else if (sender.inFlight < limit) setImmediate(turn);
    // Otherwise the next answer frees a connection, and onRoom goes on.
  };
  sender.onRoom = () => {
    if (sender.inFlight !== limit - 1) return;
    roomAtMs = nowMs();
    if (dueAtMs <= roomAtMs) setImmediate(turn);
  };
  const ticker = new Ticker(turn);
  const endAtMs = startAtMs + plan.warmUpMs + plan.durationMs + plan.timeoutMs;
  // A server that hangs may hold all connections until the end, so waiting for one has a limit.
  const tooLate = setTimeout(() => allSent.resolve(undefined), Math.max(0, endAtMs - nowMs()));
  signal.addEventListener('abort', () => allSent.resolve(undefined));
  try {
    turn();
    await allSent.promise;
    const full = sender.inFlight >= limit;
    while (sender.inFlight > 0 && !signal.aborted && nowMs() < endAtMs) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    if (!signal.aborted) for (; dueAtMs !== Infinity; dueAtMs = startAtMs + next()) recorder.unsent(dueAtMs, full);
  } finally {
    clearTimeout(tooLate);
    await Promise.all([ticker.close(), sender.close()]);
  }
}

/** Every `of`-th time, beginning with number `index`: all threads draw the same times and take turns. */
function ownShare(next: () => number, index: number, of: number): () => number {
  let skip = index;
  return () => {
    for (; skip > 0; skip -= 1) if (next() === Infinity) return Infinity;
    skip = of - 1;
    return next();
  };
}

class Sender {
  inFlight = 0;
  /** Called when a request has ended and its connection is free. */
  onRoom: () => void = () => undefined;
  readonly #origin: string;
  readonly #timeoutMs: number;
  readonly #recorder: Recorder;
  readonly #clock = new ReadClock();
  readonly #free: Client[] = [];
  readonly #all: Client[] = [];
  readonly #requests: readonly Dispatcher.DispatchOptions[];

  constructor({ origin, workload, timeoutMs }: LoadPlan, recorder: Recorder) {
    this.#origin = origin;
    this.#timeoutMs = timeoutMs;
    this.#recorder = recorder;
    this.#requests = requestsOf(workload);
  }

  send(intendedMs: number, number: number, roomMs: number): void {
    const client = this.#free.pop() ?? this.#connect();
    const sentMs = nowMs();
    this.inFlight += 1;
    this.#recorder.sent(intendedMs, sentMs, roomMs);
    const sendMs = lagMs(intendedMs, sentMs, roomMs);
    let status = 0;
    const end = (ending: number | string): void => {
      const endedMs = nowMs();
      this.#recorder.ended(intendedMs, sentMs, endedMs, ending, { sendMs, readMs: this.#clock.lateMs(endedMs) });
      this.inFlight -= 1;
      this.#free.push(client);
      this.onRoom();
    };
    client.dispatch(this.#requests[number % this.#requests.length]!, {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, statusCode) => void (status = statusCode),
      onResponseData: () => undefined,
      onResponseEnd: () => end(status),
      onResponseError: (_controller, error) => end(nameOf(error)),
    });
  }

  async close(): Promise<void> {
    this.#clock.close();
    await Promise.all(this.#all.map((client) => client.destroy()));
  }

  #connect(): Client {
    const client = new Client(this.#origin, {
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      headersTimeout: this.#timeoutMs,
      bodyTimeout: this.#timeoutMs,
      connect: { timeout: this.#timeoutMs },
    });
    this.#all.push(client);
    return client;
  }
}

function requestsOf({ path, headers, bodies }: Workload): Dispatcher.DispatchOptions[] {
  const pairs = Object.entries(headers).flat();
  // A body that crossed a thread is an array of bytes.
  return bodies.map((body) => ({ path, method: 'POST' as const, headers: pairs, body: Buffer.from(body) }));
}

const names: Readonly<Record<string, string>> = {
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  // Requests that were open at the end: their connections were destroyed here.
  UND_ERR_DESTROYED: 'unanswered',
  UND_ERR_ABORTED: 'unanswered',
  UND_ERR_SOCKET: 'connection closed',
};

function nameOf(error: Error & { readonly code?: unknown }): string {
  const code = typeof error.code === 'string' ? error.code : error.name;
  return names[code] ?? code;
}
