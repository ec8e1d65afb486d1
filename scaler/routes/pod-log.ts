/** `/api/pods/<pod>/log` of the scaler: the last lines of a pod, where the one who runs the pods keeps them (`sluice up`). Read only. */
import type { FastifyInstance } from 'fastify';
import type { ScalableCluster } from '../../cluster/scalable.ts';
import { quote, SluiceError } from '../../contract/errors.ts';
import { route } from '../../runtime/http/routes.ts';

export function podLogRoutes(app: FastifyInstance, cluster: Pick<ScalableCluster, 'readLog'>): void {
  route(app, '/api/pods/:pod/log', {
    right: 'observe',
    GET: async (request, reply) => {
      const { pod } = request.params as { pod: string };
      const { from, previous } = request.query as { from?: unknown; previous?: unknown };
      const query = { from: from === undefined ? null : numberOf(from), previous: previous === 'true' };
      if (cluster.readLog === undefined) {
        throw new SluiceError('route-not-found', 'this cluster keeps no lines of pods here: ask it for them');
      }
      const log = await cluster.readLog(pod, query);
      if (log === null) {
        const what = query.previous ? 'no earlier process' : 'no lines';
        throw new SluiceError('route-not-found', `there are ${what} of a pod ${quote(pod)}`);
      }
      return reply.header('cache-control', 'no-store').send(log);
    },
  });
}

function numberOf(from: unknown): number {
  if (typeof from === 'string' && /^\d{1,15}$/.test(from)) return Number(from);
  throw new SluiceError('invalid-request', `from: must be the number of a line, was: ${quote(String(from))}`);
}
