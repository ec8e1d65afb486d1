/**
 * Timeline of all pools, newest first: decisions with their arithmetic and outcome, what pods, versions and conditions did, and
 * spans without a change. Collects at once, and draws only when it is told to.
 */
import { byId, element, reconcile, setShown, setText } from './dom.js';
import { entriesOf, entryOf, keyOf } from './timeline-entries.js';
import { contentOf, lasted, signatureOf, wordsOf } from './timeline-row.js';

/** @import { DecisionRecord } from '../../../contract/scaler-api.ts' */
/** @import { TimelineEvent } from '../../../contract/timeline-event.ts' */
/** @import { Entry } from './timeline-entries.js' */

/** Number of rows that the page shows. */
const maxRows = 200;
/** Decisions, and events, that are kept of each pool. */
const maxKept = 200;

/**
 * @typedef {object} Known
 * @property {Map<string, DecisionRecord>} records by key
 * @property {Map<string, TimelineEvent>} events by key
 * @property {Entry[] | null} entries newest first; null after a change
 */

/**
 * @typedef {object} Row
 * @property {HTMLElement} node
 * @property {string} signature
 */

export class Timeline {
  #list = byId('timeline-list');
  #pool = /** @type {HTMLSelectElement} */ (byId('pool-filter'));
  #holds = /** @type {HTMLInputElement} */ (byId('show-holds'));
  #spoken = byId('spoken');
  /** @type {Map<string, Known>} by pool */
  #pools = new Map();
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #changed = true;
  #nowMs = 0;

  constructor() {
    for (const control of [this.#pool, this.#holds]) {
      control.addEventListener('change', () => {
        this.#changed = true;
        this.draw(this.#nowMs);
      });
    }
  }

  /** @param {readonly string[]} names */
  setPools(names) {
    const known = [...this.#pool.options].slice(1).map((option) => option.value);
    if (known.join('\n') === names.join('\n')) return;
    const chosen = this.#pool.value;
    const all = /** @type {HTMLOptionElement} */ (this.#pool.options[0]);
    this.#pool.replaceChildren(all, ...names.map((name) => element('option', { value: name }, name)));
    this.#pool.value = names.includes(chosen) ? chosen : '';
    this.#changed = true;
  }

  /**
   * @param {DecisionRecord} record a new decision, or a known one with a new outcome
   * @param {boolean} announce tells screen readers
   */
  addDecision(record, announce) {
    const { records } = this.#knownOf(record.pool);
    const key = keyOf(record);
    if (announce && record.kind !== 'hold' && !records.has(key)) setText(this.#spoken, wordsOf(record));
    keep(records, key, record);
  }

  /**
   * @param {TimelineEvent} event
   * @param {boolean} announce
   */
  addEvent(event, announce) {
    const { pool, subject, text, level } = event;
    if (announce && level === 'bad') setText(this.#spoken, `${pool}: ${subject} ${text}`);
    keep(this.#knownOf(pool).events, entryOf(event).key, event);
  }

  /** @param {number} nowMs time of the last report */
  draw(nowMs) {
    this.#nowMs = nowMs;
    if (this.#changed) this.#build();
    this.#changed = false;
    // Spans that last grow; each is the latest of its pool.
    for (const { entries } of this.#pools.values()) {
      const span = entries?.find(({ holds }) => holds !== undefined);
      const times = span?.untilMs === null ? this.#rows.get(span.key)?.node.querySelector('.times') : null;
      if (times && span !== undefined) setText(times, lasted(nowMs - span.atMs));
    }
  }

  /**
   * @param {string} pool
   * @returns {Known}
   */
  #knownOf(pool) {
    let known = this.#pools.get(pool);
    if (known === undefined) this.#pools.set(pool, (known = { records: new Map(), events: new Map(), entries: null }));
    known.entries = null;
    this.#changed = true;
    return known;
  }

  #build() {
    const pool = this.#pool.value;
    const entries = [...this.#pools]
      .filter(([name]) => pool === '' || name === pool)
      .flatMap(([, known]) => (known.entries ??= entriesOfPool(known)))
      .filter(({ holds }) => this.#holds.checked || holds === undefined)
      .sort((one, other) => other.atMs - one.atMs)
      .slice(0, maxRows);
    const keys = entries.map(({ key }) => key);
    reconcile(this.#list, this.#rows, keys, () => ({ node: element('li'), signature: '' }));
    for (const entry of entries) this.#fill(/** @type {Row} */ (this.#rows.get(entry.key)), entry);
    const isEmpty = [...this.#pools.values()].every(({ records, events }) => records.size + events.size === 0);
    setText(byId('no-entries'), isEmpty ? 'Nothing yet.' : 'Nothing matches the filter.');
    setShown(byId('no-entries'), entries.length === 0);
  }

  /**
   * @param {Row} row
   * @param {Entry} entry
   */
  #fill(row, entry) {
    const signature = signatureOf(entry);
    if (signature === row.signature) return;
    row.signature = signature;
    const open = row.node.querySelector('details')?.open === true;
    const hadFocus = row.node.contains(document.activeElement);
    const { name, children } = contentOf(entry);
    row.node.className = `entry ${name}`;
    row.node.replaceChildren(...children);
    const details = row.node.querySelector('details');
    if (details !== null) details.open = open;
    if (hadFocus) row.node.querySelector('summary')?.focus();
  }
}

/**
 * @param {Known} known
 * @returns {Entry[]} newest first
 */
function entriesOfPool({ records, events }) {
  const ordered = [...records.values()].sort((one, other) => one.atMs - other.atMs);
  return [...entriesOf(ordered), ...[...events.values()].map(entryOf)].sort((one, other) => other.atMs - one.atMs);
}

/**
 * @template Value
 * @param {Map<string, Value>} map
 * @param {string} key
 * @param {Value} value
 */
function keep(map, key, value) {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > maxKept && oldest !== undefined) map.delete(oldest);
}
