/** Top line of the whole installation: requests, errors by kind, the worst p99 against its objective, pods, what waits. */
import { byId, element, setText } from './dom.js';
import { amount, duration } from './format.js';
import { endedPerS, lostByKind, lostPerS, share, sumOf } from './rates.js';
import { isDown } from './shown.js';

/** @import { PoolReport } from '../../../contract/scaler-api.ts' */

const labels = /** @type {const} */ (['requests/s', 'errors', 'worst p99', 'pods', 'waiting']);

/**
 * @typedef {object} Tile
 * @property {string} value
 * @property {string} aside
 * @property {boolean} [bad]
 */

export class Overview {
  #tiles = labels.map((label) => new TileNode(label));

  constructor() {
    byId('totals').append(...this.#tiles.map(({ node }) => node));
  }

  /** @param {readonly PoolReport[]} pools */
  draw(pools) {
    const tiles = [requests(pools), errors(pools), latency(pools), pods(pools), waiting(pools)];
    for (const [index, tile] of tiles.entries()) this.#tiles[index]?.draw(tile);
  }
}

class TileNode {
  /** @type {HTMLElement} */
  node;
  #value = element('dd', { class: 'big' });
  #aside = element('dd', { class: 'aside' });

  /** @param {string} label */
  constructor(label) {
    this.node = element('div', {}, element('dt', {}, label), this.#value, this.#aside);
  }

  /** @param {Tile} tile */
  draw({ value, aside, bad = false }) {
    setText(this.#value, value);
    setText(this.#aside, aside);
    if (this.#aside.title !== aside) this.#aside.title = aside;
    this.node.classList.toggle('bad', bad);
  }
}

/**
 * @param {readonly PoolReport[]} pools
 * @param {(pool: PoolReport) => number} of
 * @returns {number}
 */
function sum(pools, of) {
  return pools.reduce((total, pool) => total + of(pool), 0);
}

/**
 * @param {readonly PoolReport[]} pools
 * @returns {Tile}
 */
function requests(pools) {
  const rejected = sumOf(pools.map(({ answers }) => answers));
  const inFlight = `${amount(sum(pools, (pool) => pool.inFlight))} in flight`;
  const faulty =
    rejected === null || rejected.clientErrorsPerS === 0
      ? ''
      : `, ${share(rejected.clientErrorsPerS, rejected)} faulty (4xx)`;
  return { value: amount(sum(pools, (pool) => pool.arrivalsPerS ?? 0)), aside: `${inFlight}${faulty}` };
}

/**
 * @param {readonly PoolReport[]} pools
 * @returns {Tile}
 */
function errors(pools) {
  const rates = sumOf(pools.map(({ answers }) => answers));
  if (rates === null || endedPerS(rates) === 0) return { value: '–', aside: 'no requests' };
  const of = (/** @type {number} */ perS) => share(perS, rates);
  return { value: of(lostPerS(rates)), aside: lostByKind(rates, of) || 'none', bad: lostPerS(rates) > 0 };
}

/**
 * @param {readonly PoolReport[]} pools
 * @returns {Tile} the pool that is worst against its objective; without objectives the slowest
 */
function latency(pools) {
  const weight = (/** @type {PoolReport} */ { p99Ms, objectiveMs }) =>
    p99Ms === null ? -1 : objectiveMs === null ? p99Ms / 1e9 : p99Ms / objectiveMs;
  /** @type {PoolReport | null} */
  let worst = null;
  for (const pool of pools) if (worst === null || weight(pool) > weight(worst)) worst = pool;
  if (worst === null || worst.p99Ms === null) return { value: '–', aside: 'nothing answered lately' };
  const { name, p99Ms, objectiveMs } = worst;
  const aside = objectiveMs === null ? `${name}, no objective` : `of ${duration(objectiveMs)}, ${name}`;
  return { value: duration(p99Ms), aside, bad: objectiveMs !== null && p99Ms > objectiveMs };
}

/**
 * @param {readonly PoolReport[]} pools
 * @returns {Tile}
 */
function pods(pools) {
  const ready = sum(pools, (pool) => pool.readyReplicas);
  const states = pools.flatMap((pool) => pool.pods.map(({ state }) => state));
  const count = (/** @type {readonly string[]} */ wanted) => states.filter((state) => wanted.includes(state)).length;
  const parts = [
    [count(['ejected', 'crash-looping', 'foreign-drain', 'joining']), 'out'],
    [count(['pending', 'starting']), 'starting'],
    [count(['draining', 'terminating']), 'leaving'],
  ].flatMap(([number, what]) => (Number(number) > 0 ? [`${number} ${what}`] : []));
  return {
    value: `${ready} / ${sum(pools, (pool) => pool.desiredReplicas)}`,
    aside: parts.length === 0 ? 'ready / wanted' : parts.join(', '),
    bad: pools.some((pool) => isDown(pool)),
  };
}

/**
 * @param {readonly PoolReport[]} pools
 * @returns {Tile}
 */
function waiting(pools) {
  const queued = sum(pools, (pool) => pool.queued);
  const oldestMs = Math.max(0, ...pools.map((pool) => pool.oldestMs));
  return {
    value: amount(queued),
    aside: queued === 0 ? 'nothing' : `oldest ${duration(oldestMs)}`,
    bad: pools.some((pool) => pool.queued > 0 && isDown(pool)),
  };
}
