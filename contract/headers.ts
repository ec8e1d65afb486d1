/** Header names, lower-case as Node gives them. */
export const headers = {
  /** Bytes of JSON at the start of a body with binary tensors (Open Inference Protocol, binary extension). */
  inferenceHeaderLength: 'inference-header-content-length',
  requestId: 'x-request-id',
  traceparent: 'traceparent',
  /** Milliseconds that the client is willing to wait, counted from the arrival at the gateway. */
  timeoutMs: 'sluice-timeout-ms',
  /** 1 (highest) to 9; 5 without the header. The protocol's `parameters.priority` has the same scale, 0 meaning 5. */
  priority: 'sluice-priority',
  /** On an answer: the pod that computed it. */
  pod: 'sluice-pod',
  /** On an answer: rows of the run that computed it, its own and those of other requests. */
  batch: 'sluice-batch',
} as const;

export const mediaTypes = {
  envelope: 'application/vnd.sluice.envelope',
  json: 'application/json',
  binary: 'application/octet-stream',
  problem: 'application/problem+json',
  lines: 'application/x-ndjson',
} as const;

/** The name in `GET /v2` `extensions` by which a gateway knows that a server takes envelopes. */
export const envelopeExtension = 'sluice_envelope';

export const paths = {
  envelope: '/v2/envelope',
  podStatus: '/v2/pod',
  /** Readiness, as every server of the Open Inference Protocol tells it. */
  ready: '/v2/health/ready',
} as const;
