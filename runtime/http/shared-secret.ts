/** The shared secret in memory: the header that this process sends to peers, and the constant-time check of those that it gets. */
import { timingSafeEqual } from 'node:crypto';
import { authorizationOf, maxAuthorizationLength } from '../../contract/shared-secret.ts';

export class SharedSecret {
  /** Value of `Authorization` for requests to peers; null without a secret. */
  authorization: string | null = null;
  /** Headers that are accepted, each padded with zeros to one length. */
  #accepted: readonly Buffer[] = [];
  readonly #presented = Buffer.alloc(maxAuthorizationLength);

  /** @param lines the first is sent, all are accepted; none: nothing is sent, and nobody accepted */
  constructor(lines: readonly string[] = []) {
    this.replace(lines);
  }

  /** Takes a changed secret, for requests from now on. */
  replace(lines: readonly string[]): void {
    const [first] = lines;
    this.authorization = first === undefined ? null : authorizationOf(first);
    this.#accepted = lines.map((line) => {
      const padded = Buffer.alloc(maxAuthorizationLength);
      padded.write(authorizationOf(line), 'utf8');
      return padded;
    });
  }

  /** Whether a request's `Authorization` carries the secret. Takes as long for any value, and allocates nothing. */
  matches(header: string | undefined): boolean {
    if (header === undefined || header.length > maxAuthorizationLength) return false;
    const presented = this.#presented;
    // Characters beyond ASCII become bytes that no secret has.
    presented.fill(0, presented.write(header, 'utf8'));
    let found = false;
    // No early end: the time must not tell which line matched.
    for (const accepted of this.#accepted) if (timingSafeEqual(accepted, presented)) found = true;
    return found;
  }
}
