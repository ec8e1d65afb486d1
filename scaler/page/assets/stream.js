/** Connection to the scaler: passes events on as they arrive, and tells whether it is alive. */

/** @import { DecisionRecord, PoolsReport } from '../../../contract/scaler-api.ts' */
/** @import { TimelineEvent } from '../../../contract/timeline-event.ts' */

/**
 * @typedef {object} Handlers
 * @property {(report: PoolsReport) => void} onReport
 * @property {(record: DecisionRecord, isNew: boolean) => void} onDecision
 * @property {(event: TimelineEvent, isNew: boolean) => void} onEvent
 * @property {() => void} onOpen called for each connection: what was before it, or missed while there was none, is to be asked for
 * @property {(link: Link) => void} onLink called on changes, and once a second
 */

/** @typedef {{ kind: 'connecting' | 'live' } | { kind: 'silent' | 'lost', sinceMs: number }} Link */

/** Silence after which the link counts as silent; reports come once a second. */
const silentMs = 5_000;
/** Silence after which the page reconnects: a proxy may keep a connection whose other end is gone. */
const givenUpMs = 20_000;
const reconnectMs = [1_000, 2_000, 5_000];
/** Concurrent requests for older decisions. */
const concurrency = 4;

export class Stream {
  #handlers;
  /** @type {EventSource | null} */
  #source = null;
  /** @type {number | null} null before the first report */
  #reportedAtMs = null;
  #failures = 0;
  #open = false;
  #openedAtMs = 0;
  /** Pools whose older decisions were requested on this connection. */
  #requested = new Set();

  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
    setInterval(() => {
      this.#notifyLink();
      this.#reconnectIfSilent();
    }, 1_000);
    this.#connect();
  }

  #reconnectIfSilent() {
    if (!this.#open || performance.now() - Math.max(this.#reportedAtMs ?? 0, this.#openedAtMs) < givenUpMs) return;
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
      this.#requested.clear();
      this.#handlers.onOpen();
      void this.#fetchEvents();
    });
    source.addEventListener('pools', (event) => {
      const report = /** @type {PoolsReport} */ (JSON.parse(event.data));
      this.#reportedAtMs = performance.now();
      this.#open = true;
      this.#handlers.onReport(report);
      this.#notifyLink();
      void this.#fetchDecisions(report.pools.map((pool) => pool.name));
    });
    source.addEventListener('decision', (event) => {
      this.#handlers.onDecision(/** @type {DecisionRecord} */ (JSON.parse(event.data)), true);
    });
    source.addEventListener('event', (event) => {
      this.#handlers.onEvent(/** @type {TimelineEvent} */ (JSON.parse(event.data)), true);
    });
    source.addEventListener('error', () => {
      this.#open = false;
      this.#notifyLink();
      // Browsers reconnect by themselves, unless the server answered with an error status.
      if (source.readyState !== EventSource.CLOSED) return;
      const waitMs = reconnectMs[Math.min(this.#failures, reconnectMs.length - 1)] ?? 5_000;
      this.#failures += 1;
      setTimeout(() => {
        if (this.#source === source) this.#connect();
      }, waitMs);
    });
  }

  async #fetchEvents() {
    const events = await read('api/events');
    if (!Array.isArray(events)) return;
    for (const event of events) this.#handlers.onEvent(event, false);
  }

  /** @param {readonly string[]} pools */
  async #fetchDecisions(pools) {
    const missing = pools.filter((pool) => !this.#requested.has(pool));
    for (const pool of missing) this.#requested.add(pool);
    const worker = async () => {
      for (let pool = missing.pop(); pool !== undefined; pool = missing.pop()) {
        const records = await read(`api/pools/${encodeURIComponent(pool)}/decisions`);
        if (!Array.isArray(records)) {
          // The next report triggers another try.
          this.#requested.delete(pool);
          continue;
        }
        for (const record of records) this.#handlers.onDecision(record, false);
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, missing.length) }, worker));
  }

  #notifyLink() {
    const { onLink } = this.#handlers;
    const reportedAtMs = this.#reportedAtMs;
    const sinceMs = reportedAtMs === null ? 0 : performance.now() - reportedAtMs;
    if (!this.#open)
      onLink(reportedAtMs === null && this.#failures === 0 ? { kind: 'connecting' } : { kind: 'lost', sinceMs });
    else if (reportedAtMs === null) onLink({ kind: 'connecting' });
    else onLink(sinceMs > silentMs ? { kind: 'silent', sinceMs } : { kind: 'live' });
  }
}

/**
 * @param {string} path
 * @returns {Promise<unknown>} null if the request fails: the page works without it
 */
export async function read(path) {
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(10_000) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
