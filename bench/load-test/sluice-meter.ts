/** Batches, pods and shed requests of a Sluice under load, read from its metrics each second. */
import { labelBeside, sumOf } from './prometheus.ts';

/** Figures of one second; `meanBatch` is null in a second without runs. */
export interface SluiceSecond {
  readonly second: number;
  readonly meanBatch: number | null;
  readonly pods: number;
  readonly shed: number;
}

interface MetricTotals {
  readonly rows: number;
  readonly runs: number;
  readonly shed: number;
  readonly pods: number;
}

const intervalMs = 1_000;
const timeoutMs = 5_000;

export class SluiceMeter {
  readonly seconds: SluiceSecond[] = [];
  readonly #url: string;
  readonly #label: string;
  readonly #timer: NodeJS.Timeout;
  #first: MetricTotals;
  #last: MetricTotals;
  #reading: Promise<void> | undefined;
  #stopped: Promise<{ readonly meanBatch: number | null; readonly shed: number }> | undefined;

  private constructor(url: string, label: string, totals: MetricTotals) {
    this.#url = url;
    this.#label = label;
    this.#first = this.#last = totals;
    this.#timer = setInterval(() => void this.#readAlone(), intervalMs);
  }

  /** @returns null where the URL has no metrics of Sluice */
  static async start(url: string, model: string): Promise<SluiceMeter | null> {
    const label = `model="${model}"`;
    const totals = await scrape(url, label).catch(() => null);
    return totals === null ? null : new SluiceMeter(url, label, totals);
  }

  /** Starts counting again from now, as after a warm-up. */
  async restart(): Promise<void> {
    await this.#reading;
    await this.#readAlone();
    this.#first = this.#last;
    this.seconds.length = 0;
  }

  /** Stops reading. @returns rows per run since the start, null without runs, and shed requests */
  stop(): Promise<{ readonly meanBatch: number | null; readonly shed: number }> {
    this.#stopped ??= this.#sum();
    return this.#stopped;
  }

  async #sum(): Promise<{ readonly meanBatch: number | null; readonly shed: number }> {
    clearInterval(this.#timer);
    await this.#reading;
    const seen = this.seconds.length;
    await this.#read();
    // The last reading covers less than a second, so it is no row of its own.
    this.seconds.length = seen;
    const runs = this.#last.runs - this.#first.runs;
    return {
      meanBatch: runs === 0 ? null : (this.#last.rows - this.#first.rows) / runs,
      shed: this.#last.shed - this.#first.shed,
    };
  }

  /** Joins the reading that is under way, or starts one. */
  #readAlone(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<void> {
    const before = this.#last;
    // A gateway that is too busy to answer the scrape leaves a gap.
    const now = await scrape(this.#url, this.#label).catch(() => null);
    if (now === null) return;
    this.#last = now;
    const runs = now.runs - before.runs;
    this.seconds.push({
      second: this.seconds.length,
      meanBatch: runs === 0 ? null : (now.rows - before.rows) / runs,
      pods: now.pods,
      shed: now.shed - before.shed,
    });
  }
}

/** Metrics URL of `sluice up` and `sluice gateway` at their defaults: one port above the gateway's. */
export function usualMetricsUrl(origin: string): string {
  const url = new URL('/metrics', origin);
  url.port = String(Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port) + 1);
  return url.href;
}

async function scrape(url: string, label: string): Promise<MetricTotals | null> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  const text = await answer.text();
  if (!answer.ok || !text.includes('sluice_build_info')) return null;
  const pool = labelBeside(text, label, 'pool');
  return {
    rows: sumOf(text, 'sluice_batch_rows_sum', label),
    runs: sumOf(text, 'sluice_batch_rows_count', label),
    shed: sumOf(text, 'sluice_requests_shed_total', label),
    // A gateway has pods of other pools, which serve none of these requests.
    pods: sumOf(text, 'sluice_pods', 'state="serving"', ...(pool === null ? [] : [`pool="${pool}"`])),
  };
}
