/** Entries of the timeline: decisions and events one by one, and holds that follow each other as one span. Pure. */

/** @import { DecisionRecord } from '../../../contract/scaler-api.ts' */
/** @import { TimelineEvent } from '../../../contract/timeline-event.ts' */

/**
 * @typedef {object} Entry
 * @property {string} key
 * @property {string} pool
 * @property {number} atMs
 * @property {DecisionRecord} [decision]
 * @property {TimelineEvent} [event]
 * @property {readonly DecisionRecord[]} [holds] of one span, the latest first
 * @property {number | null} [untilMs] end of the span; null while it lasts
 */

/**
 * @param {readonly DecisionRecord[]} records of one pool, ascending
 * @returns {Entry[]} ascending
 */
export function entriesOf(records) {
  /** @type {Entry[]} */
  const entries = [];
  /** @type {DecisionRecord[]} */
  let holds = [];
  const close = (/** @type {number | null} */ untilMs) => {
    const [first] = holds;
    if (first === undefined) return;
    const { pool, atMs } = first;
    entries.push({ key: JSON.stringify(['span', pool, atMs]), pool, atMs, holds: holds.toReversed(), untilMs });
    holds = [];
  };
  for (const record of records) {
    if (record.kind === 'hold') {
      holds.push(record);
      continue;
    }
    close(record.atMs);
    entries.push({ key: keyOf(record), pool: record.pool, atMs: record.atMs, decision: record });
  }
  close(null);
  return entries;
}

/**
 * @param {TimelineEvent} event
 * @returns {Entry}
 */
export function entryOf(event) {
  const { pool, atMs, sourceMs, id } = event;
  return { key: JSON.stringify(['event', sourceMs, id]), pool, atMs, event };
}

/**
 * @param {DecisionRecord} record
 * @returns {string} key of the record; with the outcome for replacements, since several pods may be replaced at once
 */
export function keyOf({ atMs, kind, pool, outcome }) {
  return JSON.stringify(kind === 'replace' ? [atMs, kind, pool, outcome] : [atMs, kind, pool]);
}
