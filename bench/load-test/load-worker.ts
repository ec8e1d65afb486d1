/** Load thread: runs its share of a plan, and reports each second what it has counted since the last report. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { closedLoop } from './closed-loop.ts';
import { openLoop } from './open-loop.ts';
import type { Share } from './plan.ts';
import { Recorder, type Part } from './recorder.ts';

export type LoadThreadMessage = { readonly kind: 'part'; readonly part: Part } | { readonly kind: 'done' };

const reportMs = 1_000;

async function work(share: Share): Promise<void> {
  const { plan, startAtMs } = share;
  const port = parentPort!;
  const fromMs = startAtMs + plan.warmUpMs;
  const recorder = new Recorder(fromMs, fromMs + plan.durationMs);
  const stop = new AbortController();
  port.on('message', () => stop.abort());
  const report = (): void => port.postMessage({ kind: 'part', part: recorder.take() } satisfies LoadThreadMessage);
  const reports = setInterval(report, reportMs);
  try {
    await (plan.load.kind === 'open' ? openLoop : closedLoop)(share, recorder, stop.signal);
  } finally {
    clearInterval(reports);
  }
  report();
  port.postMessage({ kind: 'done' } satisfies LoadThreadMessage);
  port.close();
}

if (!isMainThread) await work(workerData as Share);
