/**
 * Answers of 5xx that a second pod is asked to confirm: if it answers well, the first is at fault, and the client gets the good
 * answer. Within a budget, for a model that fails everywhere would double its load. Says who asks whom; dispatch.ts sends.
 */
import type { Endpoint } from '../endpoints/endpoint.ts';
import { earn, initialBudget, spend } from '../policy/retry.ts';
import type { Pool } from '../pool.ts';
import type { RequestOutcome, PendingRequest } from '../queue/request.ts';

export class ErrorVerification {
  readonly #pool: Pool;
  #waiting: PendingRequest[] = [];
  #budget = initialBudget;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Requests whose second pod has not been found yet. */
  get size(): number {
    return this.#waiting.filter((request) => request.state === 'sent').length;
  }

  /** So many requests were answered: they earn second opinions. */
  earn(requests: number): void {
    this.#budget = earn(this.#budget, requests);
  }

  /** @returns whether a second pod will be asked; if not, the answer stands */
  raise(request: PendingRequest, pod: Endpoint, outcome: RequestOutcome): boolean {
    if (!this.#pool.spec.requests.idempotent) return false;
    if (this.#pool.endpoints.forModel(request.modelQueue.model, pod.uid) === undefined) return false;
    const left = spend(this.#budget);
    if (left === null) return false;
    this.#budget = left;
    request.unverified = { podUid: pod.uid, outcome };
    request.modelQueue.counters.retries['error-answers'] += 1;
    this.#waiting.push(request);
    return true;
  }

  /** Calls `send` for each whose second pod has room; where there is no second pod any more, the answer stands. */
  ask(mayTake: (pod: Endpoint) => boolean, send: (request: PendingRequest, pod: Endpoint) => void): void {
    if (this.#waiting.length === 0) return;
    const { free } = this.#pool.endpoints;
    const waiting: PendingRequest[] = [];
    for (const request of this.#waiting) {
      if (request.state !== 'sent') continue;
      const { podUid, outcome } = request.unverified!;
      const { model } = request.modelQueue;
      const other = (pod: Endpoint): boolean => pod.uid !== podUid && mayTake(pod) && pod.serves(model);
      const pod = free.idle.find(other) ?? free.available.find(other);
      if (pod !== undefined) send(request, pod);
      else if (this.#pool.endpoints.forModel(model, podUid) === undefined) this.#pool.answer(request, outcome);
      else waiting.push(request);
    }
    this.#waiting = waiting;
  }

  /** A second pod has answered: well means that the first one is at fault. */
  judge(doubtedUid: string, status: number): void {
    if (status >= 500) return;
    const { endpoints } = this.#pool;
    for (const pod of endpoints.all) {
      if (pod.uid !== doubtedUid) continue;
      const detail = `answered 5xx where another pod answered ${status}`;
      endpoints.recordEvidence(pod, { kind: 'evidence', evidence: 'error-answers' }, detail);
    }
  }

  /** Models have left the pool: the answers to requests for them stand. */
  dropRetired(): void {
    for (const request of this.#waiting) {
      if (!this.#pool.serves(request.modelQueue)) this.#pool.answer(request, request.unverified!.outcome);
    }
  }
}
