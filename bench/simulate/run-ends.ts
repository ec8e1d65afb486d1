/** Binary heap of executing pods, by the end of their run. A pod executes one run at a time, so it is in the heap once. */
import type { SimulatedPod } from './simulated-pod.ts';

export class RunEnds {
  #pods: SimulatedPod[] = [];

  /** Infinity while nothing executes. */
  get nextMs(): number {
    return this.#pods[0]?.runEndsMs ?? Infinity;
  }

  map(copy: (pod: SimulatedPod) => SimulatedPod): RunEnds {
    const mapped = new RunEnds();
    mapped.#pods = this.#pods.map(copy);
    return mapped;
  }

  push(pod: SimulatedPod): void {
    const pods = this.#pods;
    let at = pods.length;
    pods.push(pod);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (pods[parent]!.runEndsMs <= pod.runEndsMs) break;
      pods[at] = pods[parent]!;
      at = parent;
    }
    pods[at] = pod;
  }

  pop(): SimulatedPod | undefined {
    const pods = this.#pods;
    const first = pods[0];
    const last = pods.pop();
    if (last === undefined || last === first) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= pods.length) break;
      if (child + 1 < pods.length && pods[child + 1]!.runEndsMs < pods[child]!.runEndsMs) child += 1;
      if (pods[child]!.runEndsMs >= last.runEndsMs) break;
      pods[at] = pods[child]!;
      at = child;
    }
    pods[at] = last;
    return first;
  }
}
