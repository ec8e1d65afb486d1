/** What happens to requests, counted within one thread, and handed over in parts that add up. Reads no clock. */
import { LatencyHistogram, type HistogramSnapshot } from './histogram.ts';

/** How a request ended: a status, or what kept it from one. */
export type Ending = number | string;

/** Of one second of the measurement, those that were to leave in it (`offered`) and that ended in it (the rest). */
export interface SecondPart {
  readonly second: number;
  readonly offered: number;
  readonly good: number;
  readonly rejected: number;
  readonly failed: number;
  readonly latency: HistogramSnapshot;
}

/** What has been counted since the part before. */
export interface Part {
  readonly seconds: readonly SecondPart[];
  /** Good answers to what was to leave within the measured time, from when it was to leave. */
  readonly latency: HistogramSnapshot;
  /** The same from when it left. */
  readonly service: HistogramSnapshot;
  /** Answers of the server that it takes no more (503, 429), from when the request was to leave. */
  readonly rejected: HistogramSnapshot;
  /** Left so long after it was to leave, or after there was a connection for it: the generator's own. */
  readonly lag: HistogramSnapshot;
  readonly offered: number;
  /** Of them, those that waited for a connection. */
  readonly held: number;
  readonly good: number;
  /** Good answers that came within the measured time, whenever their requests left. */
  readonly goodWithin: number;
  /** What was not answered 2xx, by status or by error. */
  readonly others: Readonly<Record<string, number>>;
}

interface Second {
  offered: number;
  good: number;
  rejected: number;
  failed: number;
  readonly latency: LatencyHistogram;
}

export function isGood(ending: Ending): boolean {
  return typeof ending === 'number' && ending >= 200 && ending < 300;
}

/** Statuses by which a server refuses work: 503 and 429. */
export function isRejection(ending: Ending): boolean {
  return ending === 503 || ending === 429;
}

/** How late the generator itself was: what a request waits before there is a connection for it is the server's doing. */
export function lagMs(intendedMs: number, sentMs: number, roomMs: number): number {
  return sentMs - Math.max(intendedMs, roomMs);
}

/** How it ended that nothing was sent: all connections were taken to the end, or the generator was too slow. */
const noConnection = 'no connection';
export const notSent = 'not sent';

export class Recorder {
  readonly #fromMs: number;
  readonly #toMs: number;
  readonly #seconds = new Map<number, Second>();
  readonly #latency = new LatencyHistogram();
  readonly #service = new LatencyHistogram();
  readonly #rejected = new LatencyHistogram();
  readonly #lag = new LatencyHistogram();
  #others: Record<string, number> = {};
  #offered = 0;
  #held = 0;
  #good = 0;
  #goodWithin = 0;

  /** All times on one clock; what was to leave from `fromMs` on and before `toMs` is measured. */
  constructor(fromMs: number, toMs: number) {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
  }

  /** @param roomMs since when there has been a connection for it */
  sent(intendedMs: number, sentMs: number, roomMs: number = intendedMs): void {
    if (!this.#measures(intendedMs)) return;
    this.#offered += 1;
    if (roomMs > intendedMs) this.#held += 1;
    this.#second(intendedMs).offered += 1;
    this.#lag.recordMs(lagMs(intendedMs, sentMs, roomMs));
  }

  /** It was to leave, and has not been able to; `held` where there never was a connection for it. */
  unsent(intendedMs: number, held: boolean): void {
    if (!this.#measures(intendedMs)) return;
    this.#offered += 1;
    if (held) this.#held += 1;
    this.#second(intendedMs).offered += 1;
    this.#count(held ? noConnection : notSent);
  }

  ended(intendedMs: number, sentMs: number, endedMs: number, ending: Ending): void {
    const good = isGood(ending);
    if (good && this.#measures(endedMs)) this.#goodWithin += 1;
    if (!this.#measures(intendedMs)) return;
    const second = this.#second(endedMs);
    if (good) {
      this.#good += 1;
      second.good += 1;
      this.#latency.recordMs(endedMs - intendedMs);
      this.#service.recordMs(endedMs - sentMs);
      second.latency.recordMs(endedMs - intendedMs);
      return;
    }
    this.#count(String(ending));
    if (isRejection(ending)) {
      second.rejected += 1;
      this.#rejected.recordMs(endedMs - intendedMs);
    } else second.failed += 1;
  }

  take(): Part {
    const part = {
      seconds: [...this.#seconds].map(([second, one]) => ({ second, ...one, latency: one.latency.take() })),
      latency: this.#latency.take(),
      service: this.#service.take(),
      rejected: this.#rejected.take(),
      lag: this.#lag.take(),
      offered: this.#offered,
      held: this.#held,
      good: this.#good,
      goodWithin: this.#goodWithin,
      others: this.#others,
    };
    this.#seconds.clear();
    this.#others = {};
    this.#offered = this.#held = this.#good = this.#goodWithin = 0;
    return part;
  }

  #measures(atMs: number): boolean {
    return atMs >= this.#fromMs && atMs < this.#toMs;
  }

  #count(what: string): void {
    this.#others[what] = (this.#others[what] ?? 0) + 1;
  }

  #second(atMs: number): Second {
    const index = Math.max(0, Math.floor((atMs - this.#fromMs) / 1000));
    let second = this.#seconds.get(index);
    if (second === undefined) {
      second = { offered: 0, good: 0, rejected: 0, failed: 0, latency: new LatencyHistogram() };
      this.#seconds.set(index, second);
    }
    return second;
  }
}
