/** Models of all pools as a table: version, batched or why not, rows, errors, latency, and the cost that gateways learned. */
import { byId, element, reconcile, setShown, setText } from './dom.js';
import { amount, duration } from './format.js';
import { lostPerS, share } from './rates.js';

/** @import { ModelReport } from '../../../contract/model-report.ts' */
/** @import { PoolsReport } from '../../../contract/scaler-api.ts' */
/** @import { UrlState } from './url-state.js' */

const unknown = '–';
/** Digits of a content hash that tell two apart at a glance; the whole one is in the title. */
const hashDigits = 8;

export class ModelTable {
  #url;
  #list = byId('model-list');
  /** @type {Map<string, ModelRow>} by pool and model */
  #rows = new Map();
  /** @type {PoolsReport | null} */
  #report = null;

  /** @param {UrlState} url */
  constructor(url) {
    this.#url = url;
  }

  /** @param {PoolsReport} report */
  draw(report) {
    this.#report = report;
    const wanted = this.#url.find.trim().toLowerCase();
    const models = report.pools
      .flatMap((pool) =>
        pool.modelReports.map((model) => ({ key: JSON.stringify([pool.name, model.name]), pool, model })),
      )
      .filter(({ pool, model }) => [pool.name, model.name].some((name) => name.toLowerCase().includes(wanted)))
      .sort(
        (one, other) => weightOf(other.model) - weightOf(one.model) || one.model.name.localeCompare(other.model.name),
      );
    const keys = models.map(({ key }) => key);
    reconcile(this.#list, this.#rows, keys, () => new ModelRow());
    for (const { key, pool, model } of models) this.#rows.get(key)?.draw(model, pool.name, pool.objectiveMs);
    setText(byId('no-models'), wanted === '' ? 'No models.' : 'No model matches.');
    setShown(byId('no-models'), models.length === 0);
  }

  redraw() {
    if (this.#report !== null) this.draw(this.#report);
  }
}

/** Names of the numbers, which a phone shows beside them instead of in a head. */
const labels = ['pool', 'version', 'batching', 'requests/s', 'rows/s', 'errors', '4xx', 'p99', 'cost, ms'];

class ModelRow {
  /** @type {HTMLElement} */
  node;
  #cells = labels.map((label) => element('td', { class: 'cell', 'data-label': label }));
  #name = element('th', { scope: 'row' });

  constructor() {
    this.node = element('tr', { class: 'row' }, this.#name, ...this.#cells);
  }

  /**
   * @param {ModelReport} model
   * @param {string} pool
   * @param {number | null} objectiveMs
   */
  draw(model, pool, objectiveMs) {
    const { answers, cost, p99Ms, version, hash, versionRemark, unservedReason, unbatchedReason, maxRows } = model;
    const isLate = p99Ms !== null && objectiveMs !== null && p99Ms > objectiveMs;
    const isLosing = answers !== null && lostPerS(answers) > 0;
    const level = unservedReason !== null ? 'bad' : versionRemark !== null || isLosing || isLate ? 'warn' : 'calm';
    this.node.setAttribute('data-level', level);
    setText(this.#name, model.name);
    const state = [unservedReason === null ? null : `not served: ${unservedReason}`, versionRemark].filter(
      (one) => one !== null,
    );
    this.#write([
      [pool, 'of-pool'],
      [
        version === null ? unknown : `${version}${hash === null ? '' : ` · ${hash.slice(0, hashDigits)}`}`,
        'version',
        hash ?? '',
      ],
      [state.join('; ') || batchingOf(unbatchedReason, maxRows), 'state'],
      [rate(model.arrivalsPerS), 'requests'],
      [rate(model.rowsPerS), 'rows'],
      [answers === null ? unknown : share(lostPerS(answers), answers), isLosing ? 'errors bad' : 'errors'],
      [
        answers === null || answers.clientErrorsPerS === 0 ? '' : `${share(answers.clientErrorsPerS, answers)}`,
        'rejected',
      ],
      [p99Ms === null ? unknown : duration(p99Ms), isLate ? 'latency bad' : 'latency'],
      [cost === null ? unknown : `${millis(cost.aMs)} + ${millis(cost.cMs)}·rows`, 'cost'],
    ]);
  }

  /** @param {readonly (readonly [text: string, name: string, title?: string])[]} values */
  #write(values) {
    for (const [index, [text, name, title = text]] of values.entries()) {
      const cell = this.#cells[index];
      if (cell === undefined) continue;
      setText(cell, text);
      if (cell.className !== `cell ${name}`) cell.className = `cell ${name}`;
      if (cell.title !== title) cell.title = title;
    }
  }
}

/**
 * @param {ModelReport} model
 * @returns {number}
 */
function weightOf({ unservedReason, versionRemark, answers }) {
  if (unservedReason !== null) return 3;
  if (answers !== null && lostPerS(answers) > 0) return 2;
  return versionRemark === null ? 0 : 1;
}

/**
 * @param {string | null} unbatchedReason
 * @param {number | null} maxRows
 * @returns {string}
 */
function batchingOf(unbatchedReason, maxRows) {
  if (unbatchedReason !== null) return `one by one: ${unbatchedReason}`;
  if (maxRows === null) return unknown;
  return maxRows === 1 ? 'one row a run' : `batched, up to ${maxRows} rows`;
}

/**
 * @param {number | null} perS
 * @returns {string}
 */
function rate(perS) {
  return perS === null ? unknown : amount(perS);
}

/**
 * @param {number} ms
 * @returns {string} '0.021', '1.5', '42': of milliseconds
 */
function millis(ms) {
  return String(Number(ms.toPrecision(2)));
}
