/** Card of one pool, under its row: remarks with runbooks, charts on one time axis, its pods, and why it has that many. */
import { calmWords } from './attention.js';
import { Charts } from './charts.js';
import { element, setShown, setText } from './dom.js';
import { runbookLink } from './links.js';
import { Pods } from './pods.js';

/** @import { PoolReport } from '../../../contract/scaler-api.ts' */
/** @import { Remark } from './attention.js' */
/** @import { History } from './history.js' */

/** Models that are not batched, beyond which the rest is only counted. */
const mostUnbatched = 8;

export class PoolCard {
  /** @type {HTMLElement} */
  node;
  #models = element('p', { class: 'models' });
  #unbatched = element('ul', { class: 'unbatched', hidden: true });
  #unbatchedText = '';
  #mode = element('span', { class: 'badge' });
  #remarks = element('ul', { class: 'remarks' });
  #remarksKey = '';
  #why = element('span', { class: 'why' });
  #charts;
  #pods;

  /**
   * @param {string} name
   * @param {string} id
   */
  constructor(name, id) {
    this.#charts = new Charts(name);
    this.#pods = new Pods(name, this.#why);
    this.node = element(
      'article',
      { class: 'pool', id, 'aria-label': name },
      element('header', {}, element('h3', { class: 'visually-hidden' }, name), this.#mode, this.#models),
      this.#remarks,
      this.#unbatched,
      this.#charts.node,
      this.#pods.node,
    );
  }

  /**
   * @param {PoolReport} pool
   * @param {readonly Remark[]} remarks
   * @param {{ readonly history: History, readonly nowMs: number }} at
   */
  draw(pool, remarks, { history, nowMs }) {
    setText(this.#models, pool.models.join(', ') === pool.name ? '' : pool.models.join(', '));
    this.#showUnbatched(unbatchedLines(pool));
    setText(this.#mode, pool.mode === 'DryRun' ? 'dry run' : pool.mode.toLowerCase());
    setShown(this.#mode, pool.mode !== 'Active');
    this.#showWhy(pool, remarks, nowMs);
    this.#showRemarks(remarks);
    this.#charts.setValues(pool);
    this.#charts.draw(history, pool.name, nowMs);
    this.#pods.draw(pool);
  }

  /** @param {string} pod name of the pod that answered */
  flash(pod) {
    this.#pods.flash(pod);
  }

  /**
   * Reason for the number of pods, unless a remark above says what is amiss: both side by side would contradict each other.
   * @param {PoolReport} pool
   * @param {readonly Remark[]} remarks
   * @param {number} nowMs
   */
  #showWhy(pool, remarks, nowMs) {
    const isPressed = remarks.some(({ kind }) => kind === 'objective' || kind === 'errors');
    const why = isPressed ? (pool.limitedBy ?? '') : pool.why;
    setText(this.#why, why === '' ? '' : `${isPressed ? 'limited' : calmWords(pool, nowMs)}: ${why}`);
    setShown(this.#why, why !== '');
  }

  /** @param {readonly string[]} lines */
  #showUnbatched(lines) {
    const text = lines.join('\n');
    if (text === this.#unbatchedText) return;
    this.#unbatchedText = text;
    setShown(this.#unbatched, lines.length > 0);
    this.#unbatched.replaceChildren(...lines.map((line) => element('li', {}, line)));
  }

  /** @param {readonly Remark[]} remarks */
  #showRemarks(remarks) {
    setShown(this.#remarks, remarks.length > 0);
    // Rows whose link stays are not touched, since one may have the keyboard focus.
    const key = remarks.map(({ level, runbook }) => `${level} ${runbook}`).join('\n');
    if (key !== this.#remarksKey) {
      this.#remarksKey = key;
      this.#remarks.replaceChildren(
        ...remarks.map(({ level, runbook }) => {
          const link = runbook === null ? [] : [' ', runbookLink(runbook)];
          return element('li', { class: level }, element('span'), ...link);
        }),
      );
    }
    for (const [index, { text }] of remarks.entries()) {
      const node = this.#remarks.children[index]?.firstElementChild;
      if (node) setText(node, text);
    }
  }
}

/**
 * Models that are not batched, and why, in one line each.
 * @param {PoolReport} pool
 * @returns {string[]}
 */
function unbatchedLines({ unbatched }) {
  const lines = Object.entries(unbatched).map(([model, reason]) => `${model} is not batched: ${reason}`);
  const more = lines.length - mostUnbatched;
  return more > 0 ? [...lines.slice(0, mostUnbatched), `and ${more} more`] : lines;
}
