/** Counts the processes of pods while they run, from start to exit, as the kernel sees them (Linux). */
import { readFileSync } from 'node:fs';
import type { PodStep } from './pod-count.ts';

const everyMs = 50;

export class PodMeter {
  readonly #upPid: number;
  readonly #now: () => number;
  readonly #known = new Set<number>();
  readonly #steps: PodStep[] = [];
  readonly #timer: NodeJS.Timeout;

  /** @param upPid of `sluice up`, whose children pods are */
  constructor(upPid: number, now: () => number) {
    this.#upPid = upPid;
    this.#now = now;
    if (childrenOf(upPid) === null)
      throw new Error(`/proc/${upPid} says nothing of children; pods are counted on Linux`);
    this.#look();
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  /** On the clock that it was given. */
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
      // Between fork and exec a child has its parent's command still: it is asked again until it has its own.
      if (!this.#known.has(pid) && isModelServer(pid)) this.#known.add(pid);
      if (this.#known.has(pid)) pods += 1;
    }
    if (this.#steps.at(-1)?.pods !== pods) this.#steps.push({ atMs, pods });
  }
}

/** Null: there is no such process, or no such file. */
function childrenOf(pid: number): number[] | null {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    return pids.filter((text) => text !== '').map(Number);
  } catch {
    return null;
  }
}

function isModelServer(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('model-server');
  } catch {
    return false;
  }
}
