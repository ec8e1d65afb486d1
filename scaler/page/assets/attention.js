/** Remarks on a pool that needs attention, the worst first. Pure, from one report. */
import { counted, duration } from './format.js';

/** @import { PoolReport } from '../../../contract/scaler-api.ts' */

/**
 * @typedef {object} Remark
 * @property {'bad' | 'warn'} level
 * @property {string} text
 */

/** Conditions that are good when False; all others are good when True. */
const goodWhenFalse = new Set(['ScalingLimited', 'Reconciling', 'Stalled']);

/**
 * @param {PoolReport} pool
 * @returns {Remark[]}
 */
export function remarksOn(pool) {
  /** @type {Remark[]} */
  const remarks = [];
  const bad = (/** @type {string} */ text) => remarks.push({ level: 'bad', text });
  const warn = (/** @type {string} */ text) => remarks.push({ level: 'warn', text });
  const podsIn = (/** @type {string} */ state) => pool.pods.filter((pod) => pod.state === state).length;

  const ejected = podsIn('ejected');
  if (ejected > 0) bad(`${counted(ejected, 'pod')} ejected`);
  const crashing = podsIn('crash-looping');
  if (crashing > 0) bad(`${counted(crashing, 'pod')} crash-looping`);
  const drained = podsIn('foreign-drain');
  if (drained > 0) bad(`${counted(drained, 'pod')} drained by another`);
  if (pool.objectiveMs !== null && pool.p99Ms !== null && pool.p99Ms > pool.objectiveMs) {
    bad(`p99 ${duration(pool.p99Ms)} exceeds the objective of ${duration(pool.objectiveMs)}`);
  }
  if (pool.queued > 0 && pool.readyReplicas === 0) {
    warn(`${counted(pool.queued, 'request')} queued, no pod ready`);
  } else if (pool.objectiveMs !== null && pool.predictedWaitMs !== null && pool.predictedWaitMs > pool.objectiveMs) {
    warn(`predicted wait ${duration(pool.predictedWaitMs)} exceeds the objective`);
  }
  for (const { type, status, reason, message } of pool.conditions) {
    const good = goodWhenFalse.has(type) ? 'False' : 'True';
    if (status === good) continue;
    if (reason === 'External') continue;
    if (type === 'ModelsServed') {
      if (status === 'False') bad(`not served: ${message}`);
      continue;
    }
    if (type === 'Ready') {
      // Pods that are on their way are no fault yet.
      if (status === 'False' && podsIn('pending') + podsIn('starting') === 0) bad(`not ready: ${message}`);
      else warn(`not ready: ${message}`);
      continue;
    }
    // Paused is what was asked for, and a pool at rest has nothing to scale.
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
