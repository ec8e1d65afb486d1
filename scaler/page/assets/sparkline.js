/** Chart of the last minutes: a figure with a label, the current value, and a text alternative for the lines. */
import { element, setAttribute, setText, shape } from './dom.js';
import { gapMs, windowMs } from './history.js';

/** @import { Sample } from './history.js' */

const width = 240;
const height = 44;
/** Margin for half a stroke at the edges. */
const inset = 2;

/**
 * @typedef {object} Line
 * @property {string} name class of the path; a `fill` is closed along the lower edge
 * @property {(sample: Sample) => number | null} value
 * @property {boolean} [stepped]
 */

/**
 * @param {readonly Sample[]} samples ascending
 * @param {Line} line
 * @param {number} nowMs right edge
 * @param {number} top value at the upper edge
 * @returns {string} `d` of a path; empty without samples
 */
export function pathOf(samples, line, nowMs, top) {
  const y = (/** @type {number} */ value) => round(height - inset - (value / top) * (height - 2 * inset));
  const x = (/** @type {number} */ atMs) => round(width * (1 - (nowMs - atMs) / windowMs));
  const parts = [];
  let last = -Infinity;
  let from = 0;
  let lastX = 0;
  const close = () => {
    if (line.name === 'fill' && last !== -Infinity) parts.push(`L${lastX} ${height}L${from} ${height}Z`);
    last = -Infinity;
  };
  for (const sample of samples) {
    const value = line.value(sample);
    if (value === null || sample.atMs < nowMs - windowMs) {
      close();
      continue;
    }
    if (sample.atMs - last > gapMs) close();
    const at = x(sample.atMs);
    if (last === -Infinity) {
      parts.push(`M${at} ${y(value)}`);
      from = at;
    } else {
      parts.push(line.stepped === true ? `H${at}V${y(value)}` : `L${at} ${y(value)}`);
    }
    last = sample.atMs;
    lastX = at;
  }
  close();
  return parts.join('');
}

/**
 * @param {number} value
 * @returns {number}
 */
function round(value) {
  return Math.round(value * 10) / 10;
}

/**
 * @param {readonly Sample[]} samples
 * @param {(sample: Sample) => number | null} value
 * @returns {{ least: number, most: number } | null}
 */
export function rangeOf(samples, value) {
  let least = Infinity;
  let most = -Infinity;
  for (const sample of samples) {
    const one = value(sample);
    if (one === null) continue;
    if (one < least) least = one;
    if (one > most) most = one;
  }
  return most === -Infinity ? null : { least, most };
}

/**
 * @typedef {object} Shown
 * @property {string} now
 * @property {string} aside
 * @property {boolean} [bad]
 * @property {number | null} [mark] value marked by a horizontal rule
 * @property {number} [leastTop] lowest upper end of the scale
 */

export class Sparkline {
  /** @type {HTMLElement} */
  node;
  #label;
  #lines;
  #unit;
  #now = element('b');
  #aside = element('p', { class: 'aside' });
  #top = element('span', { class: 'top-value', 'aria-hidden': 'true' });
  #svg = shape('svg', { role: 'img', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none' });
  #rule = shape('line', { class: 'rule', x1: '0', x2: String(width) });
  /** @type {SVGElement[]} */
  #paths;

  /**
   * @param {string} label
   * @param {readonly Line[]} lines the first one is filled, and described by the text alternative
   * @param {(value: number) => string} unit
   */
  constructor(label, lines, unit) {
    const filled = lines.slice(0, 1).map((line) => ({ ...line, name: 'fill' }));
    this.#label = label;
    this.#lines = [...lines, ...filled];
    this.#unit = unit;
    this.#paths = this.#lines.map((line) => shape('path', { class: `line ${line.name}` }));
    const grid = shape('line', { class: 'grid', x1: '0', x2: String(width), y1: String(height), y2: String(height) });
    this.#rule.setAttribute('y1', '-10');
    this.#rule.setAttribute('y2', '-10');
    this.#svg.append(grid, ...this.#paths, this.#rule);
    const caption = element('figcaption', {}, element('span', { class: 'label' }, label), this.#now);
    const plot = element('div', { class: 'plot' }, this.#top, this.#svg);
    this.node = element('figure', { class: 'chart' }, caption, plot, this.#aside);
  }

  /** @param {Shown} shown */
  setValue(shown) {
    setText(this.#now, shown.now);
    setText(this.#aside, shown.aside);
    this.node.classList.toggle('bad', shown.bad === true);
  }

  /**
   * @param {readonly Sample[]} samples
   * @param {number} nowMs
   * @param {Shown} shown
   */
  draw(samples, nowMs, { now, aside, mark = null, leastTop = 0 }) {
    let most = Math.max(leastTop, mark === null ? 0 : mark * 1.2);
    for (const line of this.#lines) most = Math.max(most, rangeOf(samples, line.value)?.most ?? 0);
    const top = most === 0 ? 1 : most * 1.05;
    for (const [index, line] of this.#lines.entries()) {
      setAttribute(/** @type {SVGElement} */ (this.#paths[index]), 'd', pathOf(samples, line, nowMs, top));
    }
    const y = mark === null ? -10 : round(height - inset - (mark / top) * (height - 2 * inset));
    setAttribute(this.#rule, 'y1', String(y));
    setAttribute(this.#rule, 'y2', String(y));
    const range = rangeOf(samples, /** @type {Line} */ (this.#lines[0]).value);
    setText(this.#top, range === null ? '' : this.#unit(most));
    const over = range === null ? 'no data yet' : `between ${this.#unit(range.least)} and ${this.#unit(range.most)}`;
    setAttribute(this.#svg, 'aria-label', `${this.#label}: ${now}, ${aside}; in the last 5 minutes ${over}`);
  }
}
