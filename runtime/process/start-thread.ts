/**
 * Starts a thread of a module, as cli/sluice.js starts a process: with the code that was compiled before. Node keeps none for
 * threads unless each asks for it, and would strip types and compile again: 110 ms of CPU time instead of 50.
 */
import module from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { Worker, type ResourceLimits } from 'node:worker_threads';

export interface ThreadOptions {
  readonly resourceLimits?: ResourceLimits;
  /** By so much the thread is nicer than the process, on Linux; elsewhere only processes have a priority. */
  readonly nicerBy?: number;
}

/** Script that the thread runs first; a file would have its types stripped before it ran. */
const boot = `
  const { workerData: { url, cacheFolder, nicerBy } } = require('node:worker_threads');
  if (nicerBy > 0) {
    const { getPriority, setPriority } = require('node:os');
    try {
      setPriority(0, Math.min(19, getPriority() + nicerBy));
    } catch {
      // A sandbox may forbid it.
    }
  }
  if (cacheFolder !== undefined) require('node:module').enableCompileCache(cacheFolder);
  import(url);
`;

/** @param url of the module, whose messages wait until it listens; an error while it is loaded is an `error` event of the thread */
export function startThread(url: URL, { resourceLimits, nicerBy = 0 }: ThreadOptions = {}): Worker {
  const priority = process.platform === 'linux' ? nicerBy : 0;
  // Within the folder that was asked for, Node has one for each of its versions.
  const compiled = module.getCompileCacheDir();
  const cacheFolder = compiled === undefined ? undefined : path.dirname(compiled);
  const workerData = { url: url.href, cacheFolder, nicerBy: priority };
  return new Worker(boot, { eval: true, workerData, ...(resourceLimits && { resourceLimits }) });
}
