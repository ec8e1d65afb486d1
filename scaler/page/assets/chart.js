/** Chart of one quantity over the chosen window: label, lines, the value of now, or of the time under the cursor. */
import { element, setAttribute, setText, shape } from './dom.js';
import { pathOf, rangeOf, xOf, yOf } from './paths.js';

/** @import { Sample } from './history.js' */
/** @import { Line } from './paths.js' */

const width = 600;
const height = 40;
const away = '-10';

/**
 * @typedef {object} Shown
 * @property {string} now
 * @property {string} aside
 * @property {boolean} [bad]
 * @property {number | null} [mark] value marked by a horizontal rule
 * @property {number} [leastTop] lowest upper end of the scale
 */

/** @typedef {{ readonly nowMs: number, readonly spanMs: number, readonly gapMs: number, readonly words: string }} Span */

export class Chart {
  /** @type {HTMLElement} */
  node;
  label;
  #lines;
  #unit;
  #now = element('b');
  #aside = element('span', { class: 'aside' });
  #top = element('span', { class: 'top-value', 'aria-hidden': 'true' });
  #svg = shape('svg', { role: 'img', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none' });
  #rule = shape('line', { class: 'rule', x1: '0', x2: String(width), y1: away, y2: away });
  #cursor = shape('line', { class: 'cursor', x1: away, x2: away, y1: '0', y2: String(height) });
  /** @type {SVGElement[]} */
  #paths;
  /** Value and remark of now, shown while no time is pointed at. */
  #shown = /** @type {Shown} */ ({ now: '', aside: '' });
  #pointed = false;

  /**
   * @param {string} label
   * @param {readonly Line[]} lines the first one is filled, and described by the text alternative
   * @param {(value: number) => string} unit
   */
  constructor(label, lines, unit) {
    const filled = lines.slice(0, 1).map((line) => ({ ...line, name: 'fill' }));
    this.label = label;
    this.#lines = [...filled, ...lines];
    this.#unit = unit;
    this.#paths = this.#lines.map((line) => shape('path', { class: `line ${line.name}` }));
    const grid = shape('line', { class: 'grid', x1: '0', x2: String(width), y1: String(height), y2: String(height) });
    this.#svg.append(grid, ...this.#paths, this.#rule, this.#cursor);
    this.node = element(
      'figure',
      { class: 'chart' },
      element('figcaption', {}, element('span', { class: 'label' }, label), this.#now, this.#aside),
      element('div', { class: 'plot' }, this.#top, this.#svg),
    );
  }

  /** Box of the drawing, to tell which time a pointer means. */
  get box() {
    return this.#svg.getBoundingClientRect();
  }

  /** @param {Shown} shown */
  setValue(shown) {
    this.#shown = shown;
    this.node.classList.toggle('bad', shown.bad === true);
    if (!this.#pointed) this.#write(shown.now, shown.aside);
  }

  /**
   * @param {readonly Sample[]} samples
   * @param {Span} span
   */
  draw(samples, { nowMs, spanMs, gapMs, words }) {
    const { now, aside, mark = null, leastTop = 0 } = this.#shown;
    let most = Math.max(leastTop, mark === null ? 0 : mark * 1.2);
    for (const line of this.#lines) most = Math.max(most, rangeOf(samples, line.value)?.most ?? 0);
    const frame = { width, height, nowMs, spanMs, gapMs, top: most === 0 ? 1 : most * 1.05 };
    for (const [index, line] of this.#lines.entries()) {
      setAttribute(/** @type {SVGElement} */ (this.#paths[index]), 'd', pathOf(samples, line, frame));
    }
    const y = mark === null ? away : String(yOf(mark, frame));
    setAttribute(this.#rule, 'y1', y);
    setAttribute(this.#rule, 'y2', y);
    const range = rangeOf(samples, /** @type {Line} */ (this.#lines[0]).value);
    this.node.classList.toggle('flat', (range?.most ?? 0) === 0);
    setText(this.#top, range === null ? '' : this.#unit(most));
    const over = range === null ? 'no data yet' : `between ${this.#unit(range.least)} and ${this.#unit(range.most)}`;
    setAttribute(this.#svg, 'aria-label', `${this.label}: ${now}, ${aside}; in the last ${words} ${over}`);
  }

  /**
   * Shows the values at a time; null goes back to those of now.
   * @param {Sample | null} sample
   * @param {Span} span
   * @returns {string} the values in words
   */
  point(sample, span) {
    this.#pointed = sample !== null;
    const x = sample === null ? away : String(xOf(sample.atMs, { width, ...span }));
    setAttribute(this.#cursor, 'x1', x);
    setAttribute(this.#cursor, 'x2', x);
    if (sample === null) {
      this.#write(this.#shown.now, this.#shown.aside);
      return '';
    }
    const [main, ...others] = this.#lines.slice(1).map((line) => {
      const value = line.value(sample);
      return value === null ? '–' : this.#unit(value);
    });
    const names = this.#lines.slice(2).map((line) => line.words ?? '');
    const aside = others.map((value, index) => `${names[index] ?? ''} ${value}`.trim()).join(', ');
    this.#write(main ?? '–', aside);
    return `${this.label} ${main ?? '–'}`;
  }

  /**
   * @param {string} now
   * @param {string} aside
   */
  #write(now, aside) {
    setText(this.#now, now);
    setText(this.#aside, aside);
  }
}
