/**
 * Stream of load reports for any number of readers: one per second, and one at once on `wake`, at most one per 100 ms.
 * Without a reader no report is made. Slow readers miss lines but lose nothing, since reports carry totals.
 */
import type { Writable } from 'node:stream';
import type { LoadReport } from '../../contract/load-report.ts';

const intervalMs = 1_000;
const leastGapMs = 100;
/** Time without progress after which a reader is disconnected. */
const stalledMs = 10_000;

interface Reader {
  readonly out: Writable;
  /** Last time, by `now`, at which its buffer had room. */
  flowingAtMs: number;
}

export class LoadStream {
  readonly #report: () => LoadReport;
  readonly #now: () => number;
  readonly #readers = new Map<Writable, Reader>();
  #interval: NodeJS.Timeout | undefined;
  #waking: NodeJS.Timeout | undefined;
  #sentAtMs = -Infinity;

  constructor(report: () => LoadReport, now: () => number) {
    this.#report = report;
    this.#now = now;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Writes a line at once, and from now on whenever one is due, until `out` is closed. */
  add(out: Writable): void {
    const reader = { out, flowingAtMs: this.#now() };
    this.#readers.set(out, reader);
    out.once('close', () => this.#remove(out));
    // 'error' is always followed by 'close'.
    out.on('error', () => undefined);
    this.#write(reader, lineOf(this.#report()));
    this.#interval ??= setInterval(() => this.#send(), intervalMs);
  }

  /** Sends a report at once: something has happened that the scaler should know before the second is over. */
  wake(): void {
    if (this.#waking !== undefined || this.#readers.size === 0) return;
    const waitMs = Math.max(0, this.#sentAtMs + leastGapMs - this.#now());
    this.#waking = setTimeout(() => this.#send(), waitMs);
  }

  /** Sends a last line and ends all readers. */
  close(): void {
    if (this.#readers.size > 0) this.#send();
    for (const out of this.#readers.keys()) out.end();
  }

  #send(): void {
    clearTimeout(this.#waking);
    this.#waking = undefined;
    this.#sentAtMs = this.#now();
    const line = lineOf(this.#report());
    for (const reader of this.#readers.values()) this.#write(reader, line);
  }

  #write(reader: Reader, line: string): void {
    const { out } = reader;
    if (!out.writableNeedDrain) {
      reader.flowingAtMs = this.#now();
      out.write(line);
    } else if (this.#now() - reader.flowingAtMs > stalledMs) {
      out.destroy();
    }
  }

  #remove(out: Writable): void {
    this.#readers.delete(out);
    if (this.#readers.size > 0) return;
    clearInterval(this.#interval);
    clearTimeout(this.#waking);
    this.#interval = undefined;
    this.#waking = undefined;
  }
}

function lineOf(report: LoadReport): string {
  return `${JSON.stringify(report)}\n`;
}
