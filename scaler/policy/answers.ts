/**
 * Verdict on the answers of a pool, from the rates of their outcomes over the last seconds: the condition RequestsAnswered.
 *
 *   not answered = shed + timed out + failed:   False if that is more than the budget of the objective, and at least 0.3/s
 *   client errors:                              False if they are at least nine tenths of all, and at least 0.3/s
 *
 * Three requests in the window of ten seconds are the least that says anything: one that fails by itself is no state of the pool.
 */
import type { AnswerRates } from '../../contract/scaler-api.ts';

/** Least rate that counts, of three requests in ten seconds. */
const leastPerS = 0.29;
/** Share of client errors from which the requests, or the model's signature, are wrong, and not some client. */
const rejectedShare = 0.9;

export interface AnswerVerdict {
  readonly reason: 'Shedding' | 'TimingOut' | 'Failing' | 'Rejecting';
  readonly message: string;
}

/** @returns null where requests are answered, or too few say otherwise */
export function judgeAnswers(rates: AnswerRates | null, budget: number): AnswerVerdict | null {
  if (rates === null) return null;
  const { okPerS, clientErrorsPerS, shedPerS, timeoutsPerS, failedPerS } = rates;
  const lostPerS = shedPerS + timeoutsPerS + failedPerS;
  const allPerS = okPerS + clientErrorsPerS + lostPerS;
  if (lostPerS >= leastPerS && lostPerS > budget * allPerS) {
    const parts = [
      { reason: 'Shedding', perS: shedPerS, text: 'shed' },
      { reason: 'TimingOut', perS: timeoutsPerS, text: 'timed out' },
      { reason: 'Failing', perS: failedPerS, text: 'failed' },
    ] as const;
    const shown = parts.filter(({ perS }) => perS > 0).toSorted((a, b) => b.perS - a.perS);
    const message = shown.map(({ perS, text }) => `${percent(perS / allPerS)} ${text}`).join(', ');
    return { reason: shown[0]!.reason, message: `of ${perSecond(allPerS)}, ${message}` };
  }
  if (clientErrorsPerS >= leastPerS && clientErrorsPerS >= rejectedShare * allPerS) {
    const message = `of ${perSecond(allPerS)}, ${percent(clientErrorsPerS / allPerS)} are rejected as faulty (4xx)`;
    return { reason: 'Rejecting', message };
  }
  return null;
}

function percent(share: number): string {
  return `${share < 0.1 ? (100 * share).toFixed(1) : Math.round(100 * share)}%`;
}

function perSecond(rate: number): string {
  return `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} requests/s`;
}
