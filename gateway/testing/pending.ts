/** A request that waits, for tests of what holds requests; every field can be given. */
import { Lane } from '../queue/model-queue.ts';
import type { Pending } from '../queue/request.ts';

let sequence = 0;

export function pendingRequest(given: Partial<Pending> = {}): Pending {
  sequence += 1;
  return {
    id: `r${sequence}`,
    model: 'm',
    lane: new Lane('m'),
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
    suspect: false,
    doubted: undefined,
    deadlinePlace: { tick: -1, index: -1 },
    ...given,
  };
}
