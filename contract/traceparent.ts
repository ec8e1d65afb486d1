/**
 * The header `traceparent` (W3C Trace Context): `00-<trace id>-<id of the calling span>-<flags>`, in hexadecimal. What is
 * not valid counts as not sent, as the recommendation asks.
 */
export interface TraceParent {
  /** 32 digits, not all zero. */
  readonly traceId: string;
  /** 16 digits, not all zero. */
  readonly spanId: string;
  /** Bit 1: the caller keeps this trace. */
  readonly flags: number;
}

/** Versions after 00 may go on behind the flags; ff is none. */
const pattern = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const none = /^0+$/;
const longest = 512;

export function parseTraceparent(value: string | undefined): TraceParent | null {
  if (value === undefined || value.length > longest) return null;
  const found = pattern.exec(value);
  if (found === null) return null;
  const [, version, traceId = '', spanId = '', flags = '', more] = found;
  if ((version === '00' && more !== undefined) || none.test(traceId) || none.test(spanId)) return null;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

/** The same in version 00, which every reader knows. */
export function formatTraceparent({ traceId, spanId, flags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
}

/** For log lines; undefined where there is no valid one, so that the field is left out. */
export function traceIdOf(value: string | undefined): string | undefined {
  return parseTraceparent(value)?.traceId;
}
