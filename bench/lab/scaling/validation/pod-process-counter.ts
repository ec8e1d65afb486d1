/** Counts the pod processes of a running `sluice up`, from their start to their exit (Linux). */
import { argumentsOf, childrenOf } from '../../rig/process-meter.ts';
import type { PodStep } from './pod-count.ts';

const everyMs = 50;

export class PodProcessCounter {
  readonly #upPid: number;
  readonly #now: () => number;
  readonly #known = new Set<number>();
  readonly #steps: PodStep[] = [];
  readonly #timer: NodeJS.Timeout;

  /** @param upPid pid of `sluice up`, the parent of all pods */
  constructor(upPid: number, now: () => number) {
    this.#upPid = upPid;
    this.#now = now;
    if (childrenOf(upPid) === null) {
      throw new Error(`/proc/${upPid} does not list children; pods are counted on Linux`);
    }
    this.#look();
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  /** Counts so far, each from when it changed; times by the given clock. */
  get steps(): readonly PodStep[] {
    return this.#steps;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const atMs = this.#now();
    let pods = 0;
    for (const pid of childrenOf(this.#upPid) ?? []) {
      // A child has its parent's arguments between fork and exec, so an unknown one is looked at again.
      if (!this.#known.has(pid) && argumentsOf(pid).includes('model-server')) this.#known.add(pid);
      if (this.#known.has(pid)) pods += 1;
    }
    if (this.#steps.at(-1)?.pods !== pods) this.#steps.push({ atMs, pods });
  }
}
