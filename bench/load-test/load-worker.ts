/** Load thread: says that it is ready, runs its share of a plan when told to, and reports each second what it has counted since. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { closedLoop } from './closed-loop.ts';
import { openLoop } from './open-loop.ts';
import type { Share } from './plan.ts';
import { Recorder, type Part } from './recorder.ts';

export type FromLoadThread =
  { readonly kind: 'ready' } | { readonly kind: 'part'; readonly part: Part } | { readonly kind: 'done' };

/** The start comes once, when every thread is ready; a stop may come before it. */
export type ToLoadThread = { readonly kind: 'start'; readonly startAtMs: number } | { readonly kind: 'stop' };

const reportMs = 1_000;

async function work(share: Share): Promise<void> {
  const { plan } = share;
  const port = parentPort!;
  const tell = (message: FromLoadThread): void => port.postMessage(message);
  const stop = new AbortController();
  const started = Promise.withResolvers<number | null>();
  port.on('message', (message: ToLoadThread) => {
    if (message.kind === 'start') return started.resolve(message.startAtMs);
    stop.abort();
    started.resolve(null);
  });
  tell({ kind: 'ready' });
  const startAtMs = await started.promise;
  if (startAtMs !== null) {
    const fromMs = startAtMs + plan.warmUpMs;
    const recorder = new Recorder(fromMs, fromMs + plan.durationMs);
    const report = (): void => tell({ kind: 'part', part: recorder.take() });
    const reports = setInterval(report, reportMs);
    const run = plan.load.kind === 'open' ? openLoop : closedLoop;
    try {
      await run({ ...share, startAtMs }, recorder, stop.signal);
    } finally {
      clearInterval(reports);
    }
    report();
  }
  tell({ kind: 'done' });
  port.close();
}

if (!isMainThread) await work(workerData as Share);
