/**
 * Errors that a client of Sluice can see, one row per code. `docs/errors.md` is checked against this table.
 *
 * Messages of 4xx errors are complete and name the field and its value. Causes of 5xx errors go to the log; the client gets a
 * general message.
 */
interface ErrorRow {
  readonly status: number;
  /** Whether the same request, unchanged, may succeed later. */
  readonly retryable: boolean;
  readonly meaning: string;
}

export const errorTable = {
  'invalid-json': {
    status: 400,
    retryable: false,
    meaning: 'The body, or the JSON head of a binary body, is not JSON.',
  },
  'invalid-request': {
    status: 400,
    retryable: false,
    meaning: 'A field is missing, unknown, of a wrong type or out of its range.',
  },
  'invalid-tensor': {
    status: 400,
    retryable: false,
    meaning: 'A tensor disagrees with its shape, its datatype or the model.',
  },
  'invalid-binary': {
    status: 400,
    retryable: false,
    meaning: 'The binary sizes do not add up, or the header length lies.',
  },
  'invalid-encoding': {
    status: 400,
    retryable: false,
    meaning: 'The body does not decompress by its Content-Encoding.',
  },
  'invalid-header': {
    status: 400,
    retryable: false,
    meaning: 'A header that Sluice reads has a value that it cannot use.',
  },
  'too-many-rows': { status: 400, retryable: false, meaning: 'One request has more rows than the model takes.' },
  'invalid-envelope': {
    status: 400,
    retryable: false,
    meaning: 'A pod was sent an envelope that breaks its own framing.',
  },
  unauthorized: {
    status: 401,
    retryable: false,
    meaning: 'The path is for gateways, scalers and operators, and the request does not carry the shared secret.',
  },
  'model-not-found': { status: 404, retryable: false, meaning: 'No pool serves a model of this name.' },
  'version-not-found': { status: 404, retryable: false, meaning: 'The model has no such version.' },
  'route-not-found': { status: 404, retryable: false, meaning: 'No such path.' },
  'method-not-allowed': { status: 405, retryable: false, meaning: 'The path exists, and does not take this method.' },
  'drain-held': {
    status: 409,
    retryable: false,
    meaning: 'Another holder drains this pod; its lease lapses unless it is renewed.',
  },
  'request-timeout': { status: 408, retryable: true, meaning: 'The body came more slowly than this server waits.' },
  'body-too-large': {
    status: 413,
    retryable: false,
    meaning: "The body is over the pool's requests.maxBodyBytes, as sent or decompressed.",
  },
  'too-costly': {
    status: 413,
    retryable: false,
    meaning: 'Reading the body, or writing the answer, takes more CPU time or memory than a pod gives one request.',
  },
  'load-failed': {
    status: 400,
    retryable: false,
    meaning: 'A model that was to be loaded cannot be; what served before serves on.',
  },
  'unsupported-media-type': {
    status: 415,
    retryable: false,
    meaning: 'The Content-Type or Content-Encoding is not one that Sluice reads.',
  },
  'model-failed': {
    status: 500,
    retryable: false,
    meaning: 'The model or its transform failed on this input; the log of the pod says why.',
  },
  'poison-request': {
    status: 500,
    retryable: false,
    meaning:
      'Two pods ended while each held this request alone, or of three lost ones some hung; it is not tried again.',
  },
  'pod-failed': { status: 502, retryable: true, meaning: 'Every attempt ended without an answer from a pod.' },
  internal: { status: 500, retryable: true, meaning: 'A defect of Sluice; the log says what happened.' },
  'queue-full': { status: 503, retryable: true, meaning: "The pool's queue is at maxQueued or maxQueuedBytes." },
  'client-limit': {
    status: 503,
    retryable: true,
    meaning: 'Bodies of one client address take as much memory as they may while they arrive.',
  },
  'no-pod': {
    status: 503,
    retryable: true,
    meaning: 'No pod, or none that serves the model, became ready within coldStartHoldMs.',
  },
  overloaded: {
    status: 503,
    retryable: true,
    meaning: 'The wait predicted now is longer than the objective or the deadline allows.',
  },
  'model-not-ready': {
    status: 503,
    retryable: true,
    meaning: 'The model is known and still loading, or no pod serves it.',
  },
  busy: {
    status: 503,
    retryable: true,
    meaning: 'A pod holds as much as it may stage, or is ending; the request was not executed.',
  },
  'deadline-exceeded': { status: 504, retryable: true, meaning: 'The deadline passed before an answer was there.' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

/** Longest message that a client is sent: names and values in it may be as long as a request. */
const longestMessage = 800;

/** Error whose message may be sent to the client unchanged. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  readonly code: ErrorCode;
  readonly status: number;
  /** Value of the `Retry-After` header in whole seconds; undefined leaves the header out. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryAfterSeconds?: number } = {}) {
    super(shortened(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = errorTable[code].status;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

function shortened(message: string): string {
  if (message.length <= longestMessage) return message;
  return `${message.slice(0, longestMessage - 100)}... (${message.length} characters)`;
}

/** JSON body of an error on the paths of the Open Inference Protocol and KServe V1. */
export function errorBody(message: string): Buffer {
  return Buffer.from(JSON.stringify({ error: message }));
}

/** Renders a client's value for an error message, on one line and cut to 80 characters. */
export function quote(value: unknown): string {
  // A long text or list is cut before it is written, which would take as long as it is.
  const short = typeof value === 'string' || Array.isArray(value) ? (value as string).slice(0, 100) : value;
  const text =
    typeof short === 'bigint' ? String(short) : ((JSON.stringify(short) as string | undefined) ?? String(short));
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
