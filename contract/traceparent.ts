/**
 * The `traceparent` header (W3C Trace Context): `00-<trace id>-<parent span id>-<flags>`, in hexadecimal. Invalid headers are
 * ignored, as the recommendation requires.
 */
export interface TraceParent {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 hexadecimal digits, not all zero. */
  readonly spanId: string;
  /** Flag bits; the lowest one means that the caller samples the trace. */
  readonly flags: number;
}

/** Versions above 00 may append fields after the flags. Version ff is invalid. */
const pattern = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const allZero = /^0+$/;
const maxLength = 512;

export function parseTraceparent(value: string | undefined): TraceParent | null {
  if (value === undefined || value.length > maxLength) return null;
  const found = pattern.exec(value);
  if (found === null) return null;
  const [, version, traceId = '', spanId = '', flags = '', more] = found;
  if ((version === '00' && more !== undefined) || allZero.test(traceId) || allZero.test(spanId)) return null;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

/** Formats in version 00, which every reader understands. */
export function formatTraceparent({ traceId, spanId, flags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
}

/** Trace id for log lines; undefined without a valid header, so that loggers omit the field. */
export function traceIdOf(value: string | undefined): string | undefined {
  return parseTraceparent(value)?.traceId;
}
