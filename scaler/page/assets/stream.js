/** The connection to the scaler: events as they come, and whether they come. */

/** @import { HistoryReport } from '../../../contract/history-report.ts' */
/** @import { DecisionRecord, PoolsReport } from '../../../contract/scaler-api.ts' */

/**
 * @typedef {object} Handlers
 * @property {(report: PoolsReport) => void} onReport
 * @property {(record: DecisionRecord, isNew: boolean) => void} onDecision
 * @property {(history: HistoryReport) => void} onHistory
 * @property {(link: Link) => void} onLink called each second too
 */

/** @typedef {{ kind: 'connecting' | 'live' } | { kind: 'silent' | 'lost', sinceMs: number }} Link */

/** Reports come each second. */
const silentMs = 5_000;
/** A proxy may hold on to a connection whose other end is gone. */
const givenUpMs = 20_000;
const reconnectMs = [1_000, 2_000, 5_000];
/** Requests for older decisions that are under way at once. */
const atOnce = 4;

export class Stream {
  #handlers;
  /** @type {EventSource | null} */
  #source = null;
  /** @type {number | null} null before the first */
  #heardAtMs = null;
  #failures = 0;
  #open = false;
  #openedAtMs = 0;
  /** Pools whose older decisions were read since the connection was made. */
  #asked = new Set();

  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
    setInterval(() => {
      this.#tellLink();
      this.#giveUpSilence();
    }, 1_000);
    this.#connect();
  }

  #giveUpSilence() {
    if (!this.#open || performance.now() - Math.max(this.#heardAtMs ?? 0, this.#openedAtMs) < givenUpMs) return;
    this.#open = false;
    this.#source?.close();
    this.#connect();
  }

  #connect() {
    const source = new EventSource('api/stream');
    this.#source = source;
    source.addEventListener('open', () => {
      this.#open = true;
      this.#openedAtMs = performance.now();
      this.#failures = 0;
      this.#asked.clear();
      // What was missed, or happened before.
      void read('api/history').then((history) => {
        if (history !== null) this.#handlers.onHistory(/** @type {HistoryReport} */ (history));
      });
    });
    source.addEventListener('pools', (event) => {
      const report = /** @type {PoolsReport} */ (JSON.parse(event.data));
      this.#heardAtMs = performance.now();
      this.#open = true;
      this.#handlers.onReport(report);
      this.#tellLink();
      void this.#askDecisions(report.pools.map((pool) => pool.name));
    });
    source.addEventListener('decision', (event) => {
      this.#handlers.onDecision(/** @type {DecisionRecord} */ (JSON.parse(event.data)), true);
    });
    source.addEventListener('error', () => {
      this.#open = false;
      this.#tellLink();
      // The browser tries again by itself, unless it was answered with an error.
      if (source.readyState !== EventSource.CLOSED) return;
      const waitMs = reconnectMs[Math.min(this.#failures, reconnectMs.length - 1)] ?? 5_000;
      this.#failures += 1;
      setTimeout(() => {
        if (this.#source === source) this.#connect();
      }, waitMs);
    });
  }

  /** @param {readonly string[]} pools */
  async #askDecisions(pools) {
    const ahead = pools.filter((pool) => !this.#asked.has(pool));
    for (const pool of ahead) this.#asked.add(pool);
    const worker = async () => {
      for (let pool = ahead.pop(); pool !== undefined; pool = ahead.pop()) {
        const records = await read(`api/pools/${encodeURIComponent(pool)}/decisions`);
        if (!Array.isArray(records)) {
          // The next report asks again.
          this.#asked.delete(pool);
          continue;
        }
        for (const record of records) this.#handlers.onDecision(record, false);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, ahead.length) }, worker));
  }

  #tellLink() {
    const { onLink } = this.#handlers;
    const heard = this.#heardAtMs;
    const sinceMs = heard === null ? 0 : performance.now() - heard;
    if (!this.#open)
      onLink(heard === null && this.#failures === 0 ? { kind: 'connecting' } : { kind: 'lost', sinceMs });
    else if (heard === null) onLink({ kind: 'connecting' });
    else onLink(sinceMs > silentMs ? { kind: 'silent', sinceMs } : { kind: 'live' });
  }
}

/**
 * @param {string} path
 * @returns {Promise<unknown>} null if it can't be had: the page does without
 */
async function read(path) {
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(10_000) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
