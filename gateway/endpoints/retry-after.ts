/** `Retry-After` of a foreign server, as it may be passed on to a client. */

const secondsPattern = /^\d{1,9}$/;
/** HTTP-date in its preferred form (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`. */
const datePattern = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** The value as it came if it is a number of seconds or an HTTP date, undefined otherwise. */
export function validRetryAfter(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (secondsPattern.test(value)) return value;
  return datePattern.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;
}
