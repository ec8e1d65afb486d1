/** Endpoints of a pool with a free slot, idle ones apart; updates take constant time for any number of pods. */
import type { Endpoint } from './endpoint.ts';

export class AvailableEndpoints {
  readonly idle: Endpoint[] = [];
  /** Busy endpoints with a slot left. */
  readonly available: Endpoint[] = [];

  /** Moves the endpoint to the list that fits its free slots. */
  update(endpoint: Endpoint, freeSlots: number): void {
    const list = freeSlots === 0 ? null : endpoint.batches.length === 0 ? this.idle : this.available;
    const { place } = endpoint;
    if (place.list === list) return;
    if (place.list !== null) {
      // The last one takes the place that becomes free.
      const last = place.list.pop()!;
      if (last !== endpoint) {
        place.list[place.index] = last;
        last.place.index = place.index;
      }
    }
    place.list = list;
    if (list !== null) {
      place.index = list.length;
      list.push(endpoint);
    }
  }
}
