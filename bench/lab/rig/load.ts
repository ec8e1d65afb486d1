/** Closed-loop load from a process of its own, so that it costs no other event loop and counts as no other's CPU time. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ClosedLoop } from '../../load-test/closed-loop.ts';

export type LoadJob = Omit<ClosedLoop, 'timeoutMs'>;

/** Result of a load in which every answer was 2xx; latencies as the client saw them. */
export interface LoadResult {
  readonly answered: number;
  readonly durationMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export type LoadReply = { readonly result: LoadResult } | { readonly failed: string };

/** Thrown where an answer was not 2xx, or did not come: one is enough. */
export class BadAnswers extends Error {}

export interface LoadGenerator {
  /** Runs one job; only one at a time. @throws BadAnswers; Error if the load generator is gone */
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
