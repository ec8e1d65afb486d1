/** The worker threads of `npm run bench:scaling`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job, Result } from '../../bench/lab/scaling/contenders.ts';
import { runJobs } from '../../bench/lab/scaling/run-jobs.ts';

test('jobs run in threads, on a trace as it is in the tree; what is known is not run again', async () => {
  const of = { trace: 'azure-llm-code', meanPods: 5, coldStartS: 10 } as const;
  const jobs = [10, 40].map((replicas): Job => ({ of, contender: { kind: 'fixed', replicas } }));
  const known = new Map<string, Result>();
  const cache = {
    get: (job: Job) => known.get(JSON.stringify(job)),
    set: (job: Job, one: Result) => void known.set(JSON.stringify(job), one),
  };
  const [few, many] = await runJobs(jobs, cache, () => undefined);
  assert.ok(few!.violationPercent > many!.violationPercent && many!.podSeconds > 3.9 * few!.podSeconds);
  assert.equal(few!.scaleWrites, 0);
  const ran: number[] = [];
  assert.deepEqual(await runJobs(jobs, cache, (done) => ran.push(done)), [few, many]);
  assert.deepEqual(ran, []);
});
