/** The pods of a pool that may be given work now, idle ones apart; constant time however many pods there are. */
import type { PodLink } from './endpoint.ts';

export class FreePods {
  readonly idle: PodLink[] = [];
  /** Busy, with a slot left. */
  readonly open: PodLink[] = [];

  /** Files the pod where it belongs by its free slots now. */
  update(pod: PodLink, freeSlots: number): void {
    const list = freeSlots === 0 ? null : pod.outstanding.length === 0 ? this.idle : this.open;
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
