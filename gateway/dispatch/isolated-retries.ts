/**
 * Requests that were with a pod when it was lost: one at a time, on a pod that is kept for them and has nothing else, so that a
 * poison request takes no other with it. Says who is next, and where; dispatch.ts sends.
 */
import type { Endpoint } from '../endpoints/endpoint.ts';
import { Queue } from '../queue/queue.ts';
import type { PendingRequest } from '../queue/request.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';

export class IsolatedRetries {
  readonly #endpoints: Endpoints;
  readonly #queue = new Queue();
  #reserved: Endpoint | null = null;

  constructor(endpoints: Endpoints) {
    this.#endpoints = endpoints;
  }

  get size(): number {
    return this.#queue.size;
  }

  push(request: PendingRequest): void {
    request.isolated = true;
    this.#queue.push(request);
  }

  /** Answered, or its client has left, before its turn; the caller must have made it `done`. */
  forget(request: PendingRequest): void {
    this.#queue.forget(request);
  }

  [Symbol.iterator](): Iterator<PendingRequest> {
    return this.#queue[Symbol.iterator]();
  }

  /** Whether the pod is kept for them. */
  reserves(pod: Endpoint): boolean {
    return pod === this.#reserved;
  }

  /** The next one, taken out of its queue, and the pod that it has to itself; undefined while there is none. */
  next(now: number): { readonly request: PendingRequest; readonly pod: Endpoint } | undefined {
    const request = this.#queue.peek();
    if (request === undefined) {
      this.#release();
      return undefined;
    }
    const pod = this.#reserve(request.model, now);
    if (!pod?.serves(request.model) || pod.outstanding.length > 0 || pod.freeSlots(false, now) === 0) return undefined;
    this.#queue.pop();
    return { request, pod };
  }

  /** The pod of before where it serves the model, or still works on what it got before it was reserved. */
  #reserve(model: string, now: number): Endpoint | null {
    const reserved = this.#reserved;
    const holdsOthers = reserved !== null && reserved.outstanding.length > 0 && !reserved.gone;
    if (!holdsOthers && (reserved?.serves(model) !== true || reserved.freeSlots(false, now) === 0)) {
      const serves = (pod: Endpoint): boolean => pod.serves(model);
      const { idle, available: open } = this.#endpoints.free;
      this.#reserved = idle.find(serves) ?? open.find(serves) ?? null;
    }
    return this.#reserved;
  }

  #release(): void {
    const pod = this.#reserved;
    if (pod === null) return;
    this.#reserved = null;
    this.#endpoints.reindex(pod);
  }
}
