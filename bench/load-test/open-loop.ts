/**
 * Sends requests at times that were fixed before, whatever the server does with the earlier ones. Each is measured from
 * when it was to leave: a server that stalls makes all that fall due meanwhile late, and they show it.
 *
 * One connection a request in flight, the one used last first; as many as are needed, up to a limit. What is due beyond
 * it waits here, and the wait counts.
 */
import { Client, type Dispatcher } from 'undici';
import type { Workload } from './workload.ts';
import { sendTimes } from './arrivals.ts';
import { nowMs } from './clock.ts';
import type { LoadPlan, Share } from './plan.ts';
import type { Recorder } from './recorder.ts';
import { Ticker } from './ticker.ts';

/** Sent in one turn of the event loop, so that answers are not left lying for long when much is due at once. */
const mostAtOnce = 64;
/** Connections idle longer are closed here, before a server does it under a request. */
const keepAliveMs = 4_000;
const pollMs = 20;

type OpenLoad = Extract<LoadPlan['load'], { kind: 'open' }>;

/** Until all are answered or given up, or `signal` says stop: what has not been sent by then never was offered. */
export async function openLoop(share: Share, recorder: Recorder, signal: AbortSignal): Promise<void> {
  const { plan, index, startAtMs } = share;
  const { arrivals, maxInFlight } = plan.load as OpenLoad;
  const next = ownShare(sendTimes(arrivals, plan.warmUpMs + plan.durationMs, plan.seed), index, plan.threads);
  const sender = new Sender(plan, recorder);
  const limit = Math.max(1, Math.floor(maxInFlight / plan.threads));
  const allSent = Promise.withResolvers<undefined>();
  let sent = index;
  let dueAtMs = startAtMs + next();
  /** When the last of the connections became free, all having been taken. */
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
    // Else the next answer makes room.
  };
  sender.onRoom = () => {
    if (sender.inFlight !== limit - 1) return;
    roomAtMs = nowMs();
    if (dueAtMs <= roomAtMs) setImmediate(turn);
  };
  const ticker = new Ticker(turn);
  const endAtMs = startAtMs + plan.warmUpMs + plan.durationMs + plan.timeoutMs;
  // With all connections taken by a server that hangs, what is due may never get one.
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

/** Each `of`-th of the times, from number `index` on: all threads draw the same ones. */
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
  /** A request has ended. */
  onRoom: () => void = () => undefined;
  readonly #origin: string;
  readonly #timeoutMs: number;
  readonly #recorder: Recorder;
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
    let status = 0;
    const end = (ending: number | string): void => {
      this.#recorder.ended(intendedMs, sentMs, nowMs(), ending);
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
  // What crossed a thread is an array of bytes.
  return bodies.map((body) => ({ path, method: 'POST' as const, headers: pairs, body: Buffer.from(body) }));
}

const names: Readonly<Record<string, string>> = {
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  // The connection is ended here, with what was still open at the end.
  UND_ERR_DESTROYED: 'unanswered',
  UND_ERR_ABORTED: 'unanswered',
  UND_ERR_SOCKET: 'connection closed',
};

function nameOf(error: Error & { readonly code?: unknown }): string {
  const code = typeof error.code === 'string' ? error.code : error.name;
  return names[code] ?? code;
}
