/** Progress output of the test run: a line for each finished part, and at the end each failure in full. */
import { once } from 'node:events';
import path from 'node:path';
import type { EventData, run } from 'node:test';
import { inspect } from 'node:util';

export type RunEvents = ReturnType<typeof run>;

export interface ProgressOptions {
  /** Every test file that will run, relative to the working directory. */
  readonly files: readonly string[];
  /** Name of the line on which a file is counted: its own, or that of its room. */
  readonly partOf: (file: string) => string;
  readonly print: (line: string) => void;
  readonly nowMs: () => number;
}

interface Part {
  files: number;
  tests: number;
  failed: number;
  skipped: number;
  startedMs: number | null;
}

/** A silence of this length prints what is running, so that a person can tell slow from stuck. */
const silenceMs = 15_000;
/** Parts that are named at the end for their time. */
const slowest = 10;

/** A failed test, and where it stands. */
interface Failure {
  readonly name: string;
  readonly file: string;
  readonly line: number | undefined;
  readonly error: Error;
}

export class Progress {
  readonly #options: ProgressOptions;
  readonly #files: ReadonlySet<string>;
  readonly #parts = new Map<string, Part>();
  readonly #startedMs: number;
  readonly #running = new Set<string>();
  readonly #failures: string[] = [];
  readonly #skipped: string[] = [];
  readonly #seconds = new Map<string, number>();
  #printedMs: number;
  #done = 0;
  #tests = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#files = new Set(options.files);
    this.#startedMs = options.nowMs();
    this.#printedMs = this.#startedMs;
    for (const file of options.files) {
      const part = this.#parts.get(options.partOf(file));
      if (part === undefined) {
        this.#parts.set(options.partOf(file), { files: 1, tests: 0, failed: 0, skipped: 0, startedMs: null });
      } else {
        part.files += 1;
      }
    }
  }

  /** Follows one run to its end. A file is a process, which Node reports as a test of that name, or a suite of that name. */
  async follow(events: RunEvents): Promise<void> {
    const output = ({ message }: { readonly message: string }): void => this.#print(message.trimEnd());
    let running = '';
    events
      .on('test:stdout', output)
      .on('test:stderr', output)
      .on('test:diagnostic', ({ file, message }) => {
        if (file !== undefined) this.#print(`  ${message}`);
      })
      .on('test:dequeue', ({ nesting, name }) => {
        if (nesting > 0 || !this.#files.has(relative(name))) return;
        running = relative(name);
        this.#start(running);
      })
      .on('test:complete', (event) => this.#complete(event, running));
    await once(events.resume(), 'end');
  }

  /** To be called now and then: names what is running when nothing was printed for a while. */
  beat(): void {
    if (this.#options.nowMs() - this.#printedMs < silenceMs) return;
    this.#print(`… ${[...this.#running].join(', ')}  (${this.#elapsed()})`);
  }

  /** Prints which parts took longest, what failed and what was skipped. @returns whether nothing failed */
  finish(): boolean {
    const passed = this.#failures.length === 0;
    const byTime = [...this.#seconds].toSorted(([, one], [, other]) => other - one).slice(0, slowest);
    if (this.#seconds.size > slowest) {
      this.#print(
        `\nslowest:\n${byTime.map(([name, seconds]) => `${seconds.toFixed(1).padStart(7)} s  ${name}`).join('\n')}`,
      );
    }
    if (this.#skipped.length > 0) this.#print(`\nskipped:\n${this.#skipped.map((line) => `  ${line}`).join('\n')}`);
    if (!passed) this.#print(`\nfailing tests:\n\n${this.#failures.join('\n\n')}`);
    const counts = `${this.#tests} tests, ${this.#failures.length} failed, ${this.#skipped.length} skipped`;
    this.#print(`\n${passed ? '✔' : '✖'} ${counts}, in ${this.#elapsed()}`);
    return passed;
  }

  #partOf(file: string): Part | undefined {
    return this.#parts.get(this.#options.partOf(file));
  }

  #start(file: string): void {
    this.#running.add(file);
    this.#partOf(file)!.startedMs ??= this.#options.nowMs();
  }

  /** @param running the file whose process this is: shared tests, such as contracts, stand in files that are not run themselves */
  #complete({ details, name, nesting, file: absolute, line, skip }: EventData.TestComplete, running: string): void {
    if (absolute === undefined) return;
    const file = relative(absolute);
    const part = this.#partOf(this.#files.has(file) ? file : running);
    const { error } = details;
    if (error !== undefined && !isOfSubtests(error)) this.#fail(part, { name, file, line, error });
    if (nesting === 0 && this.#files.has(relative(name))) return this.#end(relative(name));
    if (details.type === 'suite') return;
    this.#tests += 1;
    if (part !== undefined) part.tests += 1;
    if (skip === undefined || skip === false) return;
    this.#skipped.push(`${name} (${file})${typeof skip === 'string' ? `: ${skip}` : ''}`);
    if (part !== undefined) part.skipped += 1;
  }

  #end(file: string): void {
    this.#running.delete(file);
    this.#done += 1;
    const name = this.#options.partOf(file);
    const part = this.#parts.get(name)!;
    part.files -= 1;
    if (part.files > 0) return;
    const seconds = (this.#options.nowMs() - (part.startedMs ?? this.#options.nowMs())) / 1000;
    this.#seconds.set(name, seconds);
    const counts = [
      `${part.tests} tests`,
      ...(part.failed > 0 ? [`${part.failed} FAILED`] : []),
      ...(part.skipped > 0 ? [`${part.skipped} skipped`] : []),
    ];
    const place = `${this.#done} of ${this.#files.size} files, ${this.#elapsed()}`;
    this.#print(`${part.failed > 0 ? '✖' : '✔'} ${name}: ${counts.join(', ')}, ${seconds.toFixed(1)} s  (${place})`);
  }

  #fail(part: Part | undefined, { name, file, line, error }: Failure): void {
    if (part !== undefined) part.failed += 1;
    this.#failures.push(`✖ ${name} (${file}:${line ?? 0})\n${inspect(error.cause ?? error)}`);
    this.#print(`✖ ${name} (${file})`);
  }

  #elapsed(): string {
    const seconds = Math.round((this.#options.nowMs() - this.#startedMs) / 1000);
    return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} min`;
  }

  #print(line: string): void {
    this.#printedMs = this.#options.nowMs();
    this.#options.print(line);
  }
}

const relative = (file: string): string => path.relative('.', file);

/** A suite, or a process, that failed only because a test in it did. */
function isOfSubtests(error: Error): boolean {
  return (error as { failureType?: string }).failureType === 'subtestsFailed';
}
