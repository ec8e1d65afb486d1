/**
 * The sessions of a process, over one thread or several: loads models, and runs them. Requests are run one at a time over all
 * threads, since a pod has one core for compute; only at the start do models of several threads run side by side. Queues and
 * HTTP are not known here. Runs answer by callback, since a promise for each run would buy nothing.
 */
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

export class SessionHost {
  readonly #threads: SessionThread[] = [];
  /** By the number of a session: its thread, and its place there. */
  readonly #sessions: { readonly thread: SessionThread; readonly place: number }[] = [];
  readonly #onLost: (error: Error) => void;
  readonly #watchdog: NodeJS.Timeout;
  #closing = false;

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

  get busy(): boolean {
    for (const { current } of this.#threads) if (current !== null) return true;
    return false;
  }

  /** @param index of the thread that is to hold the session; threads up to it are started if there are none yet */
  async load(file: string, options: LoadOptions, index = 0): Promise<LoadedFile> {
    const thread = this.#thread(index);
    const loaded = await thread.load(file, options);
    const session = this.#sessions.push({ thread, place: loaded.session }) - 1;
    return { session, signature: loaded.signature, leftOut: loaded.leftOut, runtime: loaded.runtime };
  }

  /** Frees the memory of a session. Its number is not used again. */
  release(session: number): void {
    const { thread, place } = this.#sessions[session]!;
    thread.release(place);
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
    if (this.busy) throw new Error('a run is in progress');
    const { thread, place } = this.#sessions[session]!;
    thread.run({ place, session, rows, unlimited: false, undelayed: false, done }, signature, parts);
  }

  /**
   * A run of the start, before clients are waiting: it may take longer than the run limit, and at the same time as runs of
   * sessions in other threads. `undelayed` skips the simulated delay.
   */
  runAtStart(
    { session, signature, undelayed }: { session: number; signature: Signature; undelayed: boolean },
    parts: readonly Tensors[],
    rows: number,
  ): Promise<RunOutcome> {
    const { promise, resolve } = Promise.withResolvers<RunOutcome>();
    const { thread, place } = this.#sessions[session]!;
    thread.run({ place, session, rows, unlimited: true, undelayed, done: resolve }, signature, parts);
    return promise;
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
