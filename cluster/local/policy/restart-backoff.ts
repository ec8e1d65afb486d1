/**
 * Delay before a process is restarted after an exit.
 *
 * The first restart is immediate, so that a pod that was killed once is back soon. Further exits double the delay, so that a
 * model that cannot be loaded does not keep the machine busy.
 */
import type { PodFailure } from '../../../contract/scaler-api.ts';

export interface BackoffConfig {
  /** Delay of the second consecutive restart. */
  readonly firstWaitMs: number;
  readonly maxWaitMs: number;
  /** Time of readiness after which the next exit counts as the first. */
  readonly healthyMs: number;
  /** Consecutive exits that count as a crash loop. */
  readonly loopExits: number;
}

export const backoffConfig: BackoffConfig = { firstWaitMs: 500, maxWaitMs: 10_000, healthyMs: 60_000, loopExits: 3 };

export interface Restart {
  /** Consecutive exits without `healthyMs` in between, this one included. */
  readonly exits: number;
  readonly waitMs: number;
  /** Human-readable reason: `CrashLoopBackOff: exit code 1, next start in 4 s`. */
  readonly reason: string;
}

/**
 * @param exitsBefore `exits` of the previous restart, 0 for the first
 * @param exit human-readable exit: `exit code 1`, `killed by SIGKILL`
 * @param readyForMs time for which the process was ready, 0 if it never was
 */
export function planRestart(config: BackoffConfig, exitsBefore: number, exit: string, readyForMs: number): Restart {
  const exits = readyForMs >= config.healthyMs ? 1 : exitsBefore + 1;
  if (exits === 1) return { exits, waitMs: 0, reason: `Restarting: ${exit}` };
  const waitMs = Math.min(config.maxWaitMs, config.firstWaitMs * 2 ** (exits - 2));
  return { exits, waitMs, reason: `CrashLoopBackOff: ${exit}, next start in ${waitMs / 1000} s` };
}

/** Whether the process is in a crash loop, which ends once it has been ready for `healthyMs`. */
export function isCrashLooping(config: BackoffConfig, exits: number, readyForMs: number): boolean {
  return exits >= config.loopExits && readyForMs < config.healthyMs;
}

/** Failure of a pod that has just exited, since when, and until when it waits; one that goes on keeps its start time. */
export function failureAfter(
  config: BackoffConfig,
  {
    exits,
    waitMs,
    exit,
    before,
    nowMs,
  }: Pick<Restart, 'exits' | 'waitMs'> & {
    readonly exit: string;
    readonly before: PodFailure | null;
    readonly nowMs: number;
  },
): PodFailure {
  const reason = exits >= config.loopExits ? 'CrashLoopBackOff' : 'Restarting';
  return { reason, message: exit, sinceMs: before?.sinceMs ?? nowMs, untilMs: nowMs + waitMs };
}
