/**
 * The sessions of a process, over one thread or several: loads models, and runs them. Requests are run one at a time over all
 * threads, since a pod has one core for compute. Runs of a load (proof and warm-up) go on beside them: at the start in several
 * threads at once, in service in turns that leave requests most of the core. Queues and HTTP are not known here. Runs answer by
 * callback, since a promise for each run would buy nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOptions } from './session-protocol.ts';
import { SessionThread, type LoadedFile, type RunOutcome } from './session-thread.ts';
import type { Signature, Tensors } from '../tensor.ts';

export interface StuckRun {
  readonly session: number;
  readonly rows: number;
  readonly elapsedMs: number;
}

export interface SessionHostOptions {
  readonly runLimitMs: number;
  /** Called when a run passes its limit. Nothing can stop it, so the process has to end. */
  readonly onStuck: (run: StuckRun) => void;
  /** Called when a thread ends by itself: its runs will not be answered any more. */
  readonly onLost: (error: Error) => void;
}

/** Threads with sessions beyond which a load shares one: each takes about 20 MiB, and a thread that creates a session runs nothing else. */
const mostThreads = 12;
/** Time since the last run of requests in which a load leaves room for the next. */
const servedLatelyMs = 1_000;
/** Pause after a run of a load, as a multiple of that run: requests have three quarters of the core. */
const pauseRatio = 3;

export class SessionHost {
  readonly #threads: SessionThread[] = [];
  /** Threads that loads in service have started. */
  readonly #besides = new Set<SessionThread>();
  /** Sessions by number: the thread of each, and its place there. */
  readonly #sessions: ({ readonly thread: SessionThread; readonly place: number } | null)[] = [];
  readonly #onLost: (error: Error) => void;
  readonly #watchdog: NodeJS.Timeout;
  #closing = false;
  /** Whether a run of requests is in progress, or waits for one of a load in its thread. */
  #busy = false;
  #lastServedMs = -Infinity;

  constructor({ runLimitMs, onStuck, onLost }: SessionHostOptions) {
    this.#onLost = onLost;
    this.#thread(0);
    // A single interval costs less than a timer for each run.
    this.#watchdog = setInterval(
      () => {
        for (const { current, runStartedMs } of this.#threads) {
          if (current === null || current.unlimited) continue;
          const elapsedMs = performance.now() - runStartedMs;
          if (elapsedMs > runLimitMs) onStuck({ session: current.session, rows: current.rows, elapsedMs });
        }
      },
      Math.min(1000, Math.max(10, runLimitMs / 4)),
    ).unref();
  }

  /** Whether requests are being run. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Whether any run is in progress, those of a load included. */
  get running(): boolean {
    for (const { current } of this.#threads) if (current !== null) return true;
    return false;
  }

  /** @param index of the thread that is to hold the session; threads up to it are started if there are none yet */
  async load(file: string, options: LoadOptions, index = 0): Promise<LoadedFile> {
    return this.#load(this.#thread(index), file, options);
  }

  /**
   * Loads a file while requests are served. A thread that creates a session runs nothing else meanwhile, so the file goes to a
   * thread without sessions, as long as there are few threads.
   */
  async loadBeside(file: string, options: LoadOptions): Promise<LoadedFile> {
    const inUse = this.#threads.filter(({ sessions }) => sessions > 0);
    const least = inUse.toSorted((a, b) => a.sessions - b.sessions)[0];
    const thread = this.#threads.find(({ sessions }) => sessions === 0);
    if (thread !== undefined) return this.#load(thread, file, options);
    if (inUse.length >= mostThreads) return this.#load(least!, file, options);
    const started = this.#thread(this.#threads.length);
    this.#besides.add(started);
    return this.#load(started, file, options);
  }

  async #load(thread: SessionThread, file: string, options: LoadOptions): Promise<LoadedFile> {
    const loaded = await thread.load(file, options);
    const session = this.#sessions.push({ thread, place: loaded.session }) - 1;
    return { session, signature: loaded.signature, leftOut: loaded.leftOut, runtime: loaded.runtime };
  }

  /** Frees the memory of a session. Its number is not used again. A thread that a load in service has started ends with its last one. */
  release(session: number): void {
    const { thread, place } = this.#sessions[session]!;
    thread.release(place);
    this.#sessions[session] = null;
    if (thread.sessions > 0 || !this.#besides.delete(thread) || this.#closing) return;
    this.#threads.splice(this.#threads.indexOf(thread), 1);
    void thread.close();
  }

  /**
   * Stacks the inputs of requests with equal shape keys, and runs them. The inputs are copied before the call returns.
   * Callers wait until `busy` is false.
   */
  run(
    session: number,
    signature: Signature,
    parts: readonly Tensors[],
    rows: number,
    done: (outcome: RunOutcome) => void,
  ): void {
    if (this.#busy) throw new Error('a run is in progress');
    const { thread, place } = this.#sessions[session]!;
    const end = (outcome: RunOutcome): void => {
      this.#busy = false;
      this.#lastServedMs = performance.now();
      done(outcome);
    };
    thread.run({ place, session, rows, unlimited: false, undelayed: false, done: end }, signature, parts);
    this.#busy = true;
  }

  /**
   * A run of a load: it may take longer than the run limit, and at the same time as runs of sessions in other threads. While
   * requests are served it ends with a pause for them. `undelayed` skips the simulated delay.
   */
  async runAtStart(
    { session, signature, undelayed }: { session: number; signature: Signature; undelayed: boolean },
    parts: readonly Tensors[],
    rows: number,
  ): Promise<RunOutcome> {
    const { promise, resolve } = Promise.withResolvers<RunOutcome>();
    const { thread, place } = this.#sessions[session]!;
    thread.run({ place, session, rows, unlimited: true, undelayed, done: resolve }, signature, parts);
    const outcome = await promise;
    if (this.#busy || performance.now() - this.#lastServedMs < servedLatelyMs) {
      await sleep((pauseRatio * outcome.cpuUs) / 1000);
    }
    return outcome;
  }

  /** Ends the threads after their runs; resolves when they are gone. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    clearInterval(this.#watchdog);
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #thread(index: number): SessionThread {
    while (this.#threads.length <= index) this.#threads.push(new SessionThread(this.#onLost));
    return this.#threads[index]!;
  }
}
