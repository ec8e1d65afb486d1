/** Decision log, newest first: what changed, why, the arithmetic, and the outcome. */
import { byId, element, setShown, setText } from './dom.js';
import { clock, duration, plain } from './format.js';

/** @import { DecisionRecord } from '../../../contract/scaler-api.ts' */

/** Number of rows that the page keeps. */
const maxRows = 200;
/** Outcomes that mean the write was not made. */
const failure = /^(conflict|refused|failed|not-leader|not written)\b/;

/**
 * @typedef {object} Row
 * @property {HTMLElement} node
 * @property {DecisionRecord} record
 */

export class Decisions {
  #list = byId('decision-list');
  #pool = /** @type {HTMLSelectElement} */ (byId('pool-filter'));
  #holds = /** @type {HTMLInputElement} */ (byId('show-holds'));
  #spoken = byId('spoken');
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {Row[]} newest first, in the order of the list */
  #ordered = [];

  constructor() {
    this.#pool.addEventListener('change', () => this.#filter());
    this.#holds.addEventListener('change', () => this.#filter());
  }

  /** @param {readonly string[]} names */
  setPools(names) {
    const known = [...this.#pool.options].slice(1).map((option) => option.value);
    if (known.join('\n') === names.join('\n')) return;
    const chosen = this.#pool.value;
    const all = /** @type {HTMLOptionElement} */ (this.#pool.options[0]);
    this.#pool.replaceChildren(all, ...names.map((name) => element('option', { value: name }, name)));
    this.#pool.value = names.includes(chosen) ? chosen : '';
    this.#filter();
  }

  /**
   * @param {DecisionRecord} record a new decision, or a known one with a new outcome
   * @param {boolean} announce tells screen readers
   */
  add(record, announce) {
    const key = keyOf(record);
    const known = this.#rows.get(key);
    if (known !== undefined) {
      const open = known.node.querySelector('details')?.open === true;
      const node = rowOf(record);
      const details = node.querySelector('details');
      if (details !== null) details.open = open;
      known.node.replaceWith(node);
      known.node = node;
      known.record = record;
    } else {
      const row = { node: rowOf(record), record };
      const at = this.#ordered.findIndex((other) => other.record.atMs <= record.atMs);
      this.#list.insertBefore(row.node, this.#ordered[at]?.node ?? null);
      this.#ordered.splice(at === -1 ? this.#ordered.length : at, 0, row);
      this.#rows.set(key, row);
      if (this.#ordered.length > maxRows) this.#drop(this.#ordered.pop());
      if (announce && record.kind !== 'hold') setText(this.#spoken, spokenOf(record));
    }
    this.#filter();
  }

  /**
   * Extends the latest hold of each pool: it lasts until another decision, but is sent only once.
   * @param {number} nowMs
   */
  tick(nowMs) {
    const done = new Set();
    for (const { node, record } of this.#ordered) {
      if (done.has(record.pool)) continue;
      done.add(record.pool);
      const times = record.kind === 'hold' ? node.querySelector('.times') : null;
      if (times !== null) setText(times, lasted(nowMs - record.atMs));
    }
  }

  /** @param {Row | undefined} row */
  #drop(row) {
    if (row === undefined) return;
    row.node.remove();
    this.#rows.delete(keyOf(row.record));
  }

  #filter() {
    const pool = this.#pool.value;
    let shown = 0;
    for (const { node, record } of this.#rows.values()) {
      const wanted = (pool === '' || record.pool === pool) && (this.#holds.checked || record.kind !== 'hold');
      setShown(node, wanted);
      if (wanted) shown += 1;
    }
    setText(byId('no-decisions'), this.#rows.size === 0 ? 'None yet.' : 'No decision matches the filter.');
    setShown(byId('no-decisions'), shown === 0);
  }
}

/**
 * @param {DecisionRecord} record
 * @returns {string} key of the record; with the outcome for replacements, since several pods may be replaced at once
 */
function keyOf({ atMs, kind, pool, outcome }) {
  return kind === 'replace' ? `${atMs} ${kind} ${pool} ${outcome}` : `${atMs} ${kind} ${pool}`;
}

/**
 * @param {DecisionRecord} record
 * @returns {string} '2 → 5', 'held at 2'
 */
function moveOf({ kind, from, to }) {
  if (kind === 'hold') return `held at ${from}`;
  if (kind === 'drain' || kind === 'replace') return from === to ? kind : `${kind} ${from} → ${to}`;
  return `${from} → ${to}`;
}

/**
 * @param {DecisionRecord} record
 * @returns {string}
 */
function spokenOf({ pool, kind, from, to, reason, outcome }) {
  const what = kind === 'scale' ? `scaled from ${from} to ${to}` : kind === 'drain' ? 'drains a pod' : 'replaces a pod';
  return `${pool}: ${what}, ${reason.replaceAll('-', ' ')}, ${outcome}`;
}

/**
 * @param {DecisionRecord} record
 * @returns {HTMLElement}
 */
function rowOf(record) {
  const { pool, atMs, untilMs, times, kind, from, to, reason, inputs, arithmetic, outcome } = record;
  const direction = kind === 'scale' ? (to > from ? 'up' : 'down') : kind;
  const time = element('time', { datetime: new Date(atMs).toISOString() }, clock(atMs));
  const head = [
    time,
    element('b', { class: 'of' }, pool),
    element('span', { class: 'move' }, moveOf(record)),
    element('span', { class: 'reason' }, reason),
  ];
  const node = element('li', { class: `decision ${direction}` });
  const lines = arithmetic.length === 0 ? [] : [element('ul', { class: 'arithmetic' }, ...arithmetic.map(lineOf))];
  const entries = Object.entries(inputs);
  const rows = entries.map(([name, value]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, plain(value))),
  );
  const folded = rows.length === 0 ? [] : [element('dl', { class: 'inputs' }, ...rows)];
  if (kind === 'hold') {
    // Holds are a single collapsible line: there are many, and each means that nothing was done.
    head.push(element('span', { class: 'times' }, times > 1 ? lasted(untilMs - atMs) : ''));
    const more = [...lines, ...folded];
    if (more.length === 0) node.append(element('p', { class: 'head' }, ...head));
    else node.append(element('details', {}, element('summary', { class: 'head' }, ...head), ...more));
    return node;
  }
  if (outcome !== '')
    head.push(element('span', { class: failure.test(outcome) ? 'outcome failed' : 'outcome' }, outcome));
  node.append(element('p', { class: 'head' }, ...head), ...lines);
  if (folded.length > 0) node.append(element('details', {}, element('summary', {}, 'inputs'), ...folded));
  return node;
}

/**
 * @param {number} ms
 * @returns {string} 'for 4 min'; empty below one second
 */
function lasted(ms) {
  return ms < 1_000 ? '' : `for ${duration(ms)}`;
}

/**
 * @param {string} line of arithmetic, mostly 'need: (42 + 6) ÷ 30 per pod = 1.6 → 2 pods'
 * @returns {HTMLElement}
 */
function lineOf(line) {
  const end = line.indexOf(': ');
  if (end === -1 || end > 24) return element('li', {}, line);
  return element('li', {}, element('span', { class: 'term' }, line.slice(0, end + 1)), line.slice(end + 1));
}
