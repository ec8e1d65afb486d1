/** Header names, in lower case as Node parses them. */
export const headers = {
  /** Length of the JSON head of a body with binary tensors (Open Inference Protocol, binary extension). */
  inferenceHeaderLength: 'inference-header-content-length',
  requestId: 'x-request-id',
  traceparent: 'traceparent',
  /** Client's timeout in milliseconds, counted from the arrival at the gateway. */
  timeoutMs: 'sluice-timeout-ms',
  /** Priority from 1 (highest) to 9, within the pool's limits. `parameters.priority` of the protocol has the same scale, with 0 meaning the default. */
  priority: 'sluice-priority',
  /** Version of the pool, and hash of its content, that a gateway means where the path names none. Pods read them; clients name a version in the path. */
  modelVersion: 'sluice-model-version',
  modelHash: 'sluice-model-hash',
  /** Response header of a pod that has not executed the request, since the version is not ready there. */
  notReady: 'sluice-not-ready',
  /** Response header: name of the pod that computed the answer. */
  pod: 'sluice-pod',
  /** Response header: rows of the model run that computed the answer, over all requests in that run. */
  batch: 'sluice-batch',
} as const;

export const mediaTypes = {
  envelope: 'application/vnd.sluice.envelope',
  json: 'application/json',
  binary: 'application/octet-stream',
  problem: 'application/problem+json',
  lines: 'application/x-ndjson',
} as const;

/** Extension name in the answer of `GET /v2` that announces support for envelopes. */
export const envelopeExtension = 'sluice_envelope';

export const paths = {
  envelope: '/v2/envelope',
  podStatus: '/v2/pod',
  drain: '/drain',
  /** Where a gateway tells a pod which models must not be batched any more. */
  unbatched: '/v2/unbatched',
  /** Where the scaler tells a pod which versions of models to load, and which one is the default. */
  versions: '/v2/repository/versions',
  /** Readiness, as every server of the Open Inference Protocol tells it. */
  ready: '/v2/health/ready',
} as const;
