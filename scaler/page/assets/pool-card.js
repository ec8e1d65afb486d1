/** Card of one pool: its models, remarks, four charts of the last minutes, its pods, and why it has that many. */
import { remarksOn } from './attention.js';
import { element, setAttribute, setShown, setText } from './dom.js';
import { amount, duration } from './format.js';
import { Pods } from './pods.js';
import { Sparkline } from './sparkline.js';

/** @import { PoolReport } from '../../../contract/scaler-api.ts' */
/** @import { Remark } from './attention.js' */
/** @import { Sample } from './history.js' */
/** @import { Shown } from './sparkline.js' */

const unknown = '–';
/** Models that are not batched, beyond which the rest is only counted. */
const mostUnbatched = 8;

export class PoolCard {
  /** @type {HTMLElement} */
  node;
  /** @type {readonly Remark[]} */
  remarks = [];
  /** Whether the card is in view; charts and cells are drawn only then. */
  visible = false;
  #models = element('p', { class: 'models' });
  #unbatched = element('ul', { class: 'unbatched', hidden: true });
  #unbatchedText = '';
  #mode = element('span', { class: 'badge' });
  #remarks = element('ul', { class: 'remarks' });
  #why = element('span', { class: 'why' });
  #charts = {
    arrivals: new Sparkline(
      'Arrivals',
      [
        { name: 'main', value: (sample) => sample.arrivals },
        { name: 'second', value: (sample) => sample.forecast },
      ],
      (value) => `${amount(value)}/s`,
    ),
    queue: new Sparkline('Queued', [{ name: 'main', value: (sample) => sample.queued }], amount),
    latency: new Sparkline('Latency p99', [{ name: 'main', value: (sample) => sample.p99 }], duration),
    replicas: new Sparkline(
      'Replicas',
      [
        { name: 'main', value: (sample) => sample.ready, stepped: true },
        { name: 'second', value: (sample) => sample.desired, stepped: true },
      ],
      amount,
    ),
  };
  #pods;

  /**
   * @param {string} name
   * @param {string} id
   */
  constructor(name, id) {
    const title = element('h3', { id }, name);
    this.#pods = new Pods(name, this.#why);
    const { arrivals, queue, latency, replicas } = this.#charts;
    this.node = element(
      'article',
      { class: 'pool', 'aria-labelledby': id },
      element('header', {}, title, this.#mode, this.#models, this.#remarks),
      this.#unbatched,
      element('div', { class: 'charts' }, arrivals.node, queue.node, latency.node, replicas.node),
      this.#pods.node,
    );
  }

  /**
   * @param {PoolReport} pool
   * @param {readonly Sample[]} samples
   * @param {number} nowMs
   */
  draw(pool, samples, nowMs) {
    setText(this.#models, pool.models.join(', ') === pool.name ? '' : pool.models.join(', '));
    this.#showUnbatched(unbatchedLines(pool));
    setText(this.#mode, pool.mode === 'DryRun' ? 'dry run' : pool.mode.toLowerCase());
    setShown(this.#mode, pool.mode !== 'Active');
    setText(this.#why, pool.why);
    setShown(this.#why, pool.why !== '');
    this.#showRemarks(remarksOn(pool));
    const shown = shownOf(pool);
    for (const key of keysOf(this.#charts)) this.#charts[key].setValue(shown[key]);
    if (!this.visible) return;
    for (const key of keysOf(this.#charts)) this.#charts[key].draw(samples, nowMs, shown[key]);
    this.#pods.draw(pool);
  }

  /** @param {string} pod name of the pod that answered */
  flash(pod) {
    this.#pods.flash(pod);
  }

  /** @param {readonly string[]} lines */
  #showUnbatched(lines) {
    const text = lines.join('\n');
    if (text === this.#unbatchedText) return;
    this.#unbatchedText = text;
    setShown(this.#unbatched, lines.length > 0);
    this.#unbatched.replaceChildren(...lines.map((line) => element('li', {}, line)));
  }

  /** @param {readonly Remark[]} remarks */
  #showRemarks(remarks) {
    const key = (/** @type {readonly Remark[]} */ list) => list.map(({ level, text }) => `${level} ${text}`).join('\n');
    setAttribute(this.node, 'data-level', remarks[0]?.level ?? 'calm');
    if (key(remarks) === key(this.remarks)) return;
    this.remarks = remarks;
    this.#remarks.replaceChildren(...remarks.map(({ level, text }) => element('li', { class: level }, text)));
  }
}

/**
 * @template {object} T
 * @param {T} value
 * @returns {(keyof T)[]}
 */
function keysOf(value) {
  return /** @type {(keyof T)[]} */ (Object.keys(value));
}

/**
 * Models that are not batched, and why, in one line each.
 * @param {PoolReport} pool
 * @returns {string[]}
 */
function unbatchedLines({ unbatched }) {
  const lines = Object.entries(unbatched).map(([model, reason]) => `${model} is not batched: ${reason}`);
  const more = lines.length - mostUnbatched;
  return more > 0 ? [...lines.slice(0, mostUnbatched), `and ${more} more`] : lines;
}

/**
 * @param {PoolReport} pool
 * @returns {Record<'arrivals' | 'queue' | 'latency' | 'replicas', Shown>}
 */
function shownOf(pool) {
  const { objectiveMs, p99Ms, p50Ms, predictedWaitMs } = pool;
  const waits = pool.queued > 0 ? [`oldest ${duration(pool.oldestMs)}`] : [];
  if (predictedWaitMs !== null) waits.push(`wait ${duration(predictedWaitMs)}`);
  const latency = p50Ms === null ? [] : [`p50 ${duration(p50Ms)}`];
  latency.push(objectiveMs === null ? 'no objective' : `objective ${duration(objectiveMs)}`);
  const replicas = [`of ${pool.desiredReplicas} desired`];
  if (pool.drainingReplicas > 0) replicas.push(`${pool.drainingReplicas} draining`);
  if (pool.maxReplicas !== null) replicas.push(`max ${pool.maxReplicas}`);
  return {
    arrivals: {
      now: pool.arrivalsPerS === null ? unknown : `${amount(pool.arrivalsPerS)}/s`,
      aside: pool.forecastPerS === null ? 'no forecast yet' : `forecast ${amount(pool.forecastPerS)}/s`,
      leastTop: 1,
    },
    queue: {
      now: amount(pool.queued),
      aside: waits.join(', '),
      bad: isOver(predictedWaitMs, objectiveMs),
      leastTop: 4,
    },
    latency: {
      now: p99Ms === null ? unknown : duration(p99Ms),
      aside: latency.join(', '),
      bad: isOver(p99Ms, objectiveMs),
      mark: objectiveMs,
    },
    replicas: {
      now: String(pool.readyReplicas),
      aside: replicas.join(', '),
      bad: pool.readyReplicas === 0 && pool.desiredReplicas > 0,
      leastTop: 2,
    },
  };
}

/**
 * @param {number | null} value
 * @param {number | null} limit
 * @returns {boolean}
 */
function isOver(value, limit) {
  return value !== null && limit !== null && value > limit;
}
