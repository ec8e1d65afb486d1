/**
 * Shares the event loop between clients when the connections of one of them all bring a request at the same time. The first few of such a
 * crowd are served at once; the others wait in the client's line, which gets a short time in each turn of the loop as long as
 * other clients are served. Single connections that bring many requests are read-turns.ts's.
 */
import type { ClientAccount, Clients } from './clients.ts';
import { Turns } from './turns.ts';

/** Requests of one client that are served in one turn of the loop before its others wait. */
const servedAtOnce = 8;
/** Milliseconds that a request takes in later events: to be sent to a pod, and to be answered. */
const followsMs = 0.1;

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
    // A crowd takes turns with others, but doesn't rest beyond that: its clients may be as good as any.
    this.#turns = new Turns({ turnMs, now, servesOthersThan: () => false });
  }

  /** Serves a request of the client now, or in its turn. Requests of one client are served in the order in which they came. */
  serve(client: ClientAccount, request: () => void): void {
    if (this.#brought.size === 0) setImmediate(() => this.#brought.clear());
    const brought = (this.#brought.get(client) ?? 0) + 1;
    this.#brought.set(client, brought);
    const isCrowd = (): boolean => brought > servedAtOnce && this.#clients.serveOthersThan(new Set([client]));
    if (this.#turns.hasTasksOf(client) || isCrowd()) this.#turns.inTurn(client, request, followsMs);
    else request();
  }
}
