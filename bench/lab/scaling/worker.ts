/** Thread of the scaling report: runs the jobs that it receives, one after the other. */
import { parentPort } from 'node:worker_threads';
import { arrivalsOf } from './cases.ts';
import { run, type Job } from './contenders.ts';

let lastKey = '';
let arrivalsMs: Float64Array = new Float64Array();
parentPort!.on('message', (job: Job) => {
  const key = `${job.of.trace} ${job.of.meanPods}`;
  if (key !== lastKey) [lastKey, arrivalsMs] = [key, arrivalsOf(job.of)];
  parentPort!.postMessage(run(job, arrivalsMs));
});
