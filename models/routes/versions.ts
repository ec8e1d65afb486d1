/** POST /v2/repository/versions: the scaler's leader tells this pod which versions to load, and which one answers by default. */
import type { FastifyInstance } from 'fastify';
import { paths } from '../../contract/headers.ts';
import { VersionWish } from '../../contract/model-versions.ts';
import { route } from '../../runtime/http/routes.ts';
import { readSmallJson } from '../../runtime/http/small-json.ts';
import type { PodState } from '../pod-state.ts';

/** A thousand models with a hundred versions each are never wished; this is what they would take with their hashes. */
const maxBytes = 16 * 1024 * 1024;

export function versionsRoute(app: FastifyInstance, pod: PodState): void {
  route(app, paths.versions, {
    right: 'operate',
    POST: async (request, reply) => {
      const wish = await readSmallJson(request.raw, VersionWish, { maxBytes });
      if (pod.live !== null) pod.live.follow(wish);
      else pod.gate?.hear(wish);
      return reply.send(pod.status());
    },
  });
}
