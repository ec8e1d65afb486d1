/** Runs jobs on all cores, or takes their results from the cache. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Cache } from './cache.ts';
import type { Job, Result } from './contenders.ts';

/** @param onProgress called with the number of jobs done, and of all that had to be run */
export async function runJobs(
  jobs: readonly Job[],
  cache: Pick<Cache, 'get' | 'set'>,
  onProgress: (done: number, of: number) => void,
): Promise<Result[]> {
  const missing = jobs.filter((job) => cache.get(job) === undefined);
  let next = 0;
  let done = 0;
  const threads = Math.min(missing.length, Number(process.env['SLUICE_BENCH_THREADS'] ?? availableParallelism()));
  await Promise.all(
    Array.from({ length: threads }, async () => {
      const worker = new Worker(new URL('worker.ts', import.meta.url));
      try {
        while (next < missing.length) {
          const job = missing[next]!;
          next += 1;
          cache.set(job, await ask(worker, job));
          done += 1;
          onProgress(done, missing.length);
        }
      } finally {
        await worker.terminate();
      }
    }),
  );
  return jobs.map((job) => cache.get(job)!);
}

function ask(worker: Worker, job: Job): Promise<Result> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (result: Result) => {
      worker.off('error', reject);
      resolve(result);
    });
    worker.postMessage(job);
  });
}
