/** List of all pools in the order of the report, with a search box when there are many; cards are drawn when in view. */
import { byId, element, reconcile, setAttribute, setShown, setText } from './dom.js';
import { amount, counted } from './format.js';
import { PoolCard } from './pool-card.js';
import { podStates } from './pods.js';

/** @import { PodReport, PoolReport, PoolsReport } from '../../../contract/scaler-api.ts' */
/** @import { History } from './history.js' */

/** @typedef {PodReport['state']} PodState */

/**
 * @typedef {object} RemarkRow
 * @property {HTMLElement} node
 * @property {HTMLElement} text
 */

/** Number of pools from which on the search box is shown. */
const manyPools = 7;
const maxAttention = 6;

export class PoolList {
  #history;
  #list = byId('pool-list');
  #find = /** @type {HTMLInputElement} */ (byId('find'));
  /** @type {Map<string, PoolCard>} by name */
  #cards = new Map();
  /** @type {Map<Element, PoolCard>} */
  #byNode = new Map();
  /** @type {PoolsReport | null} */
  #report = null;
  #ids = 0;
  /** @type {Map<string, HTMLElement>} by pod state */
  #legend = new Map();
  /** @type {Map<string, RemarkRow>} pools that need attention, by name */
  #remarks = new Map();
  #observer = new IntersectionObserver((entries) => this.#onIntersect(entries), { rootMargin: '300px' });

  /** @param {History} history */
  constructor(history) {
    this.#history = history;
    this.#find.addEventListener('input', () => this.#filter());
    for (const [state, { sign, words }] of Object.entries(podStates)) {
      const cell = element('span', { class: `pod ${state}`, 'aria-hidden': 'true' });
      cell.append(element('span', { class: 'sign' }, sign));
      this.#legend.set(state, element('li', { hidden: true }, cell, words));
    }
    byId('legend').append(...this.#legend.values());
  }

  /** @param {PoolsReport} report */
  draw(report) {
    this.#report = report;
    const { pools } = report;
    reconcile(
      this.#list,
      this.#cards,
      pools.map((pool) => pool.name),
      (name) => this.#make(name),
    );
    for (const pool of pools) this.#drawOne(pool);
    setText(byId('no-pools'), 'No pools.');
    setShown(byId('no-pools'), pools.length === 0);
    setShown(byId('find-box'), pools.length >= manyPools);
    this.#filter();
    const states = new Set(pools.flatMap(({ pods }) => pods.map((pod) => pod.state)));
    for (const [state, node] of this.#legend) setShown(node, states.has(/** @type {PodState} */ (state)));
    this.#unobserveRemoved();
    this.#totals(pools);
    this.#attention(pools);
  }

  /** Stops observing the cards of removed pools. */
  #unobserveRemoved() {
    for (const node of this.#byNode.keys()) {
      if (node.isConnected) continue;
      this.#observer.unobserve(node);
      this.#byNode.delete(node);
    }
  }

  /**
   * @param {string} model
   * @param {string} pod name of the pod that answered
   */
  flash(model, pod) {
    for (const { name, models } of this.#report?.pools ?? []) {
      if (models.includes(model)) this.#cards.get(name)?.flash(pod);
    }
  }

  /**
   * @param {string} name
   * @returns {PoolCard}
   */
  #make(name) {
    const card = new PoolCard(name, `pool-${(this.#ids += 1)}`);
    this.#byNode.set(card.node, card);
    this.#observer.observe(card.node);
    return card;
  }

  /** @param {PoolReport} pool */
  #drawOne(pool) {
    this.#cards.get(pool.name)?.draw(pool, this.#history.of(pool.name), this.#report?.atMs ?? 0);
  }

  /** @param {readonly IntersectionObserverEntry[]} entries */
  #onIntersect(entries) {
    for (const { target, isIntersecting } of entries) {
      const card = this.#byNode.get(target);
      if (card === undefined) continue;
      card.visible = isIntersecting;
      const pool = this.#report?.pools.find(({ name }) => this.#cards.get(name) === card);
      if (isIntersecting && pool !== undefined) this.#drawOne(pool);
    }
  }

  #filter() {
    const wanted = this.#find.value.trim().toLowerCase();
    const pools = this.#report?.pools ?? [];
    let found = 0;
    for (const { name, models } of pools) {
      const matches = [name, ...models].some((one) => one.toLowerCase().includes(wanted));
      if (matches) found += 1;
      const card = this.#cards.get(name);
      if (card !== undefined) setShown(card.node, matches);
    }
    setText(byId('found'), wanted === '' ? '' : `${found} of ${pools.length}`);
  }

  /** @param {readonly PoolReport[]} pools */
  #totals(pools) {
    const sum = (/** @type {(pool: PoolReport) => number} */ of) => pools.reduce((total, pool) => total + of(pool), 0);
    const ready = sum((pool) => pool.readyReplicas);
    const measured = pools.filter((pool) => pool.objectiveMs !== null && pool.p99Ms !== null);
    const met = measured.filter((pool) => (pool.p99Ms ?? 0) <= (pool.objectiveMs ?? 0)).length;
    const rows = [
      ['requests/s', amount(sum((pool) => pool.arrivalsPerS ?? 0))],
      ['queued', amount(sum((pool) => pool.queued))],
      ['in flight', amount(sum((pool) => pool.inFlight))],
      ['pods ready', `${ready} / ${sum((pool) => pool.desiredReplicas)}`],
      ['objectives met', measured.length === 0 ? '–' : `${met} / ${measured.length}`],
    ];
    const totals = byId('totals');
    if (totals.childElementCount === 0) {
      totals.append(...rows.map(([label]) => element('div', {}, element('dt', {}, label ?? ''), element('dd'))));
    }
    for (const [index, value] of totals.querySelectorAll('dd').entries()) setText(value, rows[index]?.[1] ?? '');
  }

  /** @param {readonly PoolReport[]} pools */
  #attention(pools) {
    const worst = pools.flatMap(({ name }) => {
      const [remark, ...others] = this.#cards.get(name)?.remarks ?? [];
      if (remark === undefined) return [];
      const more = others.length > 0 ? `, and ${counted(others.length, 'thing')} more` : '';
      return [{ name, level: remark.level, text: ` ${remark.text}${more}` }];
    });
    worst.sort((one, other) => Number(other.level === 'bad') - Number(one.level === 'bad'));
    document.title = worst.length === 0 ? 'Sluice' : `(${worst.length}) Sluice`;
    setShown(byId('calm'), worst.length === 0);
    const shown = worst.slice(0, maxAttention);
    // Rows that stay are not touched, since one may have the keyboard focus or a pressed button.
    reconcile(
      byId('attention'),
      this.#remarks,
      shown.map(({ name }) => name),
      (name) => this.#remarkOn(name),
    );
    for (const { name, level, text } of shown) {
      const row = /** @type {RemarkRow} */ (this.#remarks.get(name));
      setAttribute(row.node, 'class', level);
      setText(row.text, text);
    }
    const rest = worst.length - shown.length;
    setShown(byId('more-attention'), rest > 0);
    setText(byId('more-attention'), `and ${counted(rest, 'pool')} more`);
  }

  /**
   * @param {string} name
   * @returns {RemarkRow}
   */
  #remarkOn(name) {
    const href = `#${this.#cards.get(name)?.node.getAttribute('aria-labelledby') ?? ''}`;
    const text = element('span');
    return { node: element('li', {}, element('a', { href }, name), text), text };
  }
}
