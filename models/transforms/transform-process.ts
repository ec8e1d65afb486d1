/**
 * One child process of a transform, from its start to its end: sends it calls, hands back how they ended, and kills it where
 * it is silent for too long or holds too much memory. It ends once; which calls it held then is for its owner to settle.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeExit } from './failures.ts';
import { stateOfFile, type FileStates } from './file-state.ts';
import { FrameReader, type Frame } from './frames.ts';
import { limitMemory, wordsToEndWithParent } from './kernel-limits.ts';
import {
  callsFrame,
  messageFrame,
  readOutcomes,
  type Call,
  type FromChild,
  type Outcome,
  type Step,
} from './messages.ts';
import type { Signature } from '../tensor.ts';

export interface TransformLimits {
  readonly timeoutMs: number;
  readonly memoryMiB: number;
}

export interface ProcessListener {
  /** The module is imported, and calls may be sent. */
  onUp(surface: Signature): void;
  onOutcome(id: number, outcome: Outcome): void;
  /** Processor time that the process has used since it last told. */
  onCpu(us: number): void;
  /** The process is gone, or can't be used. Called once; calls without an outcome get none. */
  onEnd(reason: string): void;
  /** A line that user code printed. */
  onLine(line: string): void;
}

/** Time from the start of a process until its module is imported. */
const startLimitMs = 30_000;
/** Extra silence before a kill: calls that wait are ended at the limit by the child itself. */
const graceMs = 250;
/** Interval of the look at silence and memory. */
const watchMs = 100;
const maxTailBytes = 8 * 1024;
const maxLineLength = 2_000;
const megabyte = 2 ** 20;

export class TransformProcess {
  readonly file: string;
  /** Files whose change asks for another process, with their states before they were read; all of them are known once it is up or ended. */
  files: FileStates = new Map();
  readonly startedMs = performance.now();
  /** Time at which the module was imported; null until then. */
  upMs: number | null = null;
  readonly #limits: TransformLimits;
  readonly #listener: ProcessListener;
  /** Calls that were sent and have no outcome. */
  #held = 0;
  #cpuUs = 0;
  #child: ChildProcess | null = null;
  #pipe: Duplex | null = null;
  #watch: NodeJS.Timeout | null = null;
  /** Silence of the child while an answer is due, counted only while this process itself runs. */
  #silentMs = 0;
  /** Reason of a kill or of a module that can't be used; null where the process ended by itself. */
  #reason: string | null = null;
  #retiring = false;
  #ended = false;
  #stderr = '';

  constructor(file: string, limits: TransformLimits, listener: ProcessListener) {
    this.file = file;
    this.#limits = limits;
    this.#listener = listener;
    void this.#start();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get held(): number {
    return this.#held;
  }

  get up(): boolean {
    return this.upMs !== null && !this.#ended;
  }

