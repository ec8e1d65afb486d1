/** Thread of the scaling report: runs the jobs that it receives, one after the other. */
import { parentPort } from 'node:worker_threads';
import { trafficOf, type Traffic } from './cases.ts';
import { run, type Job } from './contenders.ts';

let lastKey = '';
let traffic: Traffic | undefined;
parentPort!.on('message', (job: Job) => {
  const { source, meanPods, cost, objectiveMs } = job.of;
  const key = JSON.stringify([source, meanPods, cost, objectiveMs]);
  if (key !== lastKey || traffic === undefined) [lastKey, traffic] = [key, trafficOf(job.of)];
  void run(job, traffic).then((result) => {
    parentPort!.postMessage(result);
  });
});
