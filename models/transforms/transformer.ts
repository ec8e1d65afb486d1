/**
 * The transform of one model: hands its requests to a child process, and owns which process that is. A process that ends is
 * started again with a growing delay, and one whose files have changed is replaced once its successor is up.
 *
 * Requests that were in a process when it ended are tried once more, each alone in the process, so that only the one that ends
 * it fails. Until the delay is over, requests are refused at once with what ended the last process.
 */
import path from 'node:path';
import { SluiceError } from '../../contract/errors.ts';
import { isBytes } from '../../contract/tensor-data.ts';
import { planTransformRestart } from '../policy/transform-restart.ts';
import type { Signature, Tensors } from '../tensor.ts';
import { CallSlots } from './call-slots.ts';
import { FileWatch } from './file-watch.ts';
import type { Call, Outcome, Step } from './messages.ts';
import type { TransformFailure, TransformStatistics } from './statistics.ts';
import { InPodTransform } from './in-pod.ts';
import { TransformProcess, type TransformLimits } from './transform-process.ts';

export interface TransformLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface TransformerOptions {
  readonly model: string;
  /** Path of transform.ts or transform.js. */
  readonly file: string;
  readonly limits: TransformLimits;
  /** Whether it runs in this process instead of one of its own. */
  readonly inPod: boolean;
  readonly statistics: TransformStatistics;
  readonly log: TransformLog;
}

type Process = TransformProcess | InPodTransform;

/** Takes the converted tensors, or why there are none. */
export type Converted = (error: SluiceError | null, tensors: Tensors) => void;

interface Waiting extends Call {
  readonly step: Step;
  readonly startedMs: number;
  readonly done: Converted;
  /** The process that has it; null while it waits for one. */
  process: Process | null;
  /** Whether it was in a process that ended, and is tried alone. */
  suspect: boolean;
}

const none: Tensors = new Map();
const noSurface: Signature = { inputs: [], outputs: [] };
/**
 * Bytes of a call's tensors up to which a transform in the pod converts it there, in the time that is the event loop's. Trusted code
 * is quick code, at some 30 ms a MiB of text.
 */
const inPodBytes = 1024 * 1024;
/** Times that a large call may take longer than a small one. */
const largeCallFactor = 5;
/** Calls of one message. Answers of a long message come in parts, so this bounds what is encoded in one turn. */
const maxCalls = 64;

export class Transformer {
  readonly model: string;
  readonly #options: TransformerOptions;
  readonly #isBeside: boolean;
  /** The same transform in a process of its own, for large calls of one that runs in the pod; null until there is one. */
  #beside: Transformer | null = null;
  readonly #fileName: string;
  readonly #watch: FileWatch;
  #surface: Signature | null = null;
  #process: Process | null = null;
  /** A process of changed files that is to take over. */
  #successor: Process | null = null;
  /** End of the delay before the next start; null while there is none. */
  #delay: NodeJS.Timeout | null = null;
  #ends = 0;
  #lastReason = '';
  readonly #calls = new CallSlots<Waiting>();
  /** Calls that no process has yet. */
  #queue: Waiting[] = [];
  #suspects: Waiting[] = [];
  /** The suspect that has the process to itself. */
  #alone: Waiting | null = null;
  #flushing = false;
  #closed = false;
  #idle: NodeJS.Timeout | null = null;
  #problem: string | null = null;
  readonly #opened = Promise.withResolvers<undefined>();

  /** @param isBeside whether it takes the large calls of one in the pod: its process ends when there are none */
  constructor(options: TransformerOptions, isBeside = false) {
    this.#options = options;
    this.#isBeside = isBeside;
    this.model = options.model;
    this.#fileName = path.basename(options.file);
    this.#watch = new FileWatch(() => this.#reload());
  }