  /** Sends calls together. The process must be up. */
  send(step: Step, calls: readonly Call[]): void {
    if (this.#held === 0) this.#silentMs = 0;
    this.#held += calls.length;
    this.#pipe!.write(callsFrame(step, calls));
    this.#watchAgain();
  }

  /** Ends the process once it has answered what it holds. */
  retire(): void {
    this.#retiring = true;
    if (this.#held === 0) this.#hangUp();
  }

  kill(reason: string): void {
    this.#reason ??= reason;
    this.#child?.kill('SIGKILL');
  }

  async #start(): Promise<void> {
    const words = await wordsToEndWithParent();
    this.files = new Map([[this.file, await stateOfFile(this.file)]]);
    const { memoryMiB } = this.#limits;
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const [program, ...args] = [
      ...(words ?? []),
      process.execPath,
      `--max-old-space-size=${memoryMiB}`,
      '--max-semi-space-size=8',
      '--disable-warning=ExperimentalWarning',
      '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
      fileURLToPath(new URL(`./child.${extension}`, import.meta.url)),
      ...(words === null ? ['--watch-parent'] : []),
    ];
    if (this.#retiring || this.#reason !== null) {
      this.#end(this.#reason ?? 'it was not needed any more');
      return;
    }
    const child = spawn(program!, args, {
      cwd: path.dirname(this.file),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    const pipe = child.stdio[3] as Duplex;
    this.#pipe = pipe;
    const reader = new FrameReader<FromChild>(memoryMiB * megabyte);
    pipe.on('data', (chunk: Buffer) => {
      if (this.#reason === null) this.#guard(() => reader.push(chunk))?.forEach((frame) => this.#receive(frame));
    });
    // Writes to a process that is gone fail; the 'close' event reports its end.
    pipe.on('error', () => undefined);
    child.stdout!.setEncoding('utf8').on(
      'data',
      lineSplitter((line) => this.#listener.onLine(line)),
    );
    const printed = lineSplitter((line) => this.#listener.onLine(line));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-maxTailBytes);
      printed(text);
    });
    child.once('error', (error) => {
      if (child.pid === undefined) this.#end(`its process cannot start: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      // The end of its output says why; it may come later, or never where a grandchild holds the pipe.
      const wait = setTimeout(() => tell(), 250);
      const tell = (): void => {
        clearTimeout(wait);
        this.#end(this.#reason ?? describeExit({ code, signal }, this.#stderr, path.dirname(this.file)));
      };
      child.once('close', tell);
    });
    this.#watchAgain();
  }

  /** Reads what the process wrote. User code could write to the pipe too, and what comes then is no frame. */
  #guard<Value>(read: () => Value): Value | undefined {
    try {
      return read();
    } catch (error) {
      this.kill(`its process wrote what is no answer: ${(error as Error).message}`);
      return undefined;
    }
  }

  #receive({ message, body }: Frame<FromChild>): void {
    this.#silentMs = 0;
    switch (message.kind) {
      case 'started':
        void limitMemory(this.pid!, this.#limits.memoryMiB * megabyte).then(() => {
          this.#pipe!.write(messageFrame({ kind: 'import', file: this.file, timeoutMs: this.#limits.timeoutMs }));
        });
        return;
      case 'up':
        this.files = new Map(message.files);
        this.upMs = performance.now();
        this.#countCpu(message.cpuUs);
        this.#listener.onUp(message.surface);
        return;
      case 'unusable':
        this.files = new Map(message.files);
        this.kill(message.reason);
        return;
      case 'outcomes':
        this.#countCpu(message.cpuUs);
        for (const { id, outcome } of this.#guard(() => readOutcomes(message, body)) ?? []) {
          this.#held -= 1;
          this.#listener.onOutcome(id, outcome);
        }
        if (this.#retiring && this.#held === 0) this.#hangUp();
    }
  }

  #countCpu(totalUs: number): void {
    this.#listener.onCpu(totalUs - this.#cpuUs);
    this.#cpuUs = totalUs;
  }

  #hangUp(): void {
    this.#pipe?.end();
    this.#watchAgain();
  }

  /** Looks after the process while it has something to do. */
  #watchAgain(): void {
    if (this.#watch !== null || this.#ended) return;
    this.#silentMs = 0;
    this.#watch = setInterval(() => this.#look(), watchMs).unref();
  }

  #look(): void {
    const { timeoutMs, memoryMiB } = this.#limits;
    const starting = this.upMs === null;
    this.#silentMs += watchMs;
    const usedMiB = residentMiB(this.pid);
    if (usedMiB > memoryMiB) {
      this.kill(`its process used ${usedMiB} MiB of memory, the limit is ${memoryMiB} MiB (transform.memoryMiB)`);
    } else if (starting && performance.now() - this.startedMs > startLimitMs) {
      this.kill(`importing it took longer than ${startLimitMs / 1000} s`);
    } else if (!starting && this.#silentMs > timeoutMs + graceMs && (this.#held > 0 || this.#retiring)) {
      this.kill(`it took longer than ${timeoutMs} ms (transform.timeoutMs)`);
    } else if (!starting && this.#held === 0 && !this.#retiring) {
      clearInterval(this.#watch!);
      this.#watch = null;
    }
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#pipe?.destroy();
    this.#held = 0;
    this.#listener.onEnd(reason);
  }
}

/** Memory that a process holds, in MiB; 0 where the system doesn't say. */
function residentMiB(pid: number | undefined): number {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid ?? 0}/status`, 'latin1')) ?? [];
    return Math.round(Number(kilobytes ?? 0) / 1024);
  } catch {
    return 0;
  }
}

function lineSplitter(onLine: (line: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!.slice(0, maxLineLength);
    for (const line of lines) if (line !== '') onLine(line.slice(0, maxLineLength));
  };
}
