/** POST /v2/unbatched: a gateway tells this pod which models must not be batched any more, as other pods have found. */
import type { FastifyInstance } from 'fastify';
import { paths } from '../../contract/headers.ts';
import { UnbatchedNotice } from '../../contract/unbatched.ts';
import type { ErrorLog } from '../../runtime/http/errors.ts';
import { route } from '../../runtime/http/routes.ts';
import { readSmallJson } from '../../runtime/http/small-json.ts';
import type { PodState } from '../pod-state.ts';

/** Words of the log for both ways in which a model is unbatched in service. */
export const noLongerBatched = 'requests are no longer batched';
const maxBytes = 16 * 1024 * 1024;

export function unbatchedRoute(app: FastifyInstance, pod: PodState, log: ErrorLog): void {
  route(app, paths.unbatched, {
    right: 'peer',
    POST: async (request, reply) => {
      const { models } = await readSmallJson(request.raw, UnbatchedNotice, { maxBytes, what: 'notice' });
      for (const found of models) {
        if (!pod.unbatch(found)) continue;
        const { name, version, reason } = found;
        log.error({ model: name, version, unbatchedReason: reason }, `${noLongerBatched}, as another pod has found`);
      }
      return reply.code(204).send();
    },
  });
}
