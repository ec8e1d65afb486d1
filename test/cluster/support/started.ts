/**
 * Ends what a running test has started with the test: loads, if it fails, and in any case every kubectl that follows something. One
 * that goes on would keep the process of the test file, and with it the whole run, from its end.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Namespace } from './kubectl.ts';

interface Started {
  readonly jobs: { readonly namespace: Namespace; readonly job: string }[];
  readonly children: ChildProcess[];
}

const ofTest = new AsyncLocalStorage<Started>();

/** Names a Job that the running test starts. */
export function startsJob(namespace: Namespace, job: string): void {
  ofTest.getStore()?.jobs.push({ namespace, job });
}

/** Starts a kubectl that goes on until it is killed, at the latest at the end of the test. */
export function follow(args: readonly string[]): ChildProcess & { readonly stdout: Readable } {
  const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  ofTest.getStore()?.children.push(child);
  return child;
}

/** Runs a test. If it fails, the loads that it has started end, and no others, once `explain` has looked at them. */
export async function endingWithTest(body: () => Promise<void>, explain: () => Promise<void>): Promise<void> {
  const started: Started = { jobs: [], children: [] };
  try {
    await ofTest.run(started, body);
  } catch (error) {
    await explain();
    for (const { namespace, job } of started.jobs) {
      await namespace.kubectl(['delete', 'job', job, '--ignore-not-found', '--wait=false']);
    }
    throw error;
  } finally {
    for (const child of started.children) child.kill();
  }
}
