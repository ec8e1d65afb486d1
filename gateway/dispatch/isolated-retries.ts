/**
 * Isolated retries: requests that were with a pod when it was lost go one at a time to a pod that is reserved for them and
 * holds nothing else, so that a poison request takes no other down (docs/adr/0006-suspects-travel-alone.md).
 */
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';
import type { PendingRequest } from '../queue/model-queue.ts';
import type { RequestBook } from '../queue/request-book.ts';

export class IsolatedRetries {
  readonly #book: RequestBook;
  readonly #endpoints: Endpoints;
  #reserved: Endpoint | null = null;

  constructor(book: RequestBook, endpoints: Endpoints) {
    this.#book = book;
    this.#endpoints = endpoints;
  }

  /** Whether the endpoint is reserved for isolated requests. */
  reserves(endpoint: Endpoint): boolean {
    return endpoint === this.#reserved;
  }

  /** Takes the next request, with the endpoint that it has to itself; undefined while there is none. */
  next(nowMs: number): { readonly request: PendingRequest; readonly endpoint: Endpoint } | undefined {
    const head = this.#book.peekIsolated();
    if (head === undefined) {
      this.#reserved = null;
      return undefined;
    }
    const endpoint = this.#reserve(head, nowMs);
    if (endpoint === null || !endpoint.hasModel(head.model, head.version)) return undefined;
    if (endpoint.batches.length > 0 || endpoint.freeSlots(false, nowMs) === 0) return undefined;
    return { request: this.#book.takeIsolated()!, endpoint };
  }

  /** Keeps the reserved endpoint while it can take the model, or is still busy with what it got before, and not late with it. */
  #reserve({ model, version }: PendingRequest, nowMs: number): Endpoint | null {
    const reserved = this.#reserved;
    if (reserved !== null) {
      if (reserved.batches.length > 0 && !reserved.deleted && !reserved.stalled) return reserved;
      if (reserved.hasModel(model, version) && reserved.freeSlots(false, nowMs) > 0) return reserved;
    }
    const { idle, available } = this.#endpoints.free;
    const serves = (endpoint: Endpoint): boolean => endpoint.hasModel(model, version);
    this.#reserved = idle.find(serves) ?? available.find(serves) ?? null;
    return this.#reserved;
  }
}
