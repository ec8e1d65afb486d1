/**
 * A thread for large bodies, as the event loop sees it: a bounded line of tasks, one at a time, each with a limit of CPU time and of
 * memory. The thread is started when there is something to do, and ends once it has been idle for a while, which gives its memory
 * back. One that passes a limit is ended, its task fails alone, and the next task gets a new thread.
 *
 * CPU time is what counts, as time on the clock is the machine's: a request is not to be blamed for others that are running.
 */
import type { Worker } from 'node:worker_threads';
import { SluiceError } from '../../contract/errors.ts';
import { startThread } from '../../runtime/process/start-thread.ts';
import type { FromThread, Task, TaskResult } from './wire.ts';

export interface BodyThreadOptions {
  readonly cpuLimitMs: number;
  /** Limit of the thread's heap. Memory of numbers and of bodies lies outside of it. */
  readonly heapMebibytes: number;
}

type Done = (error: SluiceError | null, result: TaskResult | null) => void;

export interface Job {
  readonly task: Task;
  readonly transfer: readonly ArrayBuffer[];
  readonly deadlineMs: number;
  /** Subject of errors: `reading the body of 300000 bytes`. */
  readonly what: string;
  readonly done: Done;
}

/** Most tasks that wait. Bodies are counted by their bytes elsewhere, and a compressed one may have few. */
const maxWaiting = 64;
/** Niceness beyond the pod's: the thread gets a quarter of a core that the event loop or a model wants as well. */
const nicerBy = 6;
const checkMs = 100;
const idleMs = 5_000;

export class BodyThread {
  readonly #options: BodyThreadOptions;
  readonly #waiting: Job[] = [];
  #current: Job | null = null;
  #worker: Worker | null = null;
  /** CPU time that the thread had used when its present task began; null until the thread is up. */
  #cpuUsBefore: number | null = null;
  #check: NodeJS.Timeout | null = null;
  #idle: NodeJS.Timeout | null = null;

  constructor(options: BodyThreadOptions) {
    this.#options = options;
  }

  /** Tasks that wait or run. */
  get inFlight(): number {
    return this.#waiting.length + (this.#current === null ? 0 : 1);
  }

  /** Calls `done` once, unless the job is cancelled. */
  run(job: Job): void {
    if (this.#waiting.length >= maxWaiting) {
      const message = `the pod has ${maxWaiting} large bodies in line, which is its limit`;
      job.done(new SluiceError('busy', message, { retryAfterSeconds: 1 }), null);
      return;
    }
    this.#waiting.push(job);
    this.#next();
  }

  /** Takes a job out of the line. One that runs goes on, within its limits. */
  cancel(job: Job): void {
    const at = this.#waiting.indexOf(job);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  async close(): Promise<void> {
    this.#waiting.length = 0;
    this.#stopTimers();
    const worker = this.#worker;
    this.#worker = null;
    this.#current = null;
    await worker?.terminate();
  }

  #next(): void {
    if (this.#current !== null) return;
    const job = this.#waiting.shift();
    if (job === undefined) {
      if (this.#worker !== null) this.#idle ??= setTimeout(() => this.#drop(), idleMs).unref();
      return;
    }
    this.#current = job;
    this.#stopTimers();
    if (performance.now() >= job.deadlineMs) {
      this.#end(tooLate(job), null);
      return;
    }
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage(job.task, job.transfer);
    } catch (error) {
      this.#end(new SluiceError('internal', 'internal error', { cause: error }), null);
      return;
    }
    this.#check = setInterval(() => void this.#checkLimits(job), checkMs).unref();
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = startThread(new URL(`./body-worker.${extension}`, import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMebibytes },
      nicerBy,
    });
    this.#cpuUsBefore = null;
    worker.on('message', (message: FromThread) => {
      if (worker !== this.#worker) return;
      this.#cpuUsBefore = message.cpuUs;
      if (message.kind !== 'up') this.#receive(message);
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (worker !== this.#worker) return;
      this.#drop();
      if (this.#current !== null) this.#end(lossOf(error, this.#current, this.#options), null);
    });
    worker.on('exit', (code) => {
      if (worker !== this.#worker) return;
      this.#worker = null;
      const cause = new Error(`the thread for large bodies ended with code ${code}`);
      if (this.#current !== null) this.#end(new SluiceError('internal', 'internal error', { cause }), null);
    });
    return worker;
  }

  #receive(result: TaskResult): void {
    if (result.kind !== 'failed') this.#end(null, result);
    else if (result.code !== null) this.#end(new SluiceError(result.code, result.message), result);
    else this.#end(new SluiceError('internal', 'internal error', { cause: new Error(result.message) }), result);
  }

  #end(error: SluiceError | null, result: TaskResult | null): void {
    const { done } = this.#current!;
    this.#current = null;
    this.#stopTimers();
    // The next task begins before the result of this one is worked on.
    this.#next();
    done(error, result);
  }

  async #checkLimits(job: Job): Promise<void> {
    const worker = this.#worker;
    if (worker === null || job !== this.#current) return;
    if (performance.now() >= job.deadlineMs) {
      this.#drop();
      this.#end(tooLate(job), null);
      return;
    }
    // A thread that is ending rejects this; its events report the end.
    const usage = await worker.cpuUsage().catch(() => null);
    if (usage === null || job !== this.#current || worker !== this.#worker) return;
    const { cpuLimitMs } = this.#options;
    if (this.#cpuUsBefore === null || (usage.user + usage.system - this.#cpuUsBefore) / 1000 <= cpuLimitMs) return;
    this.#drop();
    const message = `${job.what} takes more than ${cpuLimitMs} ms of CPU time (--body-cpu-limit-ms)`;
    this.#end(new SluiceError('too-costly', message), null);
  }

  /** Ends the thread, whatever it does. */
  #drop(): void {
    const worker = this.#worker;
    this.#worker = null;
    this.#stopTimers();
    void worker?.terminate();
  }

  #stopTimers(): void {
    if (this.#check !== null) clearInterval(this.#check);
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#check = null;
    this.#idle = null;
  }
}

function tooLate({ what }: Job): SluiceError {
  return new SluiceError('deadline-exceeded', `the deadline passed at the pod before ${what} was done`);
}

function lossOf(error: NodeJS.ErrnoException, { what }: Job, { heapMebibytes }: BodyThreadOptions): SluiceError {
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new SluiceError(
      'too-costly',
      `${what} takes more than the ${heapMebibytes} MiB of heap that one request gets`,
    );
  }
  return new SluiceError('internal', 'internal error', { cause: error });
}
