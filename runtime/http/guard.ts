/**
 * Guards the routes of control and of peers by the shared secret: refuses, counts and logs requests that do not carry it. The one
 * place that decides who may call what; identity by other means will be asked for here.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { SluiceError } from '../../contract/errors.ts';
import { connectionOf } from './connection.ts';
import type { ErrorLog } from './errors.ts';
import { isGuarded, type GuardedRight, type Right } from './rights.ts';
import type { SharedSecret } from './shared-secret.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    right?: Right;
  }
}

export interface GuardOptions {
  readonly secret: SharedSecret;
  /** Whether requests without the secret are let pass, and counted. */
  readonly acceptsPeersWithoutSecret: boolean;
}

/** Metric of GuardCounters, the same for each process; labels are `component` and `outcome`. */
export const unauthorizedRequests = {
  name: 'sluice_unauthorized_requests_total',
  help: 'Requests to guarded routes that did not carry the shared secret',
} as const;

/** Outcomes of requests to guarded routes that do not carry the secret: `accepted` is by the setting. */
export const guardOutcomes = ['refused', 'accepted'] as const;
export type GuardCounters = Record<(typeof guardOutcomes)[number], number>;

/** Time between two lines about requests without the secret. */
const quietMs = 10_000;

export class Guard {
  readonly secret: SharedSecret;
  readonly acceptsPeersWithoutSecret: boolean;
  readonly counters: GuardCounters = { refused: 0, accepted: 0 };
  readonly #log: ErrorLog;
  readonly #now: () => number;
  #loggedAtMs = -Infinity;

  /** @param now monotonic clock, milliseconds */
  constructor({ secret, acceptsPeersWithoutSecret }: GuardOptions, log: ErrorLog, now: () => number) {
    this.secret = secret;
    this.acceptsPeersWithoutSecret = acceptsPeersWithoutSecret;
    this.#log = log;
    this.#now = now;
  }

  /** @throws SluiceError `unauthorized` */
  check(request: IncomingMessage, right: GuardedRight): void {
    if (this.secret.matches(request.headers.authorization)) {
      const connection = connectionOf(request);
      if (connection !== undefined) connection.isPeer = true;
      return;
    }
    const isAccepted = this.acceptsPeersWithoutSecret;
    this.counters[isAccepted ? 'accepted' : 'refused'] += 1;
    this.#report(request, right);
    if (!isAccepted) throw new SluiceError('unauthorized', this.#message());
  }

  #message(): string {
    const settings = 'SLUICE_SECRET or --secret-file (SLUICE_SECRET_FILE)';
    return this.secret.authorization === null
      ? `this process has no shared secret, so it takes orders from nobody: set ${settings}, the same for gateways, scalers and pods`
      : `the request must carry the shared secret as 'Authorization: Bearer <secret>': it is ${settings} of this process`;
  }

  #report({ method, url = '', socket }: IncomingMessage, right: GuardedRight): void {
    const nowMs = this.#now();
    if (nowMs - this.#loggedAtMs < quietMs) return;
    this.#loggedAtMs = nowMs;
    this.#log.error(
      { method, path: url.slice(0, 200), right, address: socket.remoteAddress, ...this.counters },
      this.acceptsPeersWithoutSecret
        ? 'a request without the shared secret was accepted, by --accept-peers-without-secret'
        : 'a request without the shared secret was refused',
    );
  }
}

/** Puts the guard in front of a route as it is registered. @throws Error if the route declares no right */
export function guardRoute(route: RouteOptions, guard: Guard): void {
  const right = route.config?.right;
  if (right === undefined) throw new Error(`route ${String(route.method)} ${route.url} declares no right`);
  if (!isGuarded(right)) return;
  const { handler } = route;
  route.handler = function guarded(request, reply) {
    guard.check(request.raw, right);
    return handler.call(this, request, reply);
  };
}

export interface DeclaredRoute {
  readonly method: string;
  readonly path: string;
  readonly right: Right;
}

const declared = new WeakMap<FastifyInstance, DeclaredRoute[]>();

/** Remembers what a path declares, for tests that hold every path to its right. */
export function declareRoute(app: FastifyInstance, route: DeclaredRoute): void {
  const routes = declared.get(app) ?? [];
  routes.push(route);
  declared.set(app, routes);
}

export function declaredRoutes(app: FastifyInstance): readonly DeclaredRoute[] {
  return declared.get(app) ?? [];
}
