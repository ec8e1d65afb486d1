/**
 * Shares the event loop between clients when the connections of one of them all bring a request at the same time. The first few of such a
 * crowd are served at once; the others wait in the client's line, which gets a short time in each turn of the loop as long as
 * other clients are served. A client that has cut many connections short waits there with each request, and most of them are gone before
 * they cost more. Single connections that bring many requests are read-turns.ts's.
 */
import type { ClientAccount, Clients } from './clients.ts';
import { Turns } from './turns.ts';

/** Requests of one client that are served in one turn of the loop before its others wait. */
const servedAtOnce = 8;
/** Milliseconds that a request takes in later events: to be sent to a pod, and to be answered. */
const followsMs = 0.1;
/** The same for a client that cuts connections short: with what its next connection takes, and the end of that. */
const cutShortMs = 0.6;

export interface CrowdsOptions {
  readonly clients: Clients;
  /** Time for those that wait in one turn of the loop, milliseconds. */
  readonly turnMs: number;
  /** Monotonic clock, milliseconds. */
  readonly now: () => number;
}

export class Crowds {
  readonly #clients: Clients;
  readonly #turns: Turns<ClientAccount>;
  /** Requests that each client has brought in this turn of the loop. */
  readonly #brought = new Map<ClientAccount, number>();

  constructor({ clients, turnMs, now }: CrowdsOptions) {
    this.#clients = clients;
    // A crowd takes turns with others, but doesn't rest beyond that: its clients may be as good as any. Those who leave do rest.
    const servesOthersThan = (served: ReadonlySet<ClientAccount>): boolean =>
      [...served].some((client) => clients.cutsShort(client)) && clients.serveOthersThan(served);
    this.#turns = new Turns({ turnMs, now, servesOthersThan });
  }

  /**
   * Serves a request of the client now, or in its turn. Requests of one client are served in the order in which they came.
   * @param request returns whether its client was still there
   */
  serve(client: ClientAccount, request: () => boolean): void {
    if (this.#brought.size === 0) setImmediate(() => this.#brought.clear());
    const brought = (this.#brought.get(client) ?? 0) + 1;
    this.#brought.set(client, brought);
    const isInMasses = brought > servedAtOnce || this.#clients.cutsShort(client);
    const waits = isInMasses && this.#clients.serveOthersThan(new Set([client]));
    if (!waits && !this.#turns.hasTasksOf(client)) request();
    else this.#turns.enqueue({ turn: () => (request() ? this.#followsMs(client) : 0) }, client);
  }

  #followsMs(client: ClientAccount): number {
    return this.#clients.cutsShort(client) ? cutShortMs : followsMs;
  }
}
