/** Requests for tests of what holds requests; every field can be given. */
import { ModelQueue, type PendingRequest } from '../queue/model-queue.ts';
import type { PredictRequest } from '../queue/request.ts';

let sequence = 0;

export function predictRequest(given: Partial<PredictRequest> = {}): PredictRequest {
  sequence += 1;
  return {
    id: `r${sequence}`,
    model: 'm',
    version: undefined,
    protocol: 'oip',
    contentType: undefined,
    contentEncoding: undefined,
    inferenceHeaderLength: undefined,
    traceparent: undefined,
    body: [],
    bytes: 0,
    priority: 5,
    answerRoom: undefined,
    answerTurn: 1,
    arrivedAtMs: 0,
    deadlineAtMs: 1_000,
    settle: () => undefined,
    ...given,
  };
}

export function pendingRequest(given: Partial<PendingRequest> = {}): PendingRequest {
  return {
    ...predictRequest(),
    modelQueue: new ModelQueue('m'),
    sequence,
    trace: null,
    state: 'queued',
    estimatedRows: 1,
    work: given.estimatedRows ?? 1,
    rowElements: 0,
    shape: 0,
    resolved: null,
    attempts: 0,
    answerBytes: 0,
    podsLostAlone: 0,
    podsHungAlone: 0,
    mustTravelAlone: false,
    unverified: undefined,
    deadlinePlace: { tick: -1, index: -1 },
    ...given,
  };
}
