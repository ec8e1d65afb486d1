/** A fixed number of connections, each sending its next request when it has the answer to the last: autocannon does it. */
import autocannon from 'autocannon';
import { nowMs } from './clock.ts';
import type { LoadPlan, Share } from './plan.ts';
import type { Recorder } from './recorder.ts';

/** How precisely a run ends when its time is over. */
const sampleMs = 50;

type ClosedLoad = Extract<LoadPlan['load'], { kind: 'closed' }>;

/** Requests that are open at the end are given up, and not counted. */
export async function closedLoop(share: Share, recorder: Recorder, signal: AbortSignal): Promise<void> {
  const { plan, index, startAtMs } = share;
  const { path, headers, bodies } = plan.workload;
  const { concurrency } = plan.load as ClosedLoad;
  const connections = Math.floor(concurrency / plan.threads) + (index < concurrency % plan.threads ? 1 : 0);
  await new Promise((resolve) => setTimeout(resolve, startAtMs - nowMs()));
  if (signal.aborted) return;
  const running = Promise.withResolvers<undefined>();
  const instance = autocannon(
    {
      url: `${plan.origin}${path}`,
      connections,
      duration: (startAtMs + plan.warmUpMs + plan.durationMs - nowMs()) / 1000,
      sampleInt: sampleMs,
      timeout: plan.timeoutMs / 1000,
      requests: bodies.map((body) => ({ method: 'POST', path, headers, body: Buffer.from(body) })),
    },
    (error: Error | null) => (error === null ? running.resolve(undefined) : running.reject(error)),
  );
  signal.addEventListener('abort', () => instance.stop());
  instance.on('response', (_client, status, _bytes, durationMs) => {
    const endedMs = nowMs();
    const sentMs = endedMs - durationMs;
    recorder.sent(sentMs, sentMs);
    recorder.ended(sentMs, sentMs, endedMs, status);
  });
  instance.on('reqError', (error: Error & { code?: string }) => {
    const at = nowMs();
    recorder.sent(at, at);
    recorder.ended(at, at, at, /timed?.?out/i.test(error.message) ? 'timeout' : (error.code ?? error.message));
  });
  await running.promise;
}
