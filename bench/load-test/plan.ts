/** Plan of one run of load: plain data, so that it can cross threads. */
import type { Workload } from './workload.ts';
import type { Arrivals } from './arrivals.ts';

export interface LoadPlan {
  readonly origin: string;
  readonly workload: Workload;
  readonly load:
    | { readonly kind: 'closed'; readonly concurrency: number }
    /** Requests due beyond `maxInFlight` wait for a connection, and their wait counts. */
    | { readonly kind: 'open'; readonly arrivals: Arrivals; readonly maxInFlight: number };
  /** Time at the start that is not counted. */
  readonly warmUpMs: number;
  /** Time that is counted, after the warm-up. */
  readonly durationMs: number;
  /** A request has failed when it is unanswered for this long, or still open this long after the end. */
  readonly timeoutMs: number;
  readonly threads: number;
  readonly seed: number;
}

/** One thread's part of a plan. */
export interface Share {
  readonly plan: LoadPlan;
  /**
   * Number of the thread, from 0. In an open loop it sends requests `index`, `index + threads` and so on; in a closed
   * loop it has its share of the connections.
   */
  readonly index: number;
}

export interface StartedShare extends Share {
  /** Start of the warm-up, by `nowMs` of clock.ts; the same for all threads. */
  readonly startAtMs: number;
}
