/** History of each pool over the last minutes: the server's when the page was opened, and every report since. */

/** @import { HistoryReport } from '../../../contract/history-report.ts' */
/** @import { PoolReport, PoolsReport } from '../../../contract/scaler-api.ts' */

export const windowMs = 300_000;
/** Longest gap that a chart line bridges; reports come once a second. */
export const gapMs = 5_000;

/**
 * @typedef {object} Sample
 * @property {number} atMs
 * @property {number | null} arrivals requests/s
 * @property {number | null} forecast requests/s
 * @property {number | null} queued
 * @property {number | null} p99 milliseconds
 * @property {number | null} ready
 * @property {number | null} desired
 */

export class History {
  /** @type {Map<string, Sample[]>} by pool */
  #samples = new Map();

  /**
   * @param {string} pool
   * @returns {readonly Sample[]} ascending
   */
  of(pool) {
    return this.#samples.get(pool) ?? [];
  }

  /** @param {HistoryReport} report replaces the samples of its time; older ones stay, since the scaler may have just started */
  load(report) {
    const known = this.#samples;
    const [firstMs = Infinity] = report.atMs;
    this.#samples = new Map();
    for (const pool of report.pools) {
      const samples = report.atMs.map((atMs, index) => ({
        atMs,
        arrivals: pool.arrivalsPerS[index] ?? null,
        forecast: pool.forecastPerS[index] ?? null,
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
      if ((samples.at(-1)?.atMs ?? 0) < atMs - windowMs) this.#samples.delete(name);
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
    samples.push({
      atMs,
      arrivals: pool.arrivalsPerS,
      forecast: pool.forecastPerS,
      queued: pool.queued,
      p99: pool.p99Ms,
      ready: pool.readyReplicas,
      desired: pool.desiredReplicas,
    });
    while (samples[0] !== undefined && samples[0].atMs < atMs - windowMs - gapMs) samples.shift();
  }
}
