/** What one run of load is: plain data, so that it can cross threads. */
import type { Workload } from './workload.ts';
import type { Arrivals } from './arrivals.ts';

export interface LoadPlan {
  readonly origin: string;
  readonly workload: Workload;
  readonly load:
    | { readonly kind: 'closed'; readonly concurrency: number }
    /** What is due beyond `maxInFlight` waits, and its wait counts. */
    | { readonly kind: 'open'; readonly arrivals: Arrivals; readonly maxInFlight: number };
  /** At the start, and not counted. */
  readonly warmUpMs: number;
  /** That is counted. */
  readonly durationMs: number;
  /** What was not answered for this long is a failure; so is what is still open this long after the end. */
  readonly timeoutMs: number;
  readonly threads: number;
  readonly seed: number;
}

/** What a thread gets. */
export interface Share {
  readonly plan: LoadPlan;
  /** Of an open loop this thread sends each `threads`-th request from this one on; of a closed loop it has its part of the connections. */
  readonly index: number;
  /** Start of the warm-up by `nowMs` of clock.ts. */
  readonly startAtMs: number;
}
