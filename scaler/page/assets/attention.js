/** What of a pool deserves a person's look, the worst first: pure, from one report. */
import { counted, duration } from './format.js';

/** @import { PoolReport } from '../../../contract/scaler-api.ts' */

/**
 * @typedef {object} Remark
 * @property {'bad' | 'warn'} level
 * @property {string} text
 */

/** Of Kubernetes' conditions most are good when True; these are not. */
const goodWhenFalse = new Set(['ScalingLimited']);

/**
 * @param {PoolReport} pool
 * @returns {Remark[]}
 */
export function remarksOn(pool) {
  /** @type {Remark[]} */
  const remarks = [];
  const bad = (/** @type {string} */ text) => remarks.push({ level: 'bad', text });
  const warn = (/** @type {string} */ text) => remarks.push({ level: 'warn', text });
  const of = (/** @type {string} */ state) => pool.pods.filter((pod) => pod.state === state).length;

  const ejected = of('ejected');
  if (ejected > 0) bad(`${counted(ejected, 'pod')} ejected`);
  const crashing = of('crash-looping');
  if (crashing > 0) bad(`${counted(crashing, 'pod')} crash-looping`);
  if (pool.objectiveMs !== null && pool.p99Ms !== null && pool.p99Ms > pool.objectiveMs) {
    bad(`p99 ${duration(pool.p99Ms)}, over the objective of ${duration(pool.objectiveMs)}`);
  }
  if (pool.queued > 0 && pool.readyReplicas === 0) {
    warn(`${counted(pool.queued, 'request')} held, no pod is ready`);
  } else if (pool.objectiveMs !== null && pool.predictedWaitMs !== null && pool.predictedWaitMs > pool.objectiveMs) {
    warn(`predicted wait ${duration(pool.predictedWaitMs)}`);
  }
  for (const { type, status, reason } of pool.conditions) {
    const good = goodWhenFalse.has(type) ? 'False' : 'True';
    if (status === good) continue;
    // What was asked for, or has no reason to be otherwise.
    const rests = pool.replicas === 0 && pool.queued === 0;
    if (type === 'ScalingActive' && (pool.mode === 'Paused' || rests)) continue;
    if (type === 'ScalingLimited' && reason === 'AtMinimum') continue;
    const text = `${words(type)}: ${goodWhenFalse.has(type) ? words(reason) : `no, ${words(reason)}`}`;
    if (type === 'AbleToScale' && status === 'False') bad(text);
    else warn(text);
  }
  return remarks.sort((one, other) => Number(other.level === 'bad') - Number(one.level === 'bad'));
}

/**
 * @param {string} camelCase
 * @returns {string} 'able to scale'
 */
function words(camelCase) {
  return camelCase.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}
