/**
 * Pools as a table, worst first: needs attention, over its objective, sheds, the rest. A pool rises at once and sinks only after
 * a while, and nothing moves under a pointer or the keyboard, so that rows don't jump while data streams.
 */
import { byId, element, reconcile, setShown, setText } from './dom.js';
import { podStates } from './pods.js';
import { PoolRow } from './pool-row.js';

/** @import { PodReport, PoolReport, PoolsReport } from '../../../contract/scaler-api.ts' */
/** @import { History } from './history.js' */
/** @import { UrlState } from './url-state.js' */

/** @typedef {PodReport['state']} PodState */

/** Time for which rows stay where they are after the pointer or a key was used among them. */
const heldMs = 10_000;
/** Time for which a pool keeps its place after it has recovered. */
const sinksAfterMs = 15_000;

export class PoolTable {
  #history;
  #url;
  #list = byId('pool-list');
  /** @type {Map<string, PoolRow>} by name */
  #rows = new Map();
  /** @type {Map<Element, PoolRow>} */
  #byNode = new Map();
  /** Weight that places a pool, and until when it does. @type {Map<string, { rank: number, untilMs: number }>} */
  #places = new Map();
  /** @type {PoolsReport | null} */
  #report = null;
  /** @type {readonly string[]} */
  #order = [];
  #ids = 0;
  #usedMs = -Infinity;
  /** Pools that need attention, by the last report. */
  troubled = 0;
  /** @type {Map<string, HTMLElement>} by pod state */
  #legend = new Map();
  #observer = new IntersectionObserver((entries) => this.#onIntersect(entries), { rootMargin: '300px' });

