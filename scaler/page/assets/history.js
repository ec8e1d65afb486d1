/** History of each pool: the server's when a window is chosen, and every report since, folded into the window's steps. */

/** @import { HistoryReport, HistoryWindow } from '../../../contract/history-report.ts' */
/** @import { PoolReport, PoolsReport } from '../../../contract/scaler-api.ts' */

/** Spans that can be chosen; the same as in contract/history-report.ts. */
export const windows = /** @type {const} */ ({
  '5m': { spanMs: 300_000, stepMs: 1_000, words: '5 minutes' },
  '1h': { spanMs: 3_600_000, stepMs: 10_000, words: 'hour' },
  '6h': { spanMs: 21_600_000, stepMs: 60_000, words: '6 hours' },
});
/** Longest gap that a line bridges, unless steps are longer; reports come once a second. */
const leastGapMs = 5_000;

/**
 * @typedef {object} Sample
 * @property {number} atMs
 * @property {number | null} arrivals requests/s
 * @property {number | null} forecast requests/s
 * @property {number | null} shed requests/s
 * @property {number | null} timeouts requests/s
 * @property {number | null} failed requests/s
 * @property {number | null} queued
 * @property {number | null} p99 milliseconds
 * @property {number | null} ready
 * @property {number | null} desired
 */

/** @typedef {Exclude<keyof Sample, 'atMs'>} Quantity */

/** How the values within one step become one. */
const folds = /** @type {Readonly<Record<Quantity, 'mean' | 'most' | 'last'>>} */ ({
  arrivals: 'mean',
  forecast: 'mean',
  shed: 'mean',
  timeouts: 'mean',
  failed: 'mean',
  queued: 'most',
  p99: 'most',
  ready: 'last',
  desired: 'last',
});
const quantities = /** @type {Quantity[]} */ (Object.keys(folds));

export class History {
  /** @type {HistoryWindow} */
  #window = '5m';
  /** Windows that were chosen once. @type {Map<HistoryWindow, Series>} */
  #series = new Map([['5m', new Series(windows['5m'])]]);

  get window() {
    return this.#window;
  }

  /** Windows whose history is to be asked for after each connection. */
  get chosen() {
    return [...this.#series.keys()];
  }

  get spanMs() {
    return windows[this.#window].spanMs;
  }

  get gapMs() {
    return Math.max(leastGapMs, 3 * windows[this.#window].stepMs);
  }

  /**
   * @param {HistoryWindow} window
   * @returns {boolean} whether its history is still to be asked for
   */
  choose(window) {
    this.#window = window;
    if (this.#series.has(window)) return false;
    this.#series.set(window, new Series(windows[window]));
    return true;
  }

  /**
   * @param {string} pool
   * @returns {readonly Sample[]} ascending
   */
  of(pool) {
    return this.#series.get(this.#window)?.of(pool) ?? [];
  }

  /**
   * @param {HistoryWindow} window
   * @param {HistoryReport} report
   */
  load(window, report) {
    this.#series.get(window)?.load(report);
  }

  /** @param {PoolsReport} report */
  add(report) {
    for (const series of this.#series.values()) series.add(report);
  }
}

class Series {
  #spanMs;
  #stepMs;
  /** @type {Map<string, Sample[]>} by pool */
  #samples = new Map();
  /** Reports in the newest sample of each pool. @type {Map<string, number>} */
  #counts = new Map();

  /** @param {{ readonly spanMs: number, readonly stepMs: number }} window */
  constructor({ spanMs, stepMs }) {
    this.#spanMs = spanMs;
    this.#stepMs = stepMs;
  }

  /**
   * @param {string} pool
   * @returns {readonly Sample[]}
   */
  of(pool) {
    return this.#samples.get(pool) ?? [];
  }

  /** @param {HistoryReport} report replaces the samples of its time; older ones stay, since the scaler may have just started */
  load(report) {
    const known = this.#samples;
    const [firstMs = Infinity] = report.atMs;
    this.#samples = new Map();
    this.#counts.clear();
    for (const pool of report.pools) {
      const samples = report.atMs.map((atMs, index) => ({
        atMs,
        arrivals: pool.arrivalsPerS[index] ?? null,
        forecast: pool.forecastPerS[index] ?? null,
        shed: pool.shedPerS[index] ?? null,
        timeouts: pool.timeoutsPerS[index] ?? null,
        failed: pool.failedPerS[index] ?? null,
        queued: pool.queued[index] ?? null,
        p99: pool.p99Ms[index] ?? null,
        ready: pool.readyReplicas[index] ?? null,
        desired: pool.desiredReplicas[index] ?? null,
      }));
      const before = known.get(pool.name)?.filter(({ atMs }) => atMs < firstMs) ?? [];
      this.#samples.set(pool.name, [...before, ...samples]);
    }
  }

  /** @param {PoolsReport} report may lack pools for a while: a scaler that has just started knows none */
  add({ atMs, pools }) {
    for (const [name, samples] of this.#samples) {
      if ((samples.at(-1)?.atMs ?? 0) < atMs - this.#spanMs) this.#samples.delete(name);
    }
    for (const pool of pools) this.#push(pool, atMs);
  }

  /**
   * @param {PoolReport} pool
   * @param {number} atMs
   */
  #push(pool, atMs) {
    let samples = this.#samples.get(pool.name);
    if (samples === undefined) this.#samples.set(pool.name, (samples = []));
    const last = samples.at(-1);
    if (last !== undefined && atMs <= last.atMs) return;
    const sample = sampleOf(pool, atMs);
    if (last !== undefined && Math.floor(last.atMs / this.#stepMs) === Math.floor(atMs / this.#stepMs)) {
      const count = this.#counts.get(pool.name) ?? 1;
      fold(last, sample, count);
      this.#counts.set(pool.name, count + 1);
      return;
    }
    this.#counts.set(pool.name, 1);
    samples.push(sample);
    while (samples[0] !== undefined && samples[0].atMs < atMs - this.#spanMs - leastGapMs) samples.shift();
  }
}

/**
 * @param {PoolReport} pool
 * @param {number} atMs
 * @returns {Sample}
 */
function sampleOf({ answers, ...pool }, atMs) {
  return {
    atMs,
    arrivals: pool.arrivalsPerS,
    forecast: pool.forecastPerS,
    shed: answers?.shedPerS ?? null,
    timeouts: answers?.timeoutsPerS ?? null,
    failed: answers?.failedPerS ?? null,
    queued: pool.queued,
    p99: pool.p99Ms,
    ready: pool.readyReplicas,
    desired: pool.desiredReplicas,
  };
}

/**
 * @param {Sample} into
 * @param {Sample} sample later, of the same step
 * @param {number} count reports that `into` has already
 */
function fold(into, sample, count) {
  into.atMs = sample.atMs;
  for (const quantity of quantities) {
    const value = sample[quantity];
    if (value === null) continue;
    const before = into[quantity];
    if (before === null || folds[quantity] === 'last') into[quantity] = value;
    else if (folds[quantity] === 'most') into[quantity] = Math.max(before, value);
    else into[quantity] = before + (value - before) / (count + 1);
  }
}

/**
 * @param {Sample} sample
 * @returns {number | null} requests/s that were shed, timed out or failed
 */
export function errorsOf({ shed, timeouts, failed }) {
  return shed === null && timeouts === null && failed === null ? null : (shed ?? 0) + (timeouts ?? 0) + (failed ?? 0);
}
