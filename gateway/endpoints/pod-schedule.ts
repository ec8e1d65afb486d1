/** Cached start times of each pod's next batch, as far as this gateway knows; read on every admission. */
import { learnOverhead, noOverhead, type Overhead } from '../policy/wait.ts';
import type { Endpoint } from './endpoint.ts';
import type { LoopClock } from './loop-clock.ts';

/** Cache lifetime per pod: bounds sorting to ~1% CPU at 1,000 pods. */
const keptMsPerPod = 0.01;

/** The part of Endpoints that is read here. */
export interface ScheduledEndpoints {
  readonly changes: number;
  readonly accepting: ReadonlySet<Pick<Endpoint, 'freeAtLoopMs'>>;
}

export class PodSchedule {
  #overhead: Overhead = noOverhead;
  readonly #endpoints: ScheduledEndpoints;
  readonly #clock: Pick<LoopClock, 'loopMs'>;
  #begins = new Float64Array(0);
  #madeOf = -1;
  #madeAtMs = -Infinity;

  constructor(endpoints: ScheduledEndpoints, clock: Pick<LoopClock, 'loopMs'>) {
    this.#endpoints = endpoints;
    this.#clock = clock;
  }

  /** Loop time, as `begins` is. */
  get nowMs(): number {
    return this.#clock.loopMs;
  }

  /** Dispatch overhead: what a run takes on top of its predicted time. */
  get overhead(): Overhead {
    return this.#overhead;
  }

  /** When the next batch for each accepting pod would begin to run, ascending. */
  readonly begins = (): Float64Array => {
    const { changes, accepting } = this.#endpoints;
    const { nowMs } = this;
    const sameCount = this.#begins.length === accepting.size;
    const fresh = changes === this.#madeOf || nowMs - this.#madeAtMs < keptMsPerPod * accepting.size;
    if (sameCount && fresh) return this.#begins;
    if (!sameCount) this.#begins = new Float64Array(accepting.size);
    let at = 0;
    for (const endpoint of accepting) this.#begins[at++] = endpoint.freeAtLoopMs(this.#overhead.meanMs);
    this.#begins.sort();
    this.#madeOf = changes;
    this.#madeAtMs = nowMs;
    return this.#begins;
  };

  /** @param tookMs loop time of an envelope, from the moment when its pod could begin with it */
  learn(tookMs: number, predictedMs: number): void {
    this.#overhead = learnOverhead(this.#overhead, tookMs, predictedMs);
  }
}
