/**
 * Charts of one pool over one time axis. A pointer over any of them, or arrow keys on the axis, choose a time; every chart then
 * shows its value of that time.
 */
import { Chart } from './chart.js';
import { element, setAttribute, setText } from './dom.js';
import { amount, clock, duration } from './format.js';
import { errorsOf, windows } from './history.js';
import { nearest } from './paths.js';
import { shownOf } from './shown.js';

/** @import { PoolReport } from '../../../contract/scaler-api.ts' */
/** @import { Span } from './chart.js' */
/** @import { History, Sample } from './history.js' */

/** Samples that Page Up and Page Down go. */
const pageSamples = 30;

export class Charts {
  /** @type {HTMLElement} */
  node;
  #charts = {
    arrivals: new Chart(
      'Requests',
      [
        { name: 'main', value: (sample) => sample.arrivals },
        { name: 'second', words: 'forecast', value: (sample) => sample.forecast },
      ],
      (value) => `${amount(value)}/s`,
    ),
    errors: new Chart(
      'Errors',
      [
        { name: 'wrong', value: errorsOf },
        { name: 'second', words: 'shed', value: (sample) => sample.shed },
      ],
      (value) => `${amount(value)}/s`,
    ),
    latency: new Chart('Latency p99', [{ name: 'main', value: (sample) => sample.p99 }], duration),
    queue: new Chart('Waiting', [{ name: 'main', value: (sample) => sample.queued }], amount),
    replicas: new Chart(
      'Pods',
      [
        { name: 'main', value: (sample) => sample.ready, stepped: true },
        { name: 'second', words: 'wanted', value: (sample) => sample.desired, stepped: true },
      ],
      amount,
    ),
  };
  #all = Object.values(this.#charts);
  #from = element('span');
  #at = element('b');
  #to = element('span');
  #axis;
  /** @type {readonly Sample[]} */
  #samples = [];
  /** @type {Span} */
  #span = { nowMs: 0, spanMs: 1, gapMs: 0, words: '' };
  /** Time that is pointed at. @type {number | null} */
  #cursorMs = null;

  /** @param {string} pool */
  constructor(pool) {
    this.#axis = element(
      'div',
      {
        class: 'axis',
        role: 'slider',
        tabindex: '0',
        'aria-label': `Time in the charts of ${pool}`,
        'aria-valuemax': '0',
      },
      this.#from,
      this.#at,
      this.#to,
    );
    this.node = element('div', { class: 'charts' }, ...this.#all.map((chart) => chart.node), this.#axis);
    this.node.addEventListener('pointermove', (event) => this.#hover(event.clientX));
    this.node.addEventListener('pointerleave', () => this.#choose(null));
    this.#axis.addEventListener('keydown', (event) => this.#key(event));
    this.#axis.addEventListener('blur', () => this.#choose(null));
  }

  /** @param {PoolReport} pool */
  setValues(pool) {
    const shown = shownOf(pool);
    for (const key of /** @type {(keyof typeof shown)[]} */ (Object.keys(shown)))
      this.#charts[key].setValue(shown[key]);
  }

  /**
   * @param {History} history
   * @param {string} pool
   * @param {number} nowMs
   */
  draw(history, pool, nowMs) {
    const { spanMs, gapMs, window } = history;
    this.#samples = history.of(pool);
    this.#span = { nowMs, spanMs, gapMs, words: windows[window].words };
    for (const chart of this.#all) chart.draw(this.#samples, this.#span);
    setText(this.#from, clock(nowMs - spanMs));
    setText(this.#to, clock(nowMs));
    setAttribute(this.#axis, 'aria-valuemin', String(-Math.round(spanMs / 1_000)));
    this.#choose(this.#cursorMs !== null && this.#cursorMs < nowMs - spanMs ? null : this.#cursorMs);
  }

  /** @param {number} clientX */
  #hover(clientX) {
    const { left, width } = this.#all[0]?.box ?? { left: 0, width: 0 };
    const share = (clientX - left) / width;
    const { nowMs, spanMs } = this.#span;
    this.#choose(share >= 0 && share <= 1 ? nowMs - spanMs * (1 - share) : null);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const samples = this.#samples;
    const last = samples.length - 1;
    const chosen = this.#cursorMs === null ? null : nearest(samples, this.#cursorMs);
    const at = chosen === null ? last + 1 : samples.indexOf(chosen);
    const to = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - pageSamples,
      PageUp: at + pageSamples,
      Home: 0,
      End: last,
      Escape: -1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#choose(event.key === 'Escape' ? null : (samples[Math.max(0, Math.min(last, to))]?.atMs ?? null));
  }

  /** @param {number | null} atMs */
  #choose(atMs) {
    this.#cursorMs = atMs;
    const sample = atMs === null ? null : nearest(this.#samples, atMs);
    const words = this.#all.map((chart) => chart.point(sample, this.#span));
    const time = sample === null ? '' : clock(sample.atMs);
    setText(this.#at, time);
    const agoS = sample === null ? 0 : Math.round((sample.atMs - this.#span.nowMs) / 1_000);
    setAttribute(this.#axis, 'aria-valuenow', String(agoS));
    setAttribute(this.#axis, 'aria-valuetext', sample === null ? 'now' : `${time}: ${words.join(', ')}`);
  }
}