  /**
   * @param {History} history
   * @param {UrlState} url
   */
  constructor(history, url) {
    this.#history = history;
    this.#url = url;
    for (const [state, { sign, words }] of Object.entries(podStates)) {
      const cell = element('span', { class: `pod ${state}`, 'aria-hidden': 'true' });
      cell.append(element('span', { class: 'sign' }, sign));
      this.#legend.set(state, element('li', { hidden: true }, cell, words));
    }
    for (const type of ['pointermove', 'keydown', 'focusin']) {
      this.#list.addEventListener(type, () => (this.#usedMs = performance.now()), { passive: true });
    }
    byId('legend').append(...this.#legend.values());
  }

  /** @param {PoolsReport} report */
  draw(report) {
    this.#report = report;
    const { pools } = report;
    const focused = document.activeElement;
    for (const { name } of pools) if (!this.#rows.has(name)) this.#rows.set(name, this.#make(name));
    for (const pool of pools) this.#rows.get(pool.name)?.judge(pool);
    this.#sort(pools, report.atMs);
    const head = byId('pool-head');
    reconcile(this.#list, this.#rows, this.#order, (name) => this.#make(name), head.nextElementSibling);
    // A row that moves loses the keyboard focus.
    if (focused !== document.activeElement && focused instanceof HTMLElement && focused.isConnected) focused.focus();
    for (const pool of pools) this.#drawOne(pool);
    this.filter();
    this.#showLegend(pools);
    this.#unobserveRemoved();
    this.#count(pools);
  }

  /** Shows the rows that match the filter of the URL, with the open ones open. */
  filter() {
    const pools = this.#report?.pools ?? [];
    const wanted = this.#url.find.trim().toLowerCase();
    let found = 0;
    for (const { name, models } of pools) {
      const matches = [name, ...models].some((one) => one.toLowerCase().includes(wanted));
      if (matches) found += 1;
      const row = this.#rows.get(name);
      if (row !== undefined) setShown(row.node, matches);
    }
    setText(byId('found'), wanted === '' ? '' : `${found} of ${pools.length}`);
    setText(
      byId('no-pools'),
      this.#report === null ? 'No report yet.' : pools.length === 0 ? 'No pools.' : 'No pool matches.',
    );
    setShown(byId('no-pools'), found === 0);
  }

  /** Draws rows and cards anew after the window or the view has changed. */
  redraw() {
    for (const pool of this.#report?.pools ?? []) this.#drawOne(pool);
  }

  /**
   * @param {string} model
   * @param {string} pod name of the pod that answered
   */
  flash(model, pod) {
    for (const { name, models } of this.#report?.pools ?? []) {
      if (models.includes(model)) this.#rows.get(name)?.flash(pod);
    }
  }

  /**
   * @param {string} name
   * @returns {PoolRow}
   */
  #make(name) {
    const row = new PoolRow(name, `pool-${(this.#ids += 1)}`, () => this.#toggle(name));
    this.#byNode.set(row.node, row);
    this.#observer.observe(row.node);
    row.setOpen(this.#url.isOpen(name));
    return row;
  }

  /** @param {string} name */
  #toggle(name) {
    const row = this.#rows.get(name);
    if (row === undefined) return;
    row.setOpen(!row.isOpen);
    this.#url.setOpen(name, row.isOpen);
    const pool = this.#report?.pools.find((one) => one.name === name);
    if (pool !== undefined) this.#drawOne(pool);
    this.#showLegend(this.#report?.pools ?? []);
  }

  /** @param {PoolReport} pool */
  #drawOne(pool) {
    this.#rows.get(pool.name)?.draw(pool, { history: this.#history, nowMs: this.#report?.atMs ?? 0 });
  }

  /**
   * @param {readonly PoolReport[]} pools
   * @param {number} nowMs
   */
  #sort(pools, nowMs) {
    const names = pools.map(({ name }) => name);
    for (const name of this.#places.keys()) if (!names.includes(name)) this.#places.delete(name);
    for (const name of names) {
      const rank = this.#rows.get(name)?.rank ?? 0;
      const place = this.#places.get(name);
      if (place === undefined || rank >= place.rank || nowMs >= place.untilMs) {
        this.#places.set(name, { rank, untilMs: nowMs + sinksAfterMs });
      }
    }
    const known = new Set(this.#order);
    const isSame = names.length === this.#order.length && names.every((name) => known.has(name));
    const isUsed = performance.now() - this.#usedMs < heldMs;
    if (isSame && isUsed && [...this.#rows.values()].some((row) => row.isHeld)) return;
    const rankOf = (/** @type {string} */ name) => this.#places.get(name)?.rank ?? 0;
    this.#order = names.sort((one, other) => rankOf(other) - rankOf(one) || one.localeCompare(other, 'en'));
  }

  /** Stops observing the rows of removed pools. */
  #unobserveRemoved() {
    for (const node of this.#byNode.keys()) {
      if (node.isConnected) continue;
      this.#observer.unobserve(node);
      this.#byNode.delete(node);
    }
  }

  /** @param {readonly IntersectionObserverEntry[]} entries */
  #onIntersect(entries) {
    for (const { target, isIntersecting } of entries) {
      const row = this.#byNode.get(target);
      if (row === undefined) continue;
      row.visible = isIntersecting;
      const pool = this.#report?.pools.find(({ name }) => this.#rows.get(name) === row);
      if (isIntersecting && pool !== undefined) this.#drawOne(pool);
    }
  }

  /** @param {readonly PoolReport[]} pools */
  #showLegend(pools) {
    const open = pools.filter(({ name }) => this.#rows.get(name)?.isOpen === true);
    const states = new Set(open.flatMap(({ pods }) => pods.map((pod) => pod.state)));
    for (const [state, node] of this.#legend) setShown(node, states.has(/** @type {PodState} */ (state)));
    setShown(byId('legend'), states.size > 0);
  }

  /** @param {readonly PoolReport[]} pools */
  #count(pools) {
    const troubled = pools.filter(({ name }) =>
      (this.#rows.get(name)?.remarks ?? []).some(({ level }) => level === 'bad'),
    );
    this.troubled = troubled.length;
  }
}
