/** Composes the HTTP application of a model server: its port and every path of it. No listening, no signals, no environment. */
import type { FastifyInstance } from 'fastify';
import { quote, SluiceError } from '../contract/errors.ts';
import { mediaTypes, paths } from '../contract/headers.ts';
import { protocolErrors, sendError, type ErrorLog } from '../runtime/http/errors.ts';
import type { Guard } from '../runtime/http/guard.ts';
import { route } from '../runtime/http/routes.ts';
import type { HttpLimits } from '../runtime/http/limits.ts';
import { newServer } from '../runtime/http/server.ts';
import type { ModelMetrics } from './metrics.ts';
import { finishingError, type PodState } from './pod-state.ts';
import { controlRoutes } from './routes/control.ts';
import { EnvelopeExchange } from './routes/envelope.ts';
import { predictRoutes } from './routes/predict.ts';
import { repositoryRoutes } from './routes/repository.ts';
import { infoRoutes } from './routes/server-info.ts';
import { unbatchedRoute } from './routes/unbatched.ts';
import { versionsRoute } from './routes/versions.ts';

export interface AppOptions {
  readonly pod: PodState;
  readonly version: string;
  readonly metrics: ModelMetrics;
  readonly log: ErrorLog;
  /** Guard of control and envelopes; without one nobody passes it. */
  readonly guard?: Guard;
  /** Limits of the port other than the pod's defaults. */
  readonly limits?: Partial<HttpLimits>;
}

/** An envelope of many large bodies takes longer to arrive than any single request at a gateway. */
const requestTimeoutMs = 300_000;

export function buildApp({ pod, version, metrics, log, guard, limits }: AppOptions): FastifyInstance {
  const app = newServer({
    log,
    errorForm: protocolErrors,
    closes: 'idle',
    isEnding: () => pod.isFinishing,
    ...(guard === undefined ? {} : { guard }),
    limits: { requestTimeoutMs, ...limits },
  });
  envelopeRoute(app, pod, log);
  predictRoutes(app, pod, log);
  infoRoutes(app, pod, version);
  controlRoutes(app, pod, metrics);
  unbatchedRoute(app, pod, log);
  repositoryRoutes(app, pod);
  versionsRoute(app, pod);
  return app;
}

function envelopeRoute(app: FastifyInstance, pod: PodState, log: ErrorLog): void {
  route(app, paths.envelope, {
    right: 'peer',
    POST: (request, reply) => {
      reply.hijack();
      if (pod.isFinishing) {
        sendError(reply.raw, finishingError(), { log, close: true });
        return;
      }
      const contentType = request.headers['content-type'];
      if (contentType === mediaTypes.envelope) {
        new EnvelopeExchange({ pod, log, request: request.raw, response: reply.raw });
        return;
      }
      const message = `Content-Type: must be ${mediaTypes.envelope}, was: ${quote(contentType)}`;
      sendError(reply.raw, new SluiceError('unsupported-media-type', message), { log, close: true });
    },
  });
}
