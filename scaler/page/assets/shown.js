/** Values of now beside the charts of a pool. Pure, from one report. */
import { lostByKind, lostPerS, share } from './rates.js';
import { amount, duration } from './format.js';

/** @import { PoolReport } from '../../../contract/scaler-api.ts' */
/** @import { Shown } from './chart.js' */

const unknown = '–';

/**
 * @param {PoolReport} pool
 * @returns {Record<'arrivals' | 'errors' | 'queue' | 'latency' | 'replicas', Shown>}
 */
export function shownOf(pool) {
  const { objectiveMs, p99Ms, p50Ms, predictedWaitMs } = pool;
  const answers = pool.answers ?? null;
  const waits = pool.queued > 0 ? [`oldest ${duration(pool.oldestMs)}`] : [];
  if (predictedWaitMs !== null) waits.push(`wait ${duration(predictedWaitMs)}`);
  const latency = p50Ms === null ? [] : [`p50 ${duration(p50Ms)}`];
  latency.push(objectiveMs === null ? 'no objective' : `objective ${duration(objectiveMs)}`);
  const replicas = [`of ${pool.desiredReplicas} wanted`];
  if (pool.drainingReplicas > 0) replicas.push(`${pool.drainingReplicas} draining`);
  if (pool.maxReplicas !== null) replicas.push(`max ${pool.maxReplicas}`);
  return {
    arrivals: {
      now: pool.arrivalsPerS === null ? unknown : `${amount(pool.arrivalsPerS)}/s`,
      aside: pool.forecastPerS === null ? 'no forecast yet' : `forecast ${amount(pool.forecastPerS)}/s`,
      leastTop: 1,
    },
    errors: {
      now: answers === null ? unknown : share(lostPerS(answers), answers),
      aside: answers === null ? 'not known' : lostByKind(answers, (perS) => `${amount(perS)}/s`) || 'none',
      bad: answers !== null && lostPerS(answers) > 0,
      leastTop: 1,
    },
    latency: {
      now: p99Ms === null ? unknown : duration(p99Ms),
      aside: latency.join(', '),
      bad: isOver(p99Ms, objectiveMs),
      mark: objectiveMs,
    },
    queue: {
      now: amount(pool.queued),
      aside: waits.join(', '),
      bad: isOver(predictedWaitMs, objectiveMs),
      leastTop: 4,
    },
    replicas: {
      now: String(pool.readyReplicas),
      aside: replicas.join(', '),
      bad: isDown(pool),
      leastTop: 2,
    },
  };
}

/**
 * @param {number | null} value
 * @param {number | null} limit
 * @returns {boolean}
 */
export function isOver(value, limit) {
  return value !== null && limit !== null && value > limit;
}

/**
 * Whether a pool should have pods that serve and has none, for longer than a start takes: a pool that comes back from zero is well.
 * @param {PoolReport} pool
 * @returns {boolean}
 */
export function isDown({ readyReplicas, desiredReplicas, troubles }) {
  if (readyReplicas > 0 || desiredReplicas === 0) return false;
  // An older scaler tells no troubles.
  return troubles === undefined || troubles.some(({ condition }) => condition === 'Ready');
}
