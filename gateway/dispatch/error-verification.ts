/**
 * Answers of 5xx that a second pod is asked to confirm: if it answers well, the first is at fault, and the client gets the good
 * answer. Within a budget, for a model that fails everywhere would double its load. Says who asks whom; dispatch.ts sends.
 */
import type { PodLink } from '../endpoints/endpoint.ts';
import { earn, freshBudget, spend } from '../policy/retry.ts';
import type { Pool } from '../pool.ts';
import type { Outcome, Pending } from '../queue/request.ts';

export class Doubts {
  readonly #pool: Pool;
  #waiting: Pending[] = [];
  #budget = freshBudget;

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
  raise(request: Pending, pod: PodLink, outcome: Outcome): boolean {
    if (!this.#pool.spec.requests.idempotent) return false;
    if (this.#pool.roster.forModel(request.lane.model, pod.uid) === undefined) return false;
    const left = spend(this.#budget);
    if (left === null) return false;
    this.#budget = left;
    request.doubted = { podUid: pod.uid, outcome };
    request.lane.counters.retries['error-answers'] += 1;
    this.#waiting.push(request);
    return true;
  }

  /** Calls `send` for each whose second pod has room; where there is no second pod any more, the answer stands. */
  ask(mayTake: (pod: PodLink) => boolean, send: (request: Pending, pod: PodLink) => void): void {
    if (this.#waiting.length === 0) return;
    const { free } = this.#pool.roster;
    const waiting: Pending[] = [];
    for (const request of this.#waiting) {
      if (request.state !== 'sent') continue;
      const { podUid, outcome } = request.doubted!;
      const { model } = request.lane;
      const other = (pod: PodLink): boolean => pod.uid !== podUid && mayTake(pod) && pod.serves(model);
      const pod = free.idle.find(other) ?? free.open.find(other);
      if (pod !== undefined) send(request, pod);
      else if (this.#pool.roster.forModel(model, podUid) === undefined) this.#pool.answer(request, outcome);
      else waiting.push(request);
    }
    this.#waiting = waiting;
  }

  /** A second pod has answered: well means that the first one is at fault. */
  judge(doubtedUid: string, status: number): void {
    if (status >= 500) return;
    const { roster } = this.#pool;
    for (const pod of roster.pods) {
      if (pod.uid !== doubtedUid) continue;
      const detail = `answered 5xx where another pod answered ${status}`;
      roster.note(pod, { kind: 'evidence', evidence: 'error-answers' }, detail);
    }
  }

  /** Models have left the pool: the answers to requests for them stand. */
  dropRetired(): void {
    for (const request of this.#waiting) {
      if (!this.#pool.serves(request.lane)) this.#pool.answer(request, request.doubted!.outcome);
    }
  }
}
