/**
 * Text of the shared secret: what a file or variable may hold, and the header that carries it. Error messages never quote it.
 *
 * Each line is one secret. The first is sent, all are accepted: while a secret is replaced, processes that know the new one only
 * from their second line already accept it.
 */

const minLength = 16;
/** Above any real key; the guard compares this many bytes whatever it is given. */
const maxLength = 256;
const maxLines = 4;

export type ParsedSecret =
  | { readonly lines: readonly [string, ...string[]]; readonly error: null }
  | { readonly lines: null; readonly error: string };

export function parseSecret(text: string): ParsedSecret {
  const lines = text.replace(/(\r?\n)+$/, '').split(/\r?\n/);
  if (lines.length > maxLines) return wrong(`must have at most ${maxLines} lines, has ${lines.length}`);
  for (const [index, line] of lines.entries()) {
    const which = lines.length === 1 ? '' : `line ${index + 1} `;
    if (line.length < minLength || line.length > maxLength) {
      return wrong(`${which}must have ${minLength} to ${maxLength} characters, has ${line.length}`);
    }
    if (!/^[!-~]+$/.test(line)) return wrong(`${which}must be visible ASCII characters without spaces`);
  }
  return { lines: lines as [string, ...string[]], error: null };
}

function wrong(error: string): ParsedSecret {
  return { lines: null, error };
}

const scheme = 'Bearer ';
/** Longest value of the header. */
export const maxAuthorizationLength = scheme.length + maxLength;

/** Value of the header `Authorization` (RFC 6750). */
export function authorizationOf(secret: string): string {
  return `${scheme}${secret}`;
}
