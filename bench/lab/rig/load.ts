/** Closed-loop load from a process of its own, so that its work is on nobody else's event loop or CPU account. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Workload } from '../../load-test/workload.ts';

export interface LoadJob {
  readonly origin: string;
  readonly workload: Workload;
  readonly connections: number;
  readonly amount: Amount;
}

/** So long, or so many requests. */
export type Amount = { readonly durationMs: number } | { readonly requests: number };

/** Good answers only; latencies as the client saw them. */
export interface LoadResult {
  readonly answered: number;
  readonly durationMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export type LoadReply = { readonly result: LoadResult } | { readonly failed: string };

/** The server was asked, and a single answer was not 2xx, or did not come. */
export class BadAnswers extends Error {}

export interface LoadGenerator {
  /** One at a time. @throws BadAnswers; Error if the load generator is gone */
  run(job: LoadJob): Promise<LoadResult>;
  stop(): void;
}

export function startLoadGenerator(): LoadGenerator {
  const child = fork(fileURLToPath(new URL('./load-process.ts', import.meta.url)), { serialization: 'advanced' });
  const ended = once(child, 'exit').then(() => null);
  return {
    run: async (job) => {
      child.send(job);
      const message = await Promise.race([once(child, 'message'), ended]);
      if (message === null) throw new Error('the load generator ended before its job did');
      const [reply] = message as [LoadReply];
      if ('failed' in reply) throw new BadAnswers(`${job.origin}${job.workload.path}: ${reply.failed}`);
      return reply.result;
    },
    stop: () => {
      if (child.connected) child.disconnect();
    },
  };
}
