/** Registers a path: its handlers, and for every other method a 405 that lists the allowed ones. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SluiceError } from '../../contract/errors.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

/** @param handlers one a method; HEAD comes with GET */
export function route(app: FastifyInstance, url: string, handlers: Partial<Record<Method, Handler>>): void {
  const allowed: string[] = [];
  for (const [method, handler] of Object.entries(handlers)) {
    app.route({ method: method, url, handler });
    allowed.push(method);
    if (method === 'GET') allowed.push('HEAD');
  }
  const allow = allowed.join(', ');
  app.route({
    method: app.supportedMethods.filter((method) => !allowed.includes(method)),
    url,
    handler: (request, reply) => {
      reply.raw.setHeader('allow', allow);
      throw new SluiceError('method-not-allowed', `${request.method} is not allowed here, only ${allow}`);
    },
  });
}
