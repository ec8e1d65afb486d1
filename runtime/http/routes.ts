/** Registers a path: its right, its handlers, and for every other method a 405 that lists the allowed ones. */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { SluiceError } from '../../contract/errors.ts';
import { declareRoute } from './guard.ts';
import type { Right } from './rights.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    hijacks?: boolean;
  }
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof methods)[number];
type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

/** One handler a method; HEAD comes with GET. */
export interface PathHandlers extends Partial<Record<Method, Handler>> {
  /** Right that a request needs: one for all methods, or one for each. */
  readonly right: Right | Readonly<Partial<Record<Method, Right>>>;
  /** Methods whose handler hijacks each reply, before it does anything else: `hijackEarly` calls it. */
  readonly hijacks?: readonly Method[];
}

export function route(app: FastifyInstance, url: string, handlers: PathHandlers): void {
  const allowed: string[] = [];
  for (const method of methods) {
    const handler = handlers[method];
    if (handler === undefined) continue;
    const right = typeof handlers.right === 'string' ? handlers.right : handlers.right[method];
    if (right === undefined) throw new Error(`${method} ${url} declares no right`);
    app.route({ method, url, handler, config: { right, hijacks: handlers.hijacks?.includes(method) ?? false } });
    declareRoute(app, { method, path: url, right });
    allowed.push(method);
    if (method === 'GET') allowed.push('HEAD');
  }
  const allow = allowed.join(', ');
  app.route({
    method: app.supportedMethods.filter((method) => !allowed.includes(method)),
    url,
    // The refusal is the same for everybody.
    config: { right: 'observe' },
    handler: (request, reply) => {
      reply.raw.setHeader('allow', allow);
      throw new SluiceError('method-not-allowed', `${request.method} is not allowed here, only ${allow}`);
    },
  });
}

/**
 * Calls the handler of a route that hijacks its replies as soon as the request has a route. Fastify would parse its media type first, though
 * such a handler reads the body by itself: a twelfth of the CPU time that a gateway has for a predict request (docs/performance.md).
 */
export function hijackEarly(route: RouteOptions): void {
  if (route.config?.hijacks !== true) return;
  const { handler } = route;
  route.onRequest = function takeRequest(request, reply) {
    void handler.call(this, request, reply);
  };
}
