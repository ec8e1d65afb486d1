/** One pool in the table: a dense row with lines of the last minutes, and its card under it once it is open. */
import { calmWords, rankOf, remarksOn } from './attention.js';
import { element, setAttribute, setShown, setText } from './dom.js';
import { amount, duration } from './format.js';
import { errorsOf } from './history.js';
import { MiniLine } from './mini-line.js';
import { PoolCard } from './pool-card.js';
import { lostPerS, share } from './rates.js';
import { isDown, isOver } from './shown.js';

/** @import { PoolReport } from '../../../contract/scaler-api.ts' */
/** @import { History } from './history.js' */
/** @import { Remark } from './attention.js' */

const unknown = '–';
/** Cells of a row after its name. */
export const columns = 6;

export class PoolRow {
  /** @type {HTMLElement} */
  node;
  /** @type {readonly Remark[]} */
  remarks = [];
  rank = 0;
  /** Whether the row is near the view; nothing is drawn out of sight. */
  visible = false;
  #name;
  #id;
  #row;
  #button;
  #sign = element('span', { class: 'sign', 'aria-hidden': 'true' });
  #state = element('td', { class: 'state' });
  #cells;
  #detail = element('tr', { class: 'detail', hidden: true });
  #card = /** @type {PoolCard | null} */ (null);

  /**
   * @param {string} name
   * @param {string} id of the card
   * @param {() => void} toggle
   */
  constructor(name, id, toggle) {
    this.#name = name;
    this.#id = id;
    this.#button = element(
      'button',
      { type: 'button', class: 'open', 'aria-expanded': 'false' },
      this.#sign,
      element('span', { class: 'name' }, name),
    );
    this.#cells = {
      requests: new NumberCell('requests', new MiniLine((sample) => sample.arrivals, 'main')),
      errors: new NumberCell('errors', new MiniLine(errorsOf, 'wrong')),
      latency: new NumberCell('latency', new MiniLine((sample) => sample.p99, 'main')),
      queue: new NumberCell('waiting', null),
      pods: new NumberCell('pods', null),
    };
    const cells = Object.values(this.#cells).map((cell) => cell.node);
    this.#row = element('tr', { class: 'row' }, element('th', { scope: 'row' }, this.#button), this.#state, ...cells);
    this.node = element('tbody', {}, this.#row, this.#detail);
    this.#row.addEventListener('click', (event) => {
      const target = event.target;
      // A click that ends a selection of text, or is meant for a link, opens nothing.
      if (target instanceof Element && target.closest('a') !== null) return;
      if (String(getSelection() ?? '') === '') toggle();
    });
  }

  /** Whether the pointer is over it, or the keyboard in it. */
  get isHeld() {
    return this.#row.matches(':hover') || this.#row.contains(document.activeElement);
  }

  get isOpen() {
    return !this.#detail.hidden;
  }

  /** @param {boolean} open */
  setOpen(open) {
    if (open === this.isOpen) return;
    if (this.#card === null) {
      this.#card = new PoolCard(this.#name, this.#id);
      this.#detail.append(element('td', { colspan: String(columns + 1) }, this.#card.node));
      this.#button.setAttribute('aria-controls', this.#id);
    }
    setShown(this.#detail, open);
    setAttribute(this.#button, 'aria-expanded', String(open));
    this.node.classList.toggle('is-open', open);
  }

  focus() {
    this.#button.focus();
  }

  /** @param {string} pod */
  flash(pod) {
    this.#card?.flash(pod);
  }

  /** @param {PoolReport} pool */
  judge(pool) {
    this.remarks = remarksOn(pool);
    this.rank = rankOf(this.remarks);
  }

  /**
   * @param {PoolReport} pool
   * @param {{ readonly history: History, readonly nowMs: number }} at
   */
  draw(pool, at) {
    const [worst, ...others] = this.remarks;
    setAttribute(this.#row, 'data-level', worst?.level ?? 'calm');
    if (!this.visible) return;
    setText(this.#sign, worst === undefined ? '●' : worst.level === 'bad' ? '◆' : '▲');
    const more = others.length === 0 ? '' : ` (+${others.length})`;
    const state = worst === undefined ? calmWords(pool, at.nowMs) : `${worst.brief}${more}`;
    setText(this.#state, state);
    setAttribute(this.#state, 'title', state);
    this.#drawCells(pool, at);
    if (this.isOpen) this.#card?.draw(pool, this.remarks, at);
  }

  /**
   * @param {PoolReport} pool
   * @param {{ readonly history: History, readonly nowMs: number }} at
   */
  #drawCells(pool, { history, nowMs }) {
    const { requests, errors, latency, queue, pods } = this.#cells;
    const answers = pool.answers ?? null;
    requests.set(pool.arrivalsPerS === null ? unknown : amount(pool.arrivalsPerS));
    errors.set(answers === null ? unknown : share(lostPerS(answers), answers), {
      bad: answers !== null && lostPerS(answers) > 0,
    });
    const limit = pool.objectiveMs === null ? '' : ` / ${duration(pool.objectiveMs)}`;
    latency.set(pool.p99Ms === null ? unknown : duration(pool.p99Ms), {
      bad: isOver(pool.p99Ms, pool.objectiveMs),
      aside: limit,
    });
    queue.set(amount(pool.queued), { bad: pool.queued > 0 && isDown(pool) });
    pods.set(`${pool.readyReplicas}`, {
      bad: isDown(pool),
      aside: ` / ${pool.desiredReplicas}`,
    });
    requests.line?.draw(history, pool.name, { nowMs, leastTop: 1 });
    errors.line?.draw(history, pool.name, { nowMs, leastTop: 1 });
    latency.line?.draw(history, pool.name, { nowMs, leastTop: (pool.objectiveMs ?? 1) * 1.1 });
  }
}

class NumberCell {
  /** @type {HTMLElement} */
  node;
  line;
  #value = element('span', { class: 'value' });
  #aside = element('span', { class: 'of' });

  /**
   * @param {string} name
   * @param {MiniLine | null} line
   */
  constructor(name, line) {
    this.line = line;
    const drawn = line === null ? [] : [line.node];
    const number = element('span', { class: 'number' }, this.#value, this.#aside);
    this.node = element('td', { class: `cell ${name}` }, element('div', {}, ...drawn, number));
  }

  /**
   * @param {string} value
   * @param {{ readonly bad?: boolean, readonly aside?: string }} [more]
   */
  set(value, { bad = false, aside = '' } = {}) {
    setText(this.#value, value);
    setText(this.#aside, aside);
    this.node.classList.toggle('bad', bad);
  }
}
