/** Registers a path for the methods it has, and an answer that says so for all the others. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SluiceError } from '../../contract/errors.ts';

export type Handler = (request: FastifyRequest, reply: FastifyReply) => void;

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export function route(
  app: FastifyInstance,
  url: string,
  handlers: Partial<Record<(typeof methods)[number], Handler>>,
): void {
  const allowed = methods.filter((method) => handlers[method] !== undefined);
  for (const method of methods) {
    const handler = handlers[method];
    app.route({
      method,
      url,
      handler:
        handler ??
        ((request, reply) => {
          void reply.header('allow', allowed.join(', '));
          throw new SluiceError(
            'method-not-allowed',
            `${request.method} is not allowed here, only ${allowed.join(', ')}`,
          );
        }),
    });
  }
}
