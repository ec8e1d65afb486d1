/**
 * The main thread's handle to the session worker: loads models, and makes one run at a time. Queues and HTTP are not known
 * here. Runs answer by callback, since a promise for each run would buy nothing.
 */
import { Worker } from 'node:worker_threads';
import { RunMemory } from './run-memory.ts';
import type { FromWorker, LoadOptions, RunTime, ToWorker, WireInput, WireOutput } from './session-protocol.ts';
import type { FileSignature } from '../repository/signature.ts';
import type { Signature, Tensor, Tensors } from '../tensor.ts';

export type RunOutcome =
  | ({ readonly kind: 'ran'; readonly outputs: Tensors } & RunTime)
  | ({ readonly kind: 'failed'; readonly message: string } & RunTime);

export interface LoadedSession {
  readonly session: number;
  readonly signature: FileSignature;
  readonly leftOut: readonly string[];
}

export interface StuckRun {
  readonly session: number;
  readonly rows: number;
  readonly elapsedMs: number;
}

export interface SessionHostOptions {
  readonly runLimitMs: number;
  /** Called when a run passes its limit. Nothing can stop it, so the process has to end. */
  readonly onStuck: (run: StuckRun) => void;
  /** Called when the thread ends by itself: no run will be answered any more. */
  readonly onLost: (error: Error) => void;
}

interface CurrentRun {
  readonly session: number;
  readonly rows: number;
  readonly startedMs: number;
  /** Whether it may take longer than the run limit. */
  readonly unlimited: boolean;
  readonly done: (outcome: RunOutcome) => void;
}

interface Pending {
  resolve(loaded: LoadedSession): void;
  reject(error: Error): void;
}

export class SessionHost {
  readonly #worker: Worker;
  readonly #memory = new RunMemory();
  readonly #loads = new Map<number, Pending>();
  readonly #watchdog: NodeJS.Timeout;
  #sequence = 0;
  #closing = false;
  #run: CurrentRun | null = null;

  constructor({ runLimitMs, onStuck, onLost }: SessionHostOptions) {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(new URL(`./session-worker.${extension}`, import.meta.url));
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => onLost(error as Error));
    this.#worker.on('exit', (code) => {
      if (!this.#closing) onLost(new Error(`session worker ended with code ${code}`));
    });
    // A single interval costs less than a timer for each run.
    this.#watchdog = setInterval(
      () => {
        if (this.#run === null || this.#run.unlimited) return;
        const elapsedMs = performance.now() - this.#run.startedMs;
        if (elapsedMs > runLimitMs) onStuck({ session: this.#run.session, rows: this.#run.rows, elapsedMs });
      },
      Math.min(1000, Math.max(10, runLimitMs / 4)),
    ).unref();
  }

  get busy(): boolean {
    return this.#run !== null;
  }

  load(file: string, options: LoadOptions): Promise<LoadedSession> {
    this.#sequence += 1;
    const sequence = this.#sequence;
    return new Promise((resolve, reject) => {
      this.#loads.set(sequence, { resolve, reject });
      this.#worker.postMessage({ kind: 'load', sequence, file, options } satisfies ToWorker);
    });
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
    this.#send({ session, rows, unlimited: false, done }, this.#stack(signature, parts));
  }

  /**
   * A run of the start, before clients are waiting: it may take longer than the run limit. `undelayed` skips the simulated delay.
   */
  runAtStart(
    { session, signature, undelayed }: { session: number; signature: Signature; undelayed: boolean },
    parts: readonly Tensors[],
    rows: number,
  ): Promise<RunOutcome> {
    const { promise, resolve } = Promise.withResolvers<RunOutcome>();
    this.#send({ session, rows, unlimited: true, done: resolve }, this.#stack(signature, parts), undelayed);
    return promise;
  }

  #stack(signature: Signature, parts: readonly Tensors[]): readonly WireInput[] {
    if (this.#run !== null) throw new Error('a run is in progress');
    const before = this.#memory.shared;
    const inputs = this.#memory.stack(signature, parts);
    if (this.#memory.shared !== before) {
      this.#worker.postMessage({ kind: 'memory', memory: this.#memory.shared } satisfies ToWorker);
    }
    return inputs;
  }

  #send(run: Omit<CurrentRun, 'startedMs'>, inputs: readonly WireInput[], undelayed = false): void {
    const { session, rows } = run;
    const message = { kind: 'run', session, rows, inputs } as const;
    this.#worker.postMessage((undelayed ? { ...message, undelayed } : message) satisfies ToWorker);
    this.#run = { ...run, startedMs: performance.now() };
  }

  /** Ends the thread after its run; resolves when the thread is gone. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    clearInterval(this.#watchdog);
    const gone = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.postMessage({ kind: 'close' } satisfies ToWorker);
    await gone;
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'loaded':
        this.#loads.get(message.sequence)!.resolve(message);
        this.#loads.delete(message.sequence);
        return;
      case 'load-failed':
        this.#loads.get(message.sequence)!.reject(new Error(message.message));
        this.#loads.delete(message.sequence);
        return;
      case 'ran':
      case 'run-failed': {
        const { done } = this.#run!;
        this.#run = null;
        const { runUs, cpuUs } = message;
        done(
          message.kind === 'ran'
            ? { kind: 'ran', outputs: fromWire(message.outputs), runUs, cpuUs }
            : { kind: 'failed', message: message.message, runUs, cpuUs },
        );
      }
    }
  }
}

function fromWire(outputs: readonly WireOutput[]): Tensors {
  const tensors = new Map<string, Tensor>();
  for (const { name, datatype, shape, data } of outputs) {
    tensors.set(name, { datatype, shape, data: fromWireData(datatype, data) });
  }
  return tensors;
}

function fromWireData(datatype: WireOutput['datatype'], data: WireOutput['data']): Tensor['data'] {
  if (!ArrayBuffer.isView(data)) return data.map((text) => Buffer.from(text));
  if (datatype === 'FP16') return new Float16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  return data as Float32Array;
}
