/** When the pods of a pool come to take their next batches, as far as this gateway knows. Asked with each request, so kept. */
import type { LoopClock } from './loop-clock.ts';
import { learnOverhead, noOverhead, type Overhead } from '../policy/wait.ts';
import type { Endpoints } from './endpoints.ts';

/** How long it is kept though something has changed, for each pod: sorting a thousand then takes a hundredth of the time. */
const keptMsPerPod = 0.01;

type Pods = Pick<Endpoints, 'changes' | 'serving' | 'working'>;

export class PodSchedule {
  lag: Overhead = noOverhead;
  readonly #endpoints: Pods;
  readonly #loopClock: Pick<LoopClock, 'loopMs'>;
  #begins = new Float64Array(0);
  #madeOf = -1;
  #madeAtMs = -Infinity;

  constructor(endpoints: Pods, loopClock: Pick<LoopClock, 'loopMs'>) {
    this.#endpoints = endpoints;
    this.#loopClock = loopClock;
  }

  /** In our own time, as `begins` is. */
  get nowMs(): number {
    return this.#loopClock.loopMs;
  }

  /** When the next batch for each pod that serves would begin to run, ascending. */
  readonly begins = (): Float64Array => {
    const { changes, serving } = this.#endpoints;
    const { nowMs } = this;
    const sameCount = this.#begins.length === serving;
    const kept = changes === this.#madeOf || nowMs - this.#madeAtMs < keptMsPerPod * serving;
    if (sameCount && kept) return this.#begins;
    if (!sameCount) this.#begins = new Float64Array(serving);
    let at = 0;
    for (const pod of this.#endpoints.working()) this.#begins[at++] = pod.freeAtMs(this.lag.meanMs);
    this.#begins.sort();
    this.#madeOf = changes;
    this.#madeAtMs = nowMs;
    return this.#begins;
  };

  /** An envelope took so long from when its pod could begin with it. */
  learn(tookMs: number, predictedMs: number): void {
    this.lag = learnOverhead(this.lag, tookMs, predictedMs);
  }
}
