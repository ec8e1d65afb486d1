/** Shares and sums of the rates at which requests end. */

/** @import { AnswerRates } from '../../../contract/scaler-api.ts' */

/**
 * @param {AnswerRates} rates
 * @returns {number} requests/s that were asked for and got no answer: shed, timed out or failed
 */
export function lostPerS({ shedPerS, timeoutsPerS, failedPerS }) {
  return shedPerS + timeoutsPerS + failedPerS;
}

/**
 * @param {AnswerRates} rates
 * @param {(perS: number) => string} written
 * @returns {string} '12% shed, 3% failed': the kinds that there are, empty without any
 */
export function lostByKind({ shedPerS, timeoutsPerS, failedPerS }, written) {
  const kinds = /** @type {const} */ ([
    [shedPerS, 'shed'],
    [timeoutsPerS, 'timed out'],
    [failedPerS, 'failed'],
  ]);
  return kinds.flatMap(([perS, what]) => (perS > 0 ? [`${written(perS)} ${what}`] : [])).join(', ');
}

/**
 * @param {AnswerRates} rates
 * @returns {number} requests/s that ended, in whatever way
 */
export function endedPerS(rates) {
  return rates.okPerS + rates.clientErrorsPerS + lostPerS(rates);
}

/**
 * @param {number} perS
 * @param {AnswerRates} rates
 * @returns {string} '0%', '0.02%', '12%': rounded, but never to zero
 */
export function share(perS, rates) {
  const percent = perS === 0 ? 0 : (100 * perS) / endedPerS(rates);
  if (percent === 0 || percent >= 9.95) return `${Math.round(percent)}%`;
  if (percent >= 0.095) return `${Math.round(percent * 10) / 10}%`;
  return percent < 0.01 ? '<0.01%' : `${Math.round(percent * 100) / 100}%`;
}

/**
 * @param {readonly (AnswerRates | null | undefined)[]} all
 * @returns {AnswerRates | null} null where none is known
 */
export function sumOf(all) {
  const known = all.filter((one) => one !== null && one !== undefined);
  if (known.length === 0) return null;
  const sum = (/** @type {keyof AnswerRates} */ key) => known.reduce((total, one) => total + one[key], 0);
  return {
    okPerS: sum('okPerS'),
    clientErrorsPerS: sum('clientErrorsPerS'),
    shedPerS: sum('shedPerS'),
    timeoutsPerS: sum('timeoutsPerS'),
    failedPerS: sum('failedPerS'),
  };
}
