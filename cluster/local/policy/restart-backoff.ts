/**
 * When a process that ended is started again.
 *
 * The first restart is immediate: a pod that was killed once costs its start and no more. Whatever ends again soon
 * waits twice as long each time, so that a model that can't load doesn't take the machine with it.
 */
export interface BackoffConfig {
  /** Wait before the second restart in a row. */
  readonly firstWaitMs: number;
  readonly maxWaitMs: number;
  /** Ready for this long, and the next exit counts as the first. */
  readonly healthyMs: number;
  /** Exits in a row that make a loop of it. */
  readonly loopExits: number;
}

export const backoffConfig: BackoffConfig = { firstWaitMs: 500, maxWaitMs: 10_000, healthyMs: 60_000, loopExits: 3 };

export interface Restart {
  /** Exits in a row, this one included, without `healthyMs` in between. */
  readonly exits: number;
  readonly waitMs: number;
  /** For people: `CrashLoopBackOff: exit code 1, next start in 4 s`. */
  readonly reason: string;
}

/**
 * @param exitsBefore `exits` of the previous restart, 0 for the first
 * @param exit how the process ended, for people: `exit code 1`, `killed by SIGKILL`
 * @param readyForMs how long it had been ready, 0 if it never was
 */
export function planRestart(config: BackoffConfig, exitsBefore: number, exit: string, readyForMs: number): Restart {
  const exits = readyForMs >= config.healthyMs ? 1 : exitsBefore + 1;
  if (exits === 1) return { exits, waitMs: 0, reason: `Restarting: ${exit}` };
  const waitMs = Math.min(config.maxWaitMs, config.firstWaitMs * 2 ** (exits - 2));
  return { exits, waitMs, reason: `CrashLoopBackOff: ${exit}, next start in ${waitMs / 1000} s` };
}

/** Whether it ends again and again; once it has been ready for long, no more. */
export function isCrashLooping(config: BackoffConfig, exits: number, readyForMs: number): boolean {
  return exits >= config.loopExits && readyForMs < config.healthyMs;
}
