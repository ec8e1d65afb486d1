/** Runs a plan on threads and adds up what they report. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { nowMs } from './clock.ts';
import type { FromLoadThread, ToLoadThread } from './load-worker.ts';
import type { LoadPlan, Share } from './plan.ts';
import { Tally } from './tally.ts';

/** Time between the order to start and the start, so that the order reaches every thread before it. */
const startMs = 50;
/** Requests per second that one thread of an open loop sends on one core with room to spare. */
const perThreadPerSecond = 4_000;
/** Connections of a closed loop that one thread serves with room to spare. */
const perThreadConnections = 512;

export interface RunOptions {
  /** Called when all threads are ready, with the time at which the warm-up begins, by `nowMs` of clock.ts. */
  readonly onStart?: (startAtMs: number) => void;
  /** Called each second with the tally so far. */
  readonly onProgress?: (tally: Tally) => void;
  /** Called each second with the tally so far; true ends the run early. */
  readonly isFutile?: (tally: Tally) => boolean;
  readonly signal?: AbortSignal;
}

/** Threads that the load needs, at most one a core. */
export function threadsFor(load: { readonly peakPerSecond: number } | { readonly concurrency: number }): number {
  const needed =
    'concurrency' in load ? load.concurrency / perThreadConnections : load.peakPerSecond / perThreadPerSecond;
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(needed)));
}

/** @throws Error if a thread fails; failed requests are counted, not thrown */
export async function runLoad(plan: LoadPlan, options: RunOptions = {}): Promise<Tally> {
  const { onStart, onProgress, isFutile, signal } = options;
  const tally = new Tally(plan.durationMs);
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const workers = Array.from({ length: plan.threads }, (_, index) => {
    const share: Share = { plan, index };
    return new Worker(new URL(`./load-worker.${extension}`, import.meta.url), { workerData: share });
  });
  const tell = (message: ToLoadThread): void => {
    for (const worker of workers) worker.postMessage(message);
  };
  const stop = (): void => {
    tally.endedEarly = true;
    tell({ kind: 'stop' });
  };
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop);
  let watch: NodeJS.Timeout | undefined;
  let loading = plan.threads;
  const onReady = (): void => {
    loading -= 1;
    if (loading > 0) return;
    const startAtMs = nowMs() + startMs;
    tell({ kind: 'start', startAtMs });
    onStart?.(startAtMs);
    watch = setInterval(() => {
      onProgress?.(tally);
      if (isFutile?.(tally) === true && !tally.endedEarly) stop();
    }, 1_000);
  };
  try {
    await Promise.all(workers.map((worker) => untilDone(worker, tally, onReady)));
  } finally {
    clearInterval(watch);
    signal?.removeEventListener('abort', stop);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return tally;
}

function untilDone(worker: Worker, tally: Tally, onReady: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: FromLoadThread) => {
      switch (message.kind) {
        case 'ready':
          onReady();
          return;
        case 'part':
          tally.add(message.part);
          return;
        case 'done':
          resolve();
      }
    });
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`a thread of the load generator ended with code ${code}`)));
  });
}
