/** The pods of a pool that may be given work now, idle ones apart; constant time however many pods there are. */
import type { Endpoint } from './endpoint.ts';

export class AvailableEndpoints {
  readonly idle: Endpoint[] = [];
  /** Busy, with a slot left. */
  readonly available: Endpoint[] = [];

  /** Files the pod where it belongs by its free slots now. */
  update(pod: Endpoint, freeSlots: number): void {
    const list = freeSlots === 0 ? null : pod.outstanding.length === 0 ? this.idle : this.available;
    if (pod.freeList === list) return;
    if (pod.freeList !== null) {
      // The last one takes the place that becomes free.
      const last = pod.freeList.pop()!;
      if (last !== pod) {
        pod.freeList[pod.freeIndex] = last;
        last.freeIndex = pod.freeIndex;
      }
    }
    pod.freeList = list;
    if (list !== null) {
      pod.freeIndex = list.length;
      list.push(pod);
    }
  }
}
