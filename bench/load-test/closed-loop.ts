/**
 * Closed loop on autocannon: a fixed number of connections, each of which sends its next request when it has the answer
 * to the last. `sluice bench` runs it in threads, the laboratory in a process of its own.
 *
 * Latencies are measured here: after a lost connection autocannon counts later answers from earlier requests.
 */
import autocannon from 'autocannon';
import { nowMs } from './clock.ts';
import type { LoadPlan, StartedShare } from './plan.ts';
import { ReadClock } from './read-clock.ts';
import type { Ending, Recorder } from './recorder.ts';
import type { Workload } from './workload.ts';

/** Length of a run: a time, or a number of requests. */
export type Amount = { readonly durationMs: number } | { readonly requests: number };

export interface ClosedLoop {
  readonly origin: string;
  readonly workload: Workload;
  readonly connections: number;
  readonly amount: Amount;
  /** Rounded up to whole seconds, which is what autocannon takes. */
  readonly timeoutMs: number;
}

/** Told of each request when it has ended. */
export type RequestListener = Pick<Recorder, 'sent' | 'ended'>;

/** Interval at which autocannon looks whether the run is over. */
const sampleMs = 10;
/**
 * A request that is open at the end of a run hangs if it has been for this long, and for twice the longest answer. Other
 * open requests are given up and not counted.
 */
const hangsAfterMs = 1_000;
/** A timer of autocannon may fire this much before its time. */
const timerErrorMs = 5;

/** Runs one closed loop. @returns autocannon's own count of errors, which includes connections that were never made */
export async function runClosedLoop(
  { origin, workload, connections, amount, timeoutMs }: ClosedLoop,
  listener: RequestListener,
  signal?: AbortSignal,
): Promise<{ readonly errors: number }> {
  const { path, paths, headers, bodies } = workload;
  const timeoutS = Math.max(1, Math.ceil(timeoutMs / 1000));
  const requests = bodies.map((body, index) => ({
    method: 'POST' as const,
    path: paths?.[index] ?? path,
    headers,
    // A body that crossed a thread or a process is an array of bytes.
    body: Buffer.from(body),
  }));
  const watches: Watch[] = [];
  const setupClient = (client: autocannon.Client): void => {
    const first = Math.floor((watches.length * requests.length) / connections);
    // Connections begin at different bodies where each has a path; otherwise all would ask for the same model at a time.
    if (paths !== undefined && first > 0) client.setRequests([...requests.slice(first), ...requests.slice(0, first)]);
    watches.push(new Watch(client, timeoutS * 1000, listener));
  };
  const finished = Promise.withResolvers<autocannon.Result>();
  const instance = autocannon(
    {
      url: `${origin}${path}`,
      connections,
      ...('requests' in amount ? { amount: amount.requests } : { duration: amount.durationMs / 1000 }),
      sampleInt: sampleMs,
      timeout: timeoutS,
      requests,
      setupClient,
    },
    (error: Error | null, result) => (error === null ? finished.resolve(result) : finished.reject(error)),
  );
  signal?.addEventListener('abort', () => instance.stop());
  const { errors } = await finished.promise;
  const slowestMs = Math.max(0, ...watches.map((watch) => watch.slowestMs));
  for (const watch of watches) watch.endIfOpenFor(Math.max(hangsAfterMs, 2 * slowestMs));
  return { errors };
}

/** A thread's share of the connections of a closed plan. */
export async function closedLoop(share: StartedShare, recorder: Recorder, signal: AbortSignal): Promise<void> {
  const { plan, index, startAtMs } = share;
  const { concurrency } = plan.load as Extract<LoadPlan['load'], { kind: 'closed' }>;
  const connections = Math.floor(concurrency / plan.threads) + (index < concurrency % plan.threads ? 1 : 0);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, startAtMs - nowMs())));
  if (signal.aborted || connections === 0) return;
  const { origin, workload, timeoutMs } = plan;
  // A thread that wakes late still ends with the others.
  const amount = { durationMs: Math.max(sampleMs, startAtMs + plan.warmUpMs + plan.durationMs - nowMs()) };
  const clock = new ReadClock();
  const listener: RequestListener = {
    sent: (intendedMs, sentMs) => recorder.sent(intendedMs, sentMs),
    ended: (intendedMs, sentMs, endedMs, ending) =>
      recorder.ended(intendedMs, sentMs, endedMs, ending, { sendMs: 0, readMs: clock.lateMs(endedMs) }),
  };
  try {
    await runClosedLoop({ origin, workload, connections, amount, timeoutMs }, listener, signal);
  } finally {
    clock.close();
  }
}

/** Events of autocannon's clients that its types lack. */
interface Events {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  on(event: string, listener: (...args: any[]) => void): unknown;
}

/** Watches one connection, which has one request open at a time. */
class Watch {
  slowestMs = 0;
  readonly #timeoutMs: number;
  readonly #listener: RequestListener;
  #sentMs: number | null = null;
  /** Set when an answer said that the server closes: a request written after it was never taken, so it is not lost. */
  #closing = false;

  constructor(client: Events, timeoutMs: number, listener: RequestListener) {
    this.#timeoutMs = timeoutMs;
    this.#listener = listener;
    client.on('request', () => this.#sent());
    client.on('headers', ({ shouldKeepAlive }: { readonly shouldKeepAlive: boolean }) => {
      this.#closing = !shouldKeepAlive;
    });
    client.on('response', (status: number) => this.#end(status));
    client.on('connError', (error: Error & { readonly code?: string }) => {
      if (this.#closing) this.#sentMs = null;
      this.#closing = false;
      this.#end(error.code ?? error.message);
    });
  }

  endIfOpenFor(ms: number): void {
    if (this.#sentMs !== null && nowMs() - this.#sentMs > ms) this.#end('unanswered');
  }

  #sent(): void {
    // The request before is over: its connection was lost without an event.
    if (this.#sentMs !== null) {
      const openMs = nowMs() - this.#sentMs;
      if (!this.#closing) this.#end(openMs > this.#timeoutMs - timerErrorMs ? 'timeout' : 'connection closed');
      this.#closing = false;
    }
    this.#sentMs = nowMs();
  }

  #end(ending: Ending): void {
    const sentMs = this.#sentMs;
    if (sentMs === null) return;
    this.#sentMs = null;
    const endedMs = nowMs();
    if (typeof ending === 'number') this.slowestMs = Math.max(this.slowestMs, endedMs - sentMs);
    this.#listener.sent(sentMs, sentMs);
    this.#listener.ended(sentMs, sentMs, endedMs, ending);
  }
}
