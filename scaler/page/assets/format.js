/** Formats numbers and times for people: two or three significant digits and a unit. */

/**
 * @param {number} value
 * @returns {string} '0', '4.2', '42', '1.2k', '3.4M'
 */
export function amount(value) {
  if (value >= 999_500) return `${digits(value / 1e6)}M`;
  if (value >= 999.5) return `${digits(value / 1e3)}k`;
  return digits(value);
}

/**
 * @param {number} value
 * @returns {string}
 */
function digits(value) {
  if (value >= 9.95) return String(Math.round(value));
  return String(Math.round(value * 10) / 10);
}

/**
 * @param {number} ms
 * @returns {string} '0.4 ms', '42 ms', '1.2 s', '3 min'
 */
export function duration(ms) {
  if (ms < 999.5) return `${digits(ms)} ms`;
  if (ms < 99_500) return `${digits(ms / 1000)} s`;
  if (ms < 5_940_000) return `${Math.round(ms / 60_000)} min`;
  return `${digits(ms / 3_600_000)} h`;
}

const clockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/**
 * @param {number} atMs
 * @returns {string} '14:03:07' in the browser's time zone
 */
export function clock(atMs) {
  return clockFormat.format(atMs);
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 * @returns {string} '1 pod', '2 pods'
 */
export function counted(count, one, many = `${one}s`) {
  return `${amount(count)} ${count === 1 ? one : many}`;
}

/**
 * @param {number | string | null} value from a decision's inputs
 * @returns {string}
 */
export function plain(value) {
  if (value === null) return '–';
  if (typeof value === 'string') return value;
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(4)));
}
