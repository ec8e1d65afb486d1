/** The repository extension at a pod: what it has, and loading and unloading of models while it serves. */
import type { FastifyInstance } from 'fastify';
import { quote, SluiceError } from '../../contract/errors.ts';
import { indexEntry, IndexRequest, repositoryPaths, RepositoryRequest } from '../../contract/repository.ts';
import { route } from '../../runtime/http/routes.ts';
import { readSmallJson } from '../../runtime/http/small-json.ts';
import type { PodState } from '../pod-state.ts';
import type { LiveModels } from '../repository/live-models.ts';

export function repositoryRoutes(app: FastifyInstance, pod: PodState): void {
  route(app, repositoryPaths.index, {
    right: 'observe',
    POST: async (request, reply) => {
      const { ready = false } = await readSmallJson(request.raw, IndexRequest);
      const entries = pod.models.status().map(indexEntry);
      return reply.send(ready ? entries.filter(({ state }) => state === 'READY') : entries);
    },
  });
  const act = (path: string, action: (live: LiveModels, model: string) => Promise<void>): void => {
    route(app, path, {
      right: 'operate',
      POST: async (request, reply) => {
        const { model } = request.params as { model: string };
        checkParameters(await readSmallJson(request.raw, RepositoryRequest));
        if (pod.live === null || pod.loading) {
          throw new SluiceError('model-not-ready', 'the pod is loading its models', { retryAfterSeconds: 1 });
        }
        await action(pod.live, model);
        return reply.code(200).send({});
      },
    });
  };
  act(repositoryPaths.load, (live, model) => live.loadModel(model));
  act(repositoryPaths.unload, (live, model) => live.unloadModel(model));
}

/** Parameters that change nothing here: no model depends on another. */
const ignored = new Set(['unload_dependents']);

/** @throws SluiceError for what Triton takes and Sluice does not: a configuration, or the files themselves */
export function checkParameters({ parameters = {} }: RepositoryRequest): void {
  for (const name of Object.keys(parameters)) {
    if (ignored.has(name)) continue;
    throw new SluiceError(
      'invalid-request',
      `/parameters/${name}: is not taken: models and their config.yaml come from the repository, was: ${quote(parameters[name])}`,
    );
  }
}
