/** Requests whose pod gave no answer: queued again, isolated, or given up with an error. */
import type { Logger } from 'pino';
import { SluiceError } from '../../contract/errors.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import { traceIdOf } from '../../contract/traceparent.ts';
import type { LossKind } from '../endpoints/pod-connection.ts';
import { decideRetry, type Loss } from '../policy/retry.ts';
import type { GiveUpReason } from '../queue/counters.ts';
import type { PendingRequest } from '../queue/model-queue.ts';
import type { RequestBook } from '../queue/request-book.ts';

export interface RetriesDeps {
  readonly spec: () => ModelPool['spec'];
  readonly book: RequestBook;
  readonly log: Logger;
}

export class Retries {
  readonly #spec: () => ModelPool['spec'];
  readonly #book: RequestBook;
  readonly #log: Logger;

  constructor({ spec, book, log }: RetriesDeps) {
    this.#spec = spec;
    this.#book = book;
    this.#log = log;
  }

  /**
   * Decides what becomes of a request that the pod was sent and did not answer. No effect once it is settled.
   * @param pod name, and `detail` for people, both for the log
   */
  retry(request: PendingRequest, kind: LossKind, loss: Loss, pod: string, detail: string): void {
    request.modelQueue.counters.retries[kind] += 1;
    if (request.state !== 'sent') return;
    // The second pod is lost: the answer of the first one stands.
    if (request.unverified !== undefined) return this.#book.answer(request, request.unverified.outcome);
    if (loss.kind === 'not-executed') request.attempts -= 1;
    else if (loss.kind === 'pod-lost' && loss.alone) {
      request.podsLostAlone += 1;
      if (loss.hung) request.podsHungAlone += 1;
    }
    const decision = decideRetry({
      loss,
      attempts: request.attempts,
      podsLostAlone: request.podsLostAlone,
      podsHungAlone: request.podsHungAlone,
      idempotent: this.#spec().requests.idempotent,
    });
    if (decision.kind === 'fail') this.#giveUp(request, decision.reason, pod, detail);
    else if (decision.alone || request.mustTravelAlone) this.#book.isolate(request);
    else this.#book.enqueue(request);
  }

  #giveUp(request: PendingRequest, reason: GiveUpReason, pod: string, detail: string): void {
    request.modelQueue.counters.givenUp[reason] += 1;
    this.#log.error(
      {
        requestId: request.id,
        traceId: traceIdOf(request.traceparent),
        model: request.model,
        pod,
        attempts: request.attempts,
        why: reason,
        detail,
      },
      'request given up',
    );
    this.#book.fail(request, givenUpError(reason, request));
  }
}

function givenUpError(reason: GiveUpReason, { id, attempts, podsLostAlone }: PendingRequest): SluiceError {
  switch (reason) {
    case 'poison':
      return new SluiceError(
        'poison-request',
        `request '${id}' was the only one at each of ${podsLostAlone} pods when they were lost: it ends their process, or needs more memory than they have`,
      );
    case 'not-idempotent':
      return new SluiceError('pod-failed', 'the pod was lost, and the pool does not allow executing a request again');
    case 'attempts':
      return new SluiceError('pod-failed', `${attempts} pods were lost before they answered`);
  }
}
