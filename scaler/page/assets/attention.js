/** Remarks on a pool that a person should know, the worst first, and the few words of its row. Pure, from one report. */
import { counted, duration } from './format.js';
import { lostByKind, lostPerS, share } from './rates.js';
import { isDown, isOver } from './shown.js';

/** @import { PoolReport } from '../../../contract/scaler-api.ts' */

/**
 * @typedef {object} Remark
 * @property {'trouble' | 'objective' | 'errors' | 'note'} kind
 * @property {'bad' | 'warn'} level
 * @property {string} text
 * @property {string} brief the text for a row, whose columns have the numbers
 * @property {string | null} runbook
 */

/**
 * @param {PoolReport} pool
 * @returns {Remark[]}
 */
export function remarksOn(pool) {
  const { objectiveMs, p99Ms, predictedWaitMs } = pool;
  const limitedBy = pool.limitedBy ?? null;
  /** @type {Remark[]} */
  const remarks = (pool.troubles ?? []).map(({ condition, level, message, runbook }) => ({
    kind: condition === 'RequestsAnswered' ? 'errors' : 'trouble',
    level,
    text: message === '' ? words(condition) : message,
    brief: message === '' ? words(condition) : message,
    runbook,
  }));
  const podsIn = (/** @type {string} */ state) => pool.pods.filter((pod) => pod.state === state).length;
  const isSaid = (/** @type {string} */ condition) => (pool.troubles ?? []).some((one) => one.condition === condition);
  if (!isSaid('PodsHealthy') && !isSaid('Ready')) {
    const sick = /** @type {const} */ ([
      ['ejected', 'ejected'],
      ['crash-looping', 'crash-looping'],
      ['foreign-drain', 'drained by another'],
    ]);
    for (const [state, what] of sick) {
      const count = podsIn(state);
      if (count === 0) continue;
      const runbook = state === 'foreign-drain' ? null : 'SluicePodSick';
      const text = `${counted(count, 'pod')} ${what}`;
      remarks.push({ kind: 'trouble', level: 'bad', text, brief: text, runbook });
    }
  }
  const because = limitedBy === null ? '' : `: ${limitedBy}`;
  if (isOver(p99Ms, objectiveMs)) {
    const text = `p99 ${duration(p99Ms ?? 0)}, over the objective of ${duration(objectiveMs ?? 0)}${because}`;
    const brief = `over objective${because}`;
    remarks.push({ kind: 'objective', level: 'bad', text, brief, runbook: 'SluiceObjectiveMissed' });
  }
  const answers = pool.answers ?? null;
  if (answers !== null && lostPerS(answers) > 0 && !isSaid('RequestsAnswered')) {
    const text = lostByKind(answers, (perS) => share(perS, answers));
    remarks.push({ kind: 'errors', level: 'warn', text, brief: text, runbook: null });
  }
  if (pool.queued > 0 && isDown(pool)) {
    const text = `${counted(pool.queued, 'request')} waiting, no pod ready`;
    remarks.push({ kind: 'note', level: 'warn', text, brief: text, runbook: null });
  } else if (isOver(predictedWaitMs, objectiveMs) && !isOver(p99Ms, objectiveMs)) {
    const text = `a new request would wait ${duration(predictedWaitMs ?? 0)}, over the objective${because}`;
    remarks.push({ kind: 'note', level: 'warn', text, brief: text, runbook: null });
  }
  return remarks.sort((one, other) => weightOf(other) - weightOf(one));
}

/**
 * Weight of a pool in the order of the table: needs attention, over its objective, sheds, the rest.
 * @param {readonly Remark[]} remarks
 * @returns {number}
 */
export function rankOf(remarks) {
  return Math.max(0, ...remarks.map(weightOf));
}

/**
 * @param {Remark} remark
 * @returns {number}
 */
function weightOf({ kind, level }) {
  if (level === 'bad') return kind === 'objective' ? 4 : 5;
  return kind === 'errors' ? 3 : kind === 'trouble' ? 2 : 1;
}

/**
 * Few words for a pool without remarks: what it is about to do.
 * @param {PoolReport} pool
 * @param {number} nowMs
 * @returns {string}
 */
export function calmWords(pool, nowMs) {
  const { readyReplicas, desiredReplicas, drainingReplicas, replicas, queued } = pool;
  const starting = desiredReplicas - readyReplicas;
  if (pool.mode === 'Paused') return 'paused: no change';
  if (drainingReplicas > 0) return `removing ${counted(drainingReplicas, 'pod')}, draining`;
  if (starting > 0) return `${counted(starting, 'pod')} starting`;
  if (replicas === 0 && queued === 0) return 'at rest: starts with the next request';
  const untilMs = pool.idle?.untilMs ?? null;
  if (untilMs !== null && untilMs > nowMs) return `may scale down in ${duration(roundToSeconds(untilMs - nowMs))}`;
  return pool.mode === 'DryRun' ? 'dry run: no change' : 'no change';
}

/**
 * @param {number} ms
 * @returns {number} whole seconds, so that the words don't flicker
 */
function roundToSeconds(ms) {
  return Math.ceil(ms / 1_000) * 1_000;
}

/**
 * @param {string} camelCase
 * @returns {string} 'able to scale'
 */
export function words(camelCase) {
  return camelCase.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}
