/**
 * Verifies 5xx answers: a second pod is asked, and if it answers well, the first is at fault, and the client gets the good
 * answer (docs/adr/0003-doubted-errors.md). Within a budget, since a model that fails everywhere would double its load.
 */
import type { ModelPool } from '../../contract/model-pool.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';
import { earn, initialBudget, spend } from '../policy/retry.ts';
import type { PendingRequest } from '../queue/model-queue.ts';
import type { RequestBook } from '../queue/request-book.ts';
import type { RequestOutcome } from '../queue/request.ts';

type Answer = RequestOutcome & { kind: 'answer' };

export interface ErrorVerificationDeps {
  readonly spec: () => ModelPool['spec'];
  readonly book: RequestBook;
  readonly endpoints: Endpoints;
}

export class ErrorVerification {
  readonly #spec: () => ModelPool['spec'];
  readonly #book: RequestBook;
  readonly #endpoints: Endpoints;
  #budget = initialBudget;

  constructor({ spec, book, endpoints }: ErrorVerificationDeps) {
    this.#spec = spec;
    this.#book = book;
    this.#endpoints = endpoints;
  }

  /** Adds to the budget for requests that were answered. */
  earn(requests: number): void {
    this.#budget = earn(this.#budget, requests);
  }

  /** Takes an answer's evidence. @returns true if the answer is held back until a second pod was asked */
  holdsBack(request: PendingRequest, endpoint: Endpoint, answer: Answer): boolean {
    const { unverified } = request;
    if (unverified !== undefined) {
      this.#judge(unverified.podUid, answer.status);
      return false;
    }
    // A deadline that passed at the pod says nothing of the pod.
    if (answer.status < 500 || answer.status === 504 || request.state !== 'sent') return false;
    if (!this.#spec().requests.idempotent) return false;
    if (this.#endpoints.forModel(request.model, request.version, endpoint.uid) === undefined) return false;
    const left = spend(this.#budget);
    if (left === null) return false;
    this.#budget = left;
    request.modelQueue.counters.retries['error-answers'] += 1;
    this.#book.verify(request, endpoint.uid, answer);
    return true;
  }

  /** Calls `send` for each request whose second pod has room. Where no second pod is left, the answer stands. */
  sendWaiting(
    mayTake: (endpoint: Endpoint) => boolean,
    send: (request: PendingRequest, endpoint: Endpoint) => void,
  ): void {
    const { idle, available } = this.#endpoints.free;
    for (const request of this.#book.verifying) {
      const { podUid, outcome } = request.unverified!;
      const isSecond = (endpoint: Endpoint): boolean =>
        endpoint.uid !== podUid && mayTake(endpoint) && endpoint.hasModel(request.model, request.version);
      const second = idle.find(isSecond) ?? available.find(isSecond);
      if (second !== undefined) {
        this.#book.resend(request);
        send(request, second);
      } else if (this.#endpoints.forModel(request.model, request.version, podUid) === undefined) {
        this.#book.answer(request, outcome);
      }
    }
  }

  /** Blames the first pod if the second one answered well. */
  #judge(firstUid: string, status: number): void {
    if (status >= 500) return;
    for (const endpoint of this.#endpoints.all) {
      if (endpoint.uid !== firstUid) continue;
      const detail = `answered 5xx where another pod answered ${status}`;
      this.#endpoints.recordEvidence(endpoint, { kind: 'evidence', evidence: 'error-answers' }, detail);
    }
  }
}
