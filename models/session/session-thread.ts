/**
 * One thread that runs ONNX Runtime, as the main thread sees it: its sessions by their place in it, the memory for the inputs
 * of its runs, and the one run that may be in progress there. Limits and the choice of a thread are session-host.ts's.
 */
import type { Worker } from 'node:worker_threads';
import { elementsOf } from '../../contract/tensor-data.ts';
import { startThread } from '../../runtime/process/start-thread.ts';
import { RunMemory } from './run-memory.ts';
import type { FromWorker, LoadOptions, RunTime, ToWorker, WireInput, WireOutput } from './session-protocol.ts';
import type { FileSignature } from '../repository/signature.ts';
import type { Signature, Tensor, Tensors } from '../tensor.ts';

export type RunOutcome =
  | ({ readonly kind: 'ran'; readonly outputs: Tensors } & RunTime)
  | ({ readonly kind: 'failed'; readonly message: string } & RunTime);

export interface LoadedFile {
  /** Place of the session in its thread. */
  readonly session: number;
  readonly signature: FileSignature;
  readonly leftOut: readonly string[];
  /** Version of ONNX Runtime, with the execution provider that runs the session. */
  readonly runtime: string;
}

export interface ThreadRun {
  /** Place of the session in its thread. */
  readonly place: number;
  /** Number of the session in the process, for reports. */
  readonly session: number;
  readonly rows: number;
  /** Whether it may take longer than the run limit. */
  readonly unlimited: boolean;
  /** Skips the simulated delay of LoadOptions. */
  readonly undelayed: boolean;
  readonly done: (outcome: RunOutcome) => void;
}

interface Pending {
  resolve(loaded: LoadedFile): void;
  reject(error: Error): void;
}

export class SessionThread {
  readonly #worker: Worker;
  readonly #memory = new RunMemory();
  readonly #loads = new Map<number, Pending>();
  #sequence = 0;
  #closing = false;
  #run: ThreadRun | null = null;
  #runStartedMs = 0;
  /** Runs that came while one was in progress, in order: those of a load beside one of requests, at most. */
  readonly #waiting: (() => void)[] = [];
  /** Sessions that are loaded and not released, those that are being loaded included. */
  #sessions = 0;

  /** @param onLost called when the thread ends by itself: no run will be answered any more */
  constructor(onLost: (error: Error) => void) {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = startThread(new URL(`./session-worker.${extension}`, import.meta.url));
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => onLost(error as Error));
    this.#worker.on('exit', (code) => {
      if (!this.#closing) onLost(new Error(`session worker ended with code ${code}`));
    });
  }

  /** The run in progress; null for none. */
  get current(): ThreadRun | null {
    return this.#run;
  }

  /** When the run in progress started. */
  get runStartedMs(): number {
    return this.#runStartedMs;
  }

  /** Sessions that it holds, those that are being loaded included. */
  get sessions(): number {
    return this.#sessions;
  }

  load(file: string, options: LoadOptions): Promise<LoadedFile> {
    this.#sessions += 1;
    this.#sequence += 1;
    const sequence = this.#sequence;
    return new Promise((resolve, reject) => {
      this.#loads.set(sequence, { resolve, reject });
      this.#worker.postMessage({ kind: 'load', sequence, file, options } satisfies ToWorker);
    });
  }

  /** Frees the memory of a session that is run no more. */
  release(place: number): void {
    this.#sessions -= 1;
    this.#worker.postMessage({ kind: 'release', session: place } satisfies ToWorker);
  }

  /**
   * Stacks the inputs of requests with equal shape keys, and runs them, after any run that is in progress. The inputs are copied
   * before the run begins.
   */
  run(run: ThreadRun, signature: Signature, parts: readonly Tensors[]): void {
    if (this.#run !== null) {
      this.#waiting.push(() => {
        try {
          this.run(run, signature, parts);
        } catch (error) {
          run.done({ kind: 'failed', message: String(error), runUs: 0, cpuUs: 0 });
          this.#waiting.shift()?.();
        }
      });
      return;
    }
    const inputs = this.#stack(signature, parts);
    const message = { kind: 'run', session: run.place, rows: run.rows, inputs } as const;
    this.#worker.postMessage((run.undelayed ? { ...message, undelayed: true } : message) satisfies ToWorker);
    this.#run = run;
    this.#runStartedMs = performance.now();
  }

  #stack(signature: Signature, parts: readonly Tensors[]): readonly WireInput[] {
    const before = this.#memory.shared;
    const inputs = this.#memory.stack(signature, parts);
    if (this.#memory.shared !== before) {
      this.#worker.postMessage({ kind: 'memory', memory: this.#memory.shared } satisfies ToWorker);
    }
    return inputs;
  }

  /** Ends the thread after its run; resolves when the thread is gone. */
  async close(): Promise<void> {
    this.#closing = true;
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
        this.#sessions -= 1;
        this.#loads.get(message.sequence)!.reject(new Error(message.message));
        this.#loads.delete(message.sequence);
        return;
      case 'ran':
      case 'run-failed': {
        const { done } = this.#run!;
        this.#run = null;
        this.#waiting.shift()?.();
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
  for (const output of outputs) {
    const { name, datatype, shape } = output;
    tensors.set(name, { datatype, shape, data: fromWireData(output) });
  }
  return tensors;
}

function fromWireData({ datatype, data, ends }: WireOutput): Tensor['data'] {
  if (ends !== undefined) return elementsOf(data as Uint8Array, ends);
  if (datatype === 'FP16') return new Float16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  return data as Float32Array;
}
