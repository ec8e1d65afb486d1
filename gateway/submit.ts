/**
 * The way into the gateway for any protocol front: `find` the model's place, reserve room for the body there, then `submit`.
 * A front parses its requests and writes outcomes; admission, queueing and settlement are the same for all of them.
 */
import { SluiceError } from '../contract/errors.ts';
import type { ModelPlace, Pools } from './pools.ts';
import type { PredictRequest } from './queue/request.ts';
import type { RequestTrace, Tracing } from './telemetry/tracing.ts';

export interface SubmissionsDeps {
  readonly pools: Pick<Pools, 'find'>;
  /** Null unless the process has an OpenTelemetry SDK. */
  readonly tracing: Tracing | null;
}

export class Submissions {
  readonly #pools: Pick<Pools, 'find'>;
  readonly #tracing: Tracing | null;

  constructor({ pools, tracing }: SubmissionsDeps) {
    this.#pools = pools;
    this.#tracing = tracing;
  }

  /** @throws SluiceError `model-not-found`, or `model-not-ready` before the first view of the cluster */
  find(model: string): ModelPlace {
    return this.#pools.find(model);
  }

  /**
   * Submits the request; refusals are outcomes too.
   * @param place as found when the request arrived
   * @returns cancels it, if it is not settled yet: its client has gone
   */
  submit(place: ModelPlace, request: PredictRequest): () => void {
    let trace: RequestTrace | null = null;
    try {
      // The model may have moved while the body arrived.
      const { pool, modelQueue } = place.pool.book.serves(place.modelQueue) ? place : this.find(request.model);
      const { id, model, traceparent, arrivedAtMs } = request;
      trace = this.#tracing?.begin({ id, model, pool: pool.name, traceparent, arrivedAtMs }) ?? null;
      const pending = pool.submit(modelQueue, request, trace);
      return () => pool.book.cancel(pending);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      request.settle({ kind: 'error', error }, trace?.traceparent);
      trace?.end(error.status);
      return () => undefined;
    }
  }
}
