/** `GET /api/prometheus/targets` of the scaler: whom a Prometheus outside Kubernetes is to scrape. */
import type { FastifyInstance } from 'fastify';
import { route } from '../../runtime/http/routes.ts';
import type { Scaler } from '../scaler.ts';

export function targetRoutes(app: FastifyInstance, scaler: Pick<Scaler, 'scrapeTargets'>): void {
  route(app, '/api/prometheus/targets', {
    right: 'observe',
    GET: (request, reply) => reply.header('cache-control', 'no-store').send(scaler.scrapeTargets(request.host)),
  });
}
