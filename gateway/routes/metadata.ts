/** The paths that clients read: server and models, their readiness, metadata and configuration. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SluiceError } from '../../contract/errors.ts';
import { paths } from '../../contract/headers.ts';
import { repositoryExtension } from '../../contract/repository.ts';
import { route } from '../../runtime/http/routes.ts';
import type { Pool } from '../pool.ts';
import type { Pools } from '../pools.ts';

export interface MetadataDeps {
  readonly pools: Pools;
  readonly version: string;
  readonly isEnding: () => boolean;
}

/** Time that a pod has to describe a model. */
const readTimeoutMs = 5_000;

/** @returns whether a request for a model would be answered now */
export function metadataRoutes(app: FastifyInstance, deps: MetadataDeps): (model: string) => boolean {
  const { pools } = deps;

  route(app, '/v2', {
    right: 'observe',
    GET: (_request, reply) => {
      const extensions = [
        'binary_tensor_data',
        'classification',
        'model_configuration',
        repositoryExtension,
        'schedule_policy',
      ];
      void reply.send({ name: 'sluice', version: deps.version, extensions });
    },
  });
  route(app, '/v2/health/live', { right: 'observe', GET: (_request, reply) => void reply.send({ live: true }) });
  route(app, paths.ready, {
    right: 'observe',
    GET: (_request, reply) => {
      const missing = [...pools.all].filter(
        (pool) => pool.endpoints.accepting.size === 0 && pool.spec.scaling.minReplicas > 0,
      );
      const ready = pools.ready && !deps.isEnding() && missing.length === 0;
      if (ready) return void reply.send({ ready });
      const why = deps.isEnding()
        ? 'the gateway is ending'
        : missing.length > 0
          ? `no pod serves pool ${missing.map((pool) => `'${pool.name}'`).join(', ')}`
          : 'the gateway does not know its pools yet';
      void reply.code(503).header('retry-after', '1').send({ ready, error: why });
    },
  });
  route(app, '/v1/models', {
    right: 'observe',
    GET: (_request, reply) => void reply.send({ models: pools.models.filter(isAnswered) }),
  });

  // A pod answers these paths, which are the same on its own port.
  for (const suffix of ['', '/ready', '/config']) {
    route(app, `/v2/models/:model${suffix}`, { right: 'observe', GET: ask });
    route(app, `/v2/models/:model/versions/:version${suffix}`, { right: 'observe', GET: ask });
  }

  return isAnswered;

  function isAnswered(model: string): boolean {
    const { pool } = pools.find(model);
    return pool.endpoints.forModel(model, undefined) !== undefined || rests(pool);
  }

  function ask(request: FastifyRequest, reply: FastifyReply): void {
    const { model, version } = request.params as { model: string; version?: string };
    const { pool } = pools.find(model);
    const pod = pool.endpoints.forModel(model, version);
    const [asked] = request.url.split('?', 1) as [string];
    if (pod === undefined) {
      if (!asked.endsWith('/ready') || !rests(pool)) throw notReady(model, pool.endpoints.unservedReason(model));
      return void reply.send({ name: model, ready: true });
    }
    const path = asked.replace(/\/$/, '');
    const call = pod.upstream.get(path, {
      onAnswer: (answer) => {
        clearTimeout(timer);
        void reply.code(answer.status).type(answer.contentType).send(answer.body);
      },
      onLost: () => {
        clearTimeout(timer);
        void reply.send(notReady(model, null));
      },
    });
    const timer = setTimeout(() => call.abort('hung', 'the pod did not answer'), readTimeoutMs);
  }
}

/** @param reason why, in a pod's words; null if no pod has said */
function notReady(model: string, reason: string | null): SluiceError {
  const why = reason === null ? '' : ` (${reason})`;
  return new SluiceError('model-not-ready', `model '${model}' is not ready: no pod serves it${why}`, {
    retryAfterSeconds: 1,
  });
}

/** Whether a pool has no pod because it needs none: its next request starts one. */
function rests({ endpoints, spec }: Pool): boolean {
  return spec.scaling.minReplicas === 0 && endpoints.unreachable.length === 0 && endpoints.all.next().done === true;
}
