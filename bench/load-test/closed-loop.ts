/**
 * A fixed number of connections, each sending its next request when it has the answer to the last: autocannon does it.
 *
 * Times are taken here: after a connection was lost, autocannon takes those of later answers from requests before them.
 */
import autocannon from 'autocannon';
import { nowMs } from './clock.ts';
import type { LoadPlan, Share } from './plan.ts';
import type { Recorder } from './recorder.ts';

/** How precisely a run ends when its time is over. */
const sampleMs = 50;
/** What is open for so long at the end, and twice as long as any answer took, hangs; all else is given up and not counted. */
const hangsAfterMs = 1_000;
const timerErrorMs = 5;

type ClosedLoad = Extract<LoadPlan['load'], { kind: 'closed' }>;

export async function closedLoop(share: Share, recorder: Recorder, signal: AbortSignal): Promise<void> {
  const { plan, index, startAtMs } = share;
  const { path, headers, bodies } = plan.workload;
  const { concurrency } = plan.load as ClosedLoad;
  const connections = Math.floor(concurrency / plan.threads) + (index < concurrency % plan.threads ? 1 : 0);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, startAtMs - nowMs())));
  if (signal.aborted || connections === 0) return;
  const running = Promise.withResolvers<undefined>();
  // It takes whole seconds.
  const timeoutS = Math.max(1, Math.ceil(plan.timeoutMs / 1000));
  const watches: Watch[] = [];
  const instance = autocannon(
    {
      url: `${plan.origin}${path}`,
      connections,
      duration: (startAtMs + plan.warmUpMs + plan.durationMs - nowMs()) / 1000,
      sampleInt: sampleMs,
      timeout: timeoutS,
      requests: bodies.map((body) => ({ method: 'POST', path, headers, body: Buffer.from(body) })),
      setupClient: (client) => watches.push(new Watch(client, timeoutS * 1000, recorder)),
    },
    (error: Error | null) => (error === null ? running.resolve(undefined) : running.reject(error)),
  );
  signal.addEventListener('abort', () => instance.stop());
  await running.promise;
  const slowestMs = Math.max(0, ...watches.map((watch) => watch.slowestMs));
  for (const watch of watches) watch.endIfOpenFor(Math.max(hangsAfterMs, 2 * slowestMs));
}

/** What autocannon's clients tell beside what its types know of. */
interface Events {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  on(event: string, listener: (...args: any[]) => void): unknown;
}

/** One connection, which has one request open at a time. */
class Watch {
  slowestMs = 0;
  readonly #timeoutMs: number;
  readonly #recorder: Recorder;
  #sentMs: number | null = null;
  /** The server said that it closes: what autocannon has written since is not lost, it was never taken. */
  #closing = false;

  constructor(client: Events, timeoutMs: number, recorder: Recorder) {
    this.#timeoutMs = timeoutMs;
    this.#recorder = recorder;
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
    // The one before is over, on a connection that is gone.
    if (this.#sentMs !== null) {
      const openMs = nowMs() - this.#sentMs;
      if (!this.#closing) this.#end(openMs > this.#timeoutMs - timerErrorMs ? 'timeout' : 'connection closed');
      this.#closing = false;
    }
    this.#sentMs = nowMs();
  }

  #end(ending: number | string): void {
    const sentMs = this.#sentMs;
    if (sentMs === null) return;
    this.#sentMs = null;
    const endedMs = nowMs();
    if (typeof ending === 'number') this.slowestMs = Math.max(this.slowestMs, endedMs - sentMs);
    this.#recorder.sent(sentMs, sentMs);
    this.#recorder.ended(sentMs, sentMs, endedMs, ending);
  }
}
