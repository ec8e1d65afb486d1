/** The paths for gateways, scaler and operators: the pod's status, its drain and its metrics. */
import type { FastifyInstance } from 'fastify';
import { paths } from '../../contract/headers.ts';
import { route } from '../../runtime/http/routes.ts';
import type { ModelMetrics } from '../metrics.ts';
import type { PodState } from '../pod-state.ts';

export function controlRoutes(app: FastifyInstance, pod: PodState, metrics: ModelMetrics): void {
  const setDraining = (draining: boolean) => {
    pod.draining = draining;
    return pod.status();
  };
  route(app, paths.podStatus, { GET: (_request, reply) => reply.send(pod.status()) });
  route(app, paths.drain, {
    POST: (_request, reply) => reply.send(setDraining(true)),
    DELETE: (_request, reply) => reply.send(setDraining(false)),
  });
  route(app, '/metrics', {
    GET: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  });
}
