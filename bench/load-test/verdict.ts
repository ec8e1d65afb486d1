/** Verdict on a run by its objective, which takes no lateness of the load generator for the server's. Pure. */
import { judge, type Objective } from './find-max.ts';

export interface Verdict {
  readonly objective: Objective;
  /** `unsure`: only the load generator's own lateness decides. */
  readonly outcome: 'kept' | 'missed' | 'unsure';
  /** Lower bound of the share of offered requests that were answered well and in time: all that the generator read late was late. */
  readonly inTimePercent: number;
  /** Upper bound of that share: all that the generator read late had arrived when it looked before. */
  readonly inTimePercentAtMost: number;
}

export interface InTime {
  readonly offered: number;
  readonly atLeast: number;
  readonly atMost: number;
}

export function verdictOf(objective: Objective, { offered, atLeast, atMost }: InTime): Verdict {
  const worst = judge(objective, offered, atLeast);
  const best = judge(objective, offered, atMost);
  return {
    objective,
    outcome: worst.kept ? 'kept' : best.kept ? 'unsure' : 'missed',
    inTimePercent: worst.inTimePercent,
    inTimePercentAtMost: best.inTimePercent,
  };
}

/** `kept: 99.8% within 100 ms, of 99% asked for`. */
export function verdictWords({ outcome, objective, inTimePercent, inTimePercentAtMost }: Verdict): string {
  const { latencyMs, percentile } = objective;
  const share =
    outcome === 'unsure' ? `${percent(inTimePercent)} to ${percent(inTimePercentAtMost)}` : percent(inTimePercent);
  const why = outcome === 'unsure' ? '; the load generator itself was too late to tell' : '';
  return `${outcome}: ${share} of requests within ${latencyMs} ms, ${percentile}% asked for${why}`;
}

function percent(value: number): string {
  // Rounded down, so that what missed 99% by a hair doesn't read as 99%.
  return `${(Math.floor(value * 100) / 100).toFixed(2)}%`;
}
