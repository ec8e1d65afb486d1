/** Counts what happens to one thread's requests, and hands the counts over in parts that add up. Reads no clock. */
import { LatencyHistogram, type HistogramSnapshot } from './histogram.ts';

/** End of a request: its HTTP status, or the reason why it has none. */
export type Ending = number | string;

/** Counts of one second: requests that were to leave in it (`offered`), and requests that ended in it (the rest). */
export interface SecondPart {
  readonly second: number;
  readonly offered: number;
  readonly good: number;
  readonly rejected: number;
  readonly failed: number;
  readonly latency: HistogramSnapshot;
}

/** Counts since the part before. */
export interface Part {
  readonly seconds: readonly SecondPart[];
  /**
   * Latencies of good answers, of requests intended within the measured time: from the intended send time, without what the generator
   * itself was late to send.
   */
  readonly latency: HistogramSnapshot;
  /** Lower bound of those latencies: without the time that the generator may have been late to read. */
  readonly leastLatency: HistogramSnapshot;
  /** Time for which answers may have waited to be read. */
  readonly readLate: HistogramSnapshot;
  /** Latencies of the same answers from the actual send time. */
  readonly service: HistogramSnapshot;
  /** Latencies of refusals (503, 429), from the intended send time. */
  readonly rejected: HistogramSnapshot;
  /** Delay that the generator itself added: from the intended time, or from a free connection if later, to sending. */
  readonly lag: HistogramSnapshot;
  readonly offered: number;
  /** Offered requests that waited for a connection. */
  readonly held: number;
  readonly good: number;
  /** Good answers within the measured time, whenever their requests were sent. */
  readonly goodWithin: number;
  /** Requests that were not answered 2xx, by status or error. */
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

/** Delay that the generator added. A wait for a free connection is not part of it: that is the server's doing. */
export function lagMs(intendedMs: number, sentMs: number, roomMs: number): number {
  return sentMs - Math.max(intendedMs, roomMs);
}

/** Lateness of the generator itself with one request, ms. */
export interface OwnLateness {
  readonly sendMs: number;
  readonly readMs: number;
}

const onTime: OwnLateness = { sendMs: 0, readMs: 0 };

/** Endings of requests that were never sent: all connections were taken to the end, or the generator was too slow. */
const noConnection = 'no connection';
export const notSent = 'not sent';

export class Recorder {
  readonly #fromMs: number;
  readonly #toMs: number;
  readonly #seconds = new Map<number, Second>();
  readonly #latency = new LatencyHistogram();
  readonly #leastLatency = new LatencyHistogram();
  readonly #readLate = new LatencyHistogram();
  readonly #service = new LatencyHistogram();
  readonly #rejected = new LatencyHistogram();
  readonly #lag = new LatencyHistogram();
  #others: Record<string, number> = {};
  #offered = 0;
  #held = 0;
  #good = 0;
  #goodWithin = 0;

  /** Measures requests whose intended time is in [fromMs, toMs). All times are on one clock. */
  constructor(fromMs: number, toMs: number) {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
  }

  /** Counts a sent request. @param roomMs time from which a connection was free for it */
  sent(intendedMs: number, sentMs: number, roomMs: number = intendedMs): void {
    if (!this.#measures(intendedMs)) return;
    this.#offered += 1;
    if (roomMs > intendedMs) this.#held += 1;
    this.#second(intendedMs).offered += 1;
    this.#lag.recordMs(lagMs(intendedMs, sentMs, roomMs));
  }

  /** Counts a request that was never sent. @param held whether no connection was ever free for it */
  unsent(intendedMs: number, held: boolean): void {
    if (!this.#measures(intendedMs)) return;
    this.#offered += 1;
    if (held) this.#held += 1;
    this.#second(intendedMs).offered += 1;
    this.#count(held ? noConnection : notSent);
  }

  /** @param own how late the generator itself was to send the request (`lagMs`), and may have been to read its answer */
  ended(intendedMs: number, sentMs: number, endedMs: number, ending: Ending, own: OwnLateness = onTime): void {
    const good = isGood(ending);
    if (good && this.#measures(endedMs)) this.#goodWithin += 1;
    if (!this.#measures(intendedMs)) return;
    const second = this.#second(endedMs);
    if (good) {
      this.#good += 1;
      second.good += 1;
      const latencyMs = endedMs - intendedMs - own.sendMs;
      this.#latency.recordMs(latencyMs);
      this.#leastLatency.recordMs(latencyMs - own.readMs);
      this.#readLate.recordMs(own.readMs);
      this.#service.recordMs(endedMs - sentMs);
      second.latency.recordMs(latencyMs);
      return;
    }
    this.#count(String(ending));
    if (isRejection(ending)) {
      second.rejected += 1;
      this.#rejected.recordMs(endedMs - intendedMs - own.sendMs);
    } else second.failed += 1;
  }

  take(): Part {
    const part = {
      seconds: [...this.#seconds].map(([second, one]) => ({ second, ...one, latency: one.latency.take() })),
      latency: this.#latency.take(),
      leastLatency: this.#leastLatency.take(),
      readLate: this.#readLate.take(),
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
