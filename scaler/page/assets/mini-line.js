/** Line in a row of the table: no scale and no words, since the number stands beside it. Drawn every few seconds. */
import { setAttribute, shape } from './dom.js';
import { pathOf, rangeOf } from './paths.js';

/** @import { History, Sample } from './history.js' */

const width = 64;
const height = 18;

export class MiniLine {
  /** @type {SVGElement} */
  node;
  #value;
  #line;
  #fill;
  #drawnMs = -Infinity;
  #spanMs = 0;
  #samples = 0;

  /**
   * @param {(sample: Sample) => number | null} value
   * @param {string} name class of the line
   */
  constructor(value, name) {
    this.#value = value;
    this.#line = shape('path', { class: `line ${name}` });
    this.#fill = shape('path', { class: 'fill' });
    this.node = shape(
      'svg',
      { class: 'mini', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      this.#fill,
      this.#line,
    );
  }

  /**
   * @param {History} history
   * @param {string} pool
   * @param {{ readonly nowMs: number, readonly leastTop: number }} scale
   */
  draw(history, pool, { nowMs, leastTop }) {
    const { spanMs, gapMs } = history;
    const samples = history.of(pool);
    // Half a pixel of time: nothing that is drawn sooner can be seen. A history that has just come is drawn at once.
    const isDue = Math.abs(nowMs - this.#drawnMs) >= spanMs / width / 2 || spanMs !== this.#spanMs;
    if (!isDue && samples.length <= this.#samples + 5) return;
    this.#drawnMs = nowMs;
    this.#spanMs = spanMs;
    this.#samples = samples.length;
    const coarse = thinned(samples, this.#value, (2 * width) / 3);
    const value = this.#value;
    const highest = rangeOf(coarse, value)?.most ?? 0;
    const most = Math.max(leastTop, highest);
    // No errors are no alarm: their line has a colour once there are some.
    this.node.classList.toggle('flat', highest === 0);
    const frame = { width, height, nowMs, spanMs, gapMs: Math.max(gapMs, (4 * spanMs) / width), top: most * 1.05 || 1 };
    setAttribute(this.#line, 'd', pathOf(coarse, { name: 'main', value }, frame));
    setAttribute(this.#fill, 'd', pathOf(coarse, { name: 'fill', value }, frame));
  }
}

/**
 * Largest sample of each of some equal groups: a line of 64 pixels shows no more, and a spike stays visible.
 * @param {readonly Sample[]} samples
 * @param {(sample: Sample) => number | null} value
 * @param {number} groups
 * @returns {readonly Sample[]}
 */
function thinned(samples, value, groups) {
  const size = Math.ceil(samples.length / groups);
  if (size <= 1) return samples;
  /** @type {Sample[]} */
  const kept = [];
  for (let from = 0; from < samples.length; from += size) {
    let best = samples[from];
    for (const sample of samples.slice(from, from + size)) {
      if ((value(sample) ?? -1) > (best === undefined ? -1 : (value(best) ?? -1))) best = sample;
    }
    if (best !== undefined) kept.push(best);
  }
  return kept;
}