  /** Imports the module in its process. Afterwards `problem` says whether it can be used. */
  async open(): Promise<void> {
    this.#process = this.#startProcess();
    await this.#opened.promise;
    if (this.#problem === null && !this.#options.inPod)
      this.#idle = setTimeout(() => this.#endIdle(), unusedMs).unref();
  }

  /** Why the module can't be used, with file and line; null if it can be. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Tensors that clients send and get, another object once they change; none while there is a problem. */
  get surface(): Signature {
    return this.#surface ?? noSurface;
  }

  /**
   * Longest time in milliseconds without an answer that is no sign of a sick pod: a request is converted twice, and once more
   * where another one has ended the process.
   */
  get longestMs(): number {
    return 3 * this.#options.limits.timeoutMs;
  }

  get inFlight(): number {
    return this.#calls.size + (this.#beside?.inFlight ?? 0);
  }

  /** Id of the process that takes calls, for tests and logs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Converts the tensors of one request. Calls of one turn of the event loop travel together. */
  convert(step: Step, request: Omit<Call, 'id'>, done: Converted): void {
    const { tensors, parameters } = request;
    if (this.#options.inPod && !this.#closed && bytesOf(tensors) > inPodBytes) {
      this.#beside ??= this.#openBeside();
      this.#beside.convert(step, request, done);
      return;
    }
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    if (this.#delay !== null || this.#closed) {
      this.#options.statistics.failures.unavailable += 1;
      done(this.#unavailable(), none);
      return;
    }
    const startedMs = performance.now();
    this.#queue.push(
      this.#calls.add((id) => ({ id, step, tensors, parameters, startedMs, done, process: null, suspect: false })),
    );
    if (this.#process === null) this.#process = this.#startProcess();
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** Ends the processes at once; calls fail. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    if (this.#delay !== null) clearTimeout(this.#delay);
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#beside?.close();
    this.#process?.kill('the pod ends');
    this.#successor?.kill('the pod ends');
    this.#problem ??= 'the pod ends';
    this.#opened.resolve(undefined);
  }

  #openBeside(): Transformer {
    const { limits } = this.#options;
    const timeoutMs = largeCallFactor * limits.timeoutMs;
    return new Transformer({ ...this.#options, inPod: false, limits: { ...limits, timeoutMs } }, true);
  }

  #setProblem(reason: string): void {
    this.#problem = `${this.#fileName}: ${reason}`;
    this.#opened.resolve(undefined);
  }

  #flush(): void {
    const process = this.#process;
    if (process?.up !== true || this.#alone !== null) return;
    if (this.#suspects.length > 0) {
      if (process.held > 0) return;
      this.#alone = this.#suspects.shift()!;
      this.#send(process, this.#alone.step, [this.#alone]);
      return;
    }
    const queue = this.#queue;
    this.#queue = [];
    for (const step of ['before', 'after'] as const) {
      const calls = queue.filter((call) => call.step === step);
      for (let start = 0; start < calls.length; start += maxCalls) {
        this.#send(process, step, calls.slice(start, start + maxCalls));
      }
    }
  }

  #send(process: Process, step: Step, calls: readonly Waiting[]): void {
    for (const call of calls) call.process = process;
    process.send(step, calls);
  }

  #startProcess(): Process {
    const { file, limits, inPod, model, log } = this.#options;
    this.#options.statistics.starts += 1;
    const process: Process = new (inPod ? InPodTransform : TransformProcess)(file, limits, {
      onUp: (surface) => this.#onUp(process, surface),
      onOutcome: (id, outcome) => this.#settle(process, id, outcome),
      onCpu: (us) => (this.#options.statistics.cpuUs += us),
      onEnd: (reason) => this.#onEnd(process, reason),
      onLine: (line) => log.info({ model, line }, 'transform printed'),
    });
    return process;
  }

  #onUp(process: Process, surface: Signature): void {
    this.#watch.use(process.files);
    const { log, model } = this.#options;
    if (process === this.#successor) {
      this.#successor = null;
      this.#process?.retire();
      this.#process = process;
      this.#ends = 0;
      log.info({ model, file: this.#fileName }, 'transform is loaded again');
    }
    this.#surface = surface;
    this.#problem = null;
    this.#opened.resolve(undefined);
    this.#flush();
  }

  #settle(process: Process, id: number, outcome: Outcome): void {
    const call = this.#calls.get(id);
    if (call?.process !== process) return;
    this.#calls.remove(id);
    if (call === this.#alone) this.#alone = null;
    if (outcome.kind === 'converted') {
      this.#options.statistics.seconds[call.step].observe((performance.now() - call.startedMs) / 1000);
      call.done(null, outcome.tensors);
    } else if (outcome.kind === 'refused') {
      this.#fail(call, 'refused', new SluiceError('invalid-request', outcome.message));
    } else {
      this.#fail(call, 'failed', this.#failed(outcome.message));
    }
    if (call.suspect || this.#suspects.length > 0) this.#flush();
    if (this.#isBeside && this.#calls.size === 0) this.#idle = setTimeout(() => this.#endIdle(), unusedMs).unref();
  }

  #onEnd(process: Process, reason: string): void {
    if (this.#closed) {
      this.#failAll(this.#calls.all(), reason);
      return;
    }
    const { log, model } = this.#options;
    if (process === this.#successor) {
      this.#successor = null;
      this.#watch.use(process.files);
      log.error({ model, reason: `${this.#fileName}: ${reason}` }, 'the changed transform is not used');
      if (this.#surface === null) this.#setProblem(reason);
      return;
    }
    const calls = this.#calls.all().filter((call) => call.process === process);
    if (process === this.#process) this.#process = null;
    else if (calls.length === 0) return;
    if (this.#surface === null) {
      this.#watch.use(process.files);
      this.#setProblem(reason);
      this.#failAll(this.#calls.all(), reason);
      return;
    }
    log.error({ model, reason, requests: calls.length }, 'the process of a transform ended');
    this.#lastReason = reason;
    this.#alone = null;
    if (process.upMs === null) {
      this.#failAll(this.#calls.all(), reason);
    } else if (calls.length === 1) {
      this.#failAll(calls, reason);
    } else {
      for (const call of calls) {
        call.process = null;
        call.suspect = true;
      }
      this.#suspects.push(...calls);
    }
    if (this.#process === null) this.#restart(process);
    else this.#flush();
  }

  #failAll(calls: readonly Waiting[], reason: string): void {
    for (const call of calls) {
      this.#calls.remove(call.id);
      this.#fail(call, 'lost', this.#failed(reason));
    }
    const left = (call: Waiting) => this.#calls.get(call.id) === call;
    this.#queue = this.#queue.filter(left);
    this.#suspects = this.#suspects.filter(left);
  }

  #restart(ended: Process): void {
    const livedMs = ended.upMs === null ? 0 : performance.now() - ended.upMs;
    const { ends, waitMs } = planTransformRestart(this.#ends, livedMs);
    this.#ends = ends;
    if (waitMs === 0) {
      // Started again by the next request if none waits.
      if (this.#calls.size > 0) this.#process = this.#startProcess();
      return;
    }
    const queue = this.#queue;
    this.#queue = [];
    this.#delay = setTimeout(() => {
      this.#delay = null;
      if (this.#process === null && this.#calls.size > 0) this.#process = this.#startProcess();
    }, waitMs);
    for (const call of queue) {
      this.#calls.remove(call.id);
      this.#fail(call, 'unavailable', this.#unavailable());
    }
  }

  #reload(): void {
    const { model, log } = this.#options;
    if (this.#closed) return;
    log.info({ model, file: this.#fileName }, 'transform has changed');
    this.#successor?.kill('its files changed again');
    this.#successor = this.#startProcess();
  }

  /** Ends a process that nobody has used since the model was loaded; the next request starts it again. */
  #endIdle(): void {
    this.#idle = null;
    const process = this.#process;
    if (this.#calls.size > 0 || process === null) return;
    this.#process = null;
    process.retire();
  }

  #fail(call: Waiting, failure: TransformFailure, error: SluiceError): void {
    this.#options.statistics.failures[failure] += 1;
    const { log, model } = this.#options;
    if (failure === 'failed' || failure === 'lost') log.error({ model, reason: error.message }, 'transform failed');
    call.done(error, none);
  }

  #failed(reason: string): SluiceError {
    return new SluiceError('model-failed', `model '${this.model}': ${this.#fileName}: ${reason}`);
  }

  /** The error of a request whose converted tensors don't fit. Counts and logs it. */
  unusable(reason: string): SluiceError {
    const error = this.#failed(reason);
    this.#options.statistics.failures.failed += 1;
    this.#options.log.error({ model: this.model, reason: error.message }, 'transform failed');
    return error;
  }

  #unavailable(): SluiceError {
    const message = this.#closed ? 'the pod ends' : `not tried again yet, since ${this.#lastReason}`;
    return new SluiceError('model-not-ready', `model '${this.model}': ${this.#fileName}: ${message}`, {
      retryAfterSeconds: 1,
    });
  }
}

/** Time after which a process ends again that was started to read what its module declares, or for large calls, and has none. */
const unusedMs = 30_000;

function bytesOf(tensors: Tensors): number {
  let bytes = 0;
  for (const { data } of tensors.values()) {
    if (isBytes(data)) for (const element of data) bytes += element.length;
    else bytes += data.byteLength;
  }
  return bytes;
}
