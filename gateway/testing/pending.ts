/** A request that waits, for tests of what holds requests; every field can be given. */
import { ModelQueue } from '../queue/model-queue.ts';
import type { PendingRequest } from '../queue/request.ts';

let sequence = 0;

export function pendingRequest(given: Partial<PendingRequest> = {}): PendingRequest {
  sequence += 1;
  return {
    id: `r${sequence}`,
    model: 'm',
    modelQueue: new ModelQueue('m'),
    version: undefined,
    protocol: 'oip',
    contentType: undefined,
    contentEncoding: undefined,
    inferenceHeaderLength: undefined,
    traceparent: undefined,
    trace: null,
    body: [],
    bytes: 0,
    priority: 5,
    arrivedAtMs: 0,
    deadlineAtMs: 1_000,
    sequence,
    settle: () => undefined,
    state: 'queued',
    estimatedRows: 1,
    attempts: 0,
    podsLostAlone: 0,
    isolated: false,
    unverified: undefined,
    deadlinePlace: { tick: -1, index: -1 },
    ...given,
  };
}
