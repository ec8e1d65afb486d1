/** The worker threads of `npm run bench:scaling`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, Result } from '../../bench/lab/scaling/contenders.ts';
import { runJobs } from '../../bench/lab/scaling/run-jobs.ts';

test('jobs run in threads, on a trace as it is in the tree; what is known is not run again', async () => {
  const source = { kind: 'trace', trace: 'azure-llm-code', seed: 1 } as const;
  const few = {
    source,
    cost: { a: 100, c: 100 },
    objectiveMs: 800,
    meanPods: 5,
    coldStartS: 10,
    minReplicas: 5,
  } as const;
  const contender = { kind: 'baseline', name: 'hpa', candidate: null } as const;
  const jobs: Job[] = [few, { ...few, minReplicas: 80 }].map((of) => ({ of, contender }));
  const known = new Map<string, Result>();
  const cache = {
    get: (job: Job) => known.get(JSON.stringify(job)),
    set: (job: Job, one: Result) => void known.set(JSON.stringify(job), one),
  };
  const [little, much] = await runJobs(jobs, cache, () => undefined);
  assert.ok(little!.violationPercent > much!.violationPercent && much!.podSeconds > 2 * little!.podSeconds);
  const ran: number[] = [];
  assert.deepEqual(await runJobs(jobs, cache, (done) => ran.push(done)), [little, much]);
  assert.deepEqual(ran, []);
});
