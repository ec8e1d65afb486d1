/** Paths of lines in charts: pure geometry over samples. */

/** @import { Sample } from './history.js' */

/** Margin for half a stroke at the edges. */
const inset = 1.5;

/**
 * @typedef {object} Line
 * @property {string} name class of the path; a `fill` is closed along the lower edge
 * @property {(sample: Sample) => number | null} value
 * @property {boolean} [stepped]
 * @property {string} [words] name beside its value under the cursor
 */

/**
 * @typedef {object} Frame
 * @property {number} width
 * @property {number} height
 * @property {number} nowMs right edge
 * @property {number} spanMs
 * @property {number} gapMs longest gap that a line bridges
 * @property {number} top value at the upper edge
 */

/**
 * @param {readonly Sample[]} samples ascending
 * @param {Line} line
 * @param {Frame} frame
 * @returns {string} `d` of a path; empty without samples
 */
export function pathOf(samples, line, frame) {
  const { height, nowMs, spanMs, gapMs } = frame;
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
    if (value === null || sample.atMs < nowMs - spanMs) {
      close();
      continue;
    }
    if (sample.atMs - last > gapMs) close();
    const at = xOf(sample.atMs, frame);
    const y = yOf(value, frame);
    if (last === -Infinity) {
      parts.push(`M${at} ${y}`);
      from = at;
    } else {
      parts.push(line.stepped === true ? `H${at}V${y}` : `L${at} ${y}`);
    }
    last = sample.atMs;
    lastX = at;
  }
  close();
  return parts.join('');
}

/**
 * @param {number} atMs
 * @param {Pick<Frame, 'width' | 'nowMs' | 'spanMs'>} frame
 * @returns {number}
 */
export function xOf(atMs, { width, nowMs, spanMs }) {
  return round(width * (1 - (nowMs - atMs) / spanMs));
}

/**
 * @param {number} value
 * @param {Pick<Frame, 'height' | 'top'>} frame
 * @returns {number}
 */
export function yOf(value, { height, top }) {
  return round(height - inset - (value / top) * (height - 2 * inset));
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
 * @param {readonly Sample[]} samples ascending
 * @param {number} atMs
 * @returns {Sample | null} the one that is nearest in time
 */
export function nearest(samples, atMs) {
  let low = 0;
  let high = samples.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((samples[middle]?.atMs ?? 0) < atMs) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [samples[low - 1], samples[low]];
  if (before === undefined || after === undefined) return after ?? before ?? null;
  return atMs - before.atMs < after.atMs - atMs ? before : after;
}

/**
 * @param {number} value
 * @returns {number}
 */
function round(value) {
  return Math.round(value * 10) / 10;
}
