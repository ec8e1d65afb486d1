/**
 * The HTTP application of a model server: every path, and what answers it. No listening, no signals, no environment.
 *
 * Predict paths and the envelope write on Node's own response, since they are the hot path and one of them streams.
 */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { quote, SluiceError } from '../contract/errors.ts';
import { mediaTypes, paths } from '../contract/headers.ts';
import { endWithError } from '../contract/last-answer.ts';
import { noRouteSchemas } from '../contract/no-route-schemas.ts';
import type { ModelMetrics } from './metrics.ts';
import type { Pod } from './pod-state.ts';
import { EnvelopeExchange } from './routes/envelope.ts';
import { sendError, sendJson, toSluiceError, type ErrorLog } from './routes/http.ts';
import { servePredict } from './routes/predict.ts';
import { modelConfiguration, modelMetadata, modelStatistics, serverMetadata } from './routes/server-info.ts';

type Method = 'GET' | 'POST' | 'DELETE';
type Handler = (request: FastifyRequest, reply: FastifyReply) => void | Promise<void>;
type Parameters = { readonly model: string; readonly version?: string };

export interface AppOptions {
  readonly pod: Pod;
  readonly version: string;
  readonly metrics: ModelMetrics;
  readonly log: ErrorLog;
}

const everyMethod = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
/** More than the 128 characters of a name, percent-encoded: longer ones are an unknown model, not an unknown path. */
const maxParamLength = 1024;
/** A whole request must be there within this time; the answer may take any. */
const requestTimeoutMs = 300_000;
/** Above the idle time of gateways and load balancers, so that they close first. */
const keepAliveTimeoutMs = 75_000;

export function buildApp({ pod, version, metrics, log }: AppOptions): FastifyInstance {
  const { models } = pod;
  const app = fastify({
    logger: false,
    schemaController: noRouteSchemas,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: {
      ignoreTrailingSlash: true,
      maxParamLength,
      onBadUrl: (path, _request, response) => {
        sendError(response, new SluiceError('invalid-request', `path ${quote(path)} is not percent-encoded UTF-8`));
      },
    },
    clientErrorHandler: (error, socket) => {
      // An answer may be half written; then only closing is left.
      if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
        socket.destroy();
        return;
      }
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
        endWithError(socket, '408 Request Timeout', 'the request did not arrive in time');
      } else {
        endWithError(socket, '400 Bad Request', 'malformed HTTP request');
      }
    },
  });
  // Bodies stay streams: each route reads its own, within its own limit.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined));
  app.setErrorHandler((error, _request, reply) => {
    reply.hijack();
    sendError(reply.raw, toSluiceError(error, log));
  });
  app.setNotFoundHandler((request, reply) => {
    reply.hijack();
    request.raw.resume();
    sendError(reply.raw, new SluiceError('route-not-found', `no such path: ${quote(request.url)}`));
  });

  const route = (url: string, handlers: Partial<Record<Method, Handler>>) => {
    const methods = Object.keys(handlers) as Method[];
    for (const method of methods) {
      const handler = handlers[method]!;
      app.route({
        method: method === 'GET' ? ['GET', 'HEAD'] : method,
        url,
        handler: (request, reply) => {
          reply.hijack();
          return handler(request, reply);
        },
      });
    }
    const allow = methods.map((method) => (method === 'GET' ? 'GET, HEAD' : method)).join(', ');
    const others = everyMethod.filter(
      (method) => !methods.includes(method as Method) && !(method === 'HEAD' && methods.includes('GET')),
    );
    app.route({
      method: [...others],
      url,
      handler: (request, reply) => {
        reply.hijack();
        request.raw.resume();
        const error = new SluiceError('method-not-allowed', `${request.method} ${url} is not possible, only ${allow}`);
        sendError(reply.raw, error, { allow });
      },
    });
  };
  const modelRoute = (suffix: string, method: Method, handler: Handler) => {
    route(`/v2/models/:model${suffix}`, { [method]: handler });
    route(`/v2/models/:model/versions/:version${suffix}`, { [method]: handler });
  };
  const find = (request: FastifyRequest) => {
    const { model, version: asked } = request.params as Parameters;
    return models.find(model, asked);
  };
  const json = (reply: FastifyReply, value: unknown, status = 200) => sendJson(reply.raw, status, value);
  const attempt =
    (handler: Handler): Handler =>
    (request, reply) => {
      try {
        return handler(request, reply);
      } catch (error) {
        sendError(reply.raw, toSluiceError(error, log));
      }
    };

  route(paths.envelope, {
    POST: (request, reply) => {
      const contentType = request.headers['content-type'];
      if (contentType === mediaTypes.envelope) {
        new EnvelopeExchange(pod, log, request.raw, reply.raw);
        return;
      }
      const message = `Content-Type: must be ${mediaTypes.envelope}, was: ${quote(contentType)}`;
      sendError(reply.raw, new SluiceError('unsupported-media-type', message), { connection: 'close' });
    },
  });
  modelRoute('/infer', 'POST', (request, reply) => {
    const { model, version: asked } = request.params as Parameters;
    servePredict(pod, log, request.raw, reply.raw, 'oip', model, asked);
  });

  route('/v2', { GET: (_request, reply) => json(reply, serverMetadata(version)) });
  route('/v2/health/live', { GET: (_request, reply) => json(reply, { live: true }) });
  route(paths.ready, {
    GET: (_request, reply) => json(reply, { ready: pod.ready }, pod.ready ? 200 : 503),
  });
  modelRoute(
    '',
    'GET',
    attempt((request, reply) => json(reply, modelMetadata(models, find(request)))),
  );
  modelRoute(
    '/ready',
    'GET',
    attempt((request, reply) => json(reply, { name: find(request).name, ready: true })),
  );
  modelRoute(
    '/config',
    'GET',
    attempt((request, reply) => json(reply, modelConfiguration(find(request)))),
  );
  modelRoute(
    '/stats',
    'GET',
    attempt((request, reply) => json(reply, { model_stats: [modelStatistics(find(request))] })),
  );
  route('/v2/models/stats', {
    GET: (_request, reply) => json(reply, { model_stats: [...models.ready()].map(modelStatistics) }),
  });

  route('/v1/models', { GET: (_request, reply) => json(reply, { models: models.names }) });
  // The name and the verb share a path segment, so both are read here.
  route('/v1/models/:model', {
    GET: attempt((request, reply) => json(reply, { name: find(request).name, ready: true })),
    POST: (request, reply) => {
      const { model: target } = request.params as Parameters;
      const verb = ':predict';
      if (target.endsWith(verb)) {
        servePredict(pod, log, request.raw, reply.raw, 'v1', target.slice(0, -verb.length));
        return;
      }
      request.raw.resume();
      sendError(reply.raw, new SluiceError('route-not-found', `no such path: ${quote(request.url)}`));
    },
  });

  route(paths.podStatus, { GET: (_request, reply) => json(reply, pod.status()) });
  const drain = (draining: boolean) => (request: FastifyRequest, reply: FastifyReply) => {
    request.raw.resume();
    pod.draining = draining;
    json(reply, pod.status());
  };
  route('/drain', { POST: drain(true), DELETE: drain(false) });
  route('/metrics', {
    GET: async (_request, reply) => {
      const text = await metrics.text();
      reply.raw.writeHead(200, { 'content-type': metrics.contentType });
      reply.raw.end(text);
    },
  });
  return app;
}
