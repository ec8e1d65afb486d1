/**
 * Decides which runs of several requests the watch samples, and when a sample is run again, within a share of the processor time of
 * the model's own runs. Each model pays for its own watch: a busy one takes nothing from the watch of another.
 *
 *   credit += share · cost of each run, up to the larger of 50 ms and one sample      credit −= what a sample took, however much
 *   sample a run where credit ≥ what a sample is expected to take
 *
 * In sum the samples never take more than `share` of the runs, but for the excess of the last one, which the next ones pay back.
 */

export interface WatchBudget {
  /** Microseconds that samples may take; below 0 after one that took longer than expected. */
  readonly creditUs: number;
  /** Moving mean of what a run takes. */
  readonly runUs: number;
  /** Moving mean of what a sample takes; 0 before the first. */
  readonly sampleUs: number;
}

export const noBudget: WatchBudget = { creditUs: 0, runUs: 0, sampleUs: 0 };

/** Credit that is kept at most, so that samples don't come in crowds after hours in which none was to be had. */
const mostCreditUs = 50_000;
/** Weight of the newest value in a moving mean: clocks of processor time may tick coarsely. */
const newest = 0.1;
/** Runs that a sample lets go first while requests wait. */
const patienceRuns = 32;

export function countRun(budget: WatchBudget, cpuUs: number, share: number): WatchBudget {
  const { creditUs, runUs, sampleUs } = budget;
  const most = Math.max(mostCreditUs, expectedUs(budget));
  return {
    creditUs: Math.min(most, creditUs + share * cpuUs),
    runUs: runUs === 0 ? cpuUs : runUs + newest * (cpuUs - runUs),
    sampleUs,
  };
}

export function countSample({ creditUs, runUs, sampleUs }: WatchBudget, tookUs: number): WatchBudget {
  return {
    creditUs: creditUs - tookUs,
    runUs,
    sampleUs: sampleUs === 0 ? tookUs : sampleUs + newest * (tookUs - sampleUs),
  };
}

/** Whether the run that has just ended is sampled. */
export function mayWatch(budget: WatchBudget): boolean {
  const expected = expectedUs(budget);
  return expected > 0 && budget.creditUs >= expected;
}

/**
 * Whether the sample is run again now: at once where nothing waits, else after some runs, so that a pod that is never idle is
 * watched too.
 */
export function isDue({ waiting, runsSince }: { readonly waiting: number; readonly runsSince: number }): boolean {
  return waiting === 0 || runsSince >= patienceRuns;
}

/** A first sample is taken to cost a whole run: one request of it costs no more. */
function expectedUs({ runUs, sampleUs }: WatchBudget): number {
  return sampleUs === 0 ? runUs : sampleUs;
}
