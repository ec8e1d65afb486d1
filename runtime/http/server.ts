/** Makes the HTTP server of a port: timeouts, errors and broken HTTP are the same for gateway, pod and scaler. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { fastify, type FastifyInstance } from 'fastify';
import { answerBrokenHttp, refuseMissingHost } from './broken-http.ts';
import { noSuchPath, sendError, type ErrorForm, type ErrorLog } from './errors.ts';
import { requestIdsOf } from './request-ids.ts';

export interface HttpLimits {
  /** Time for which an idle connection is kept. */
  readonly keepAliveMs: number;
  /** Time in which a request must have arrived whole. */
  readonly requestTimeoutMs: number;
  /** Time in which the head of a request must have arrived. */
  readonly headTimeoutMs: number;
  /** Time between two searches for requests that are late. */
  readonly timeoutCheckMs: number;
  /** Time in which a client can read the answer to broken HTTP before its connection is destroyed. */
  readonly lingerMs: number;
  /** Longest start line and headers together. */
  readonly maxHeadBytes: number;
  /** Longest segment of a path that a route takes as a parameter. */
  readonly maxParamLength: number;
}

export const httpDefaults: HttpLimits = Object.freeze({
  // Above the idle time of common load balancers (60 s), so that they close first.
  keepAliveMs: 75_000,
  requestTimeoutMs: 120_000,
  headTimeoutMs: 60_000,
  timeoutCheckMs: 30_000,
  lingerMs: 1_000,
  maxHeadBytes: 16 * 1024,
  // A model name has up to 128 characters, each up to 9 bytes in percent-encoding; a longer one is no known model either.
  maxParamLength: 1024,
});

export interface ServerOptions {
  readonly log: ErrorLog;
  readonly errorForm: ErrorForm;
  /** Connections that closing the server cuts; the others end by themselves. */
  readonly closes: 'idle' | 'all';
  /** Limits other than `httpDefaults`. */
  readonly limits?: Partial<HttpLimits>;
}

export function newServer({ log, errorForm: form, closes, limits: changed }: ServerOptions): FastifyInstance {
  const limits: HttpLimits = { ...httpDefaults, ...changed };
  const app = fastify({
    // Fastify would make a logger for each request; errors are logged where they are answered.
    logger: false,
    schemaController: noRouteSchemas,
    serverFactory: (handler) => newHttpServer(handler, limits),
    // Broken HTTP is answered by the server itself, which may have other ports than Fastify's.
    clientErrorHandler: () => undefined,
    forceCloseConnections: closes === 'all' ? true : 'idle',
    // Requests that come on open connections while the process ends are served.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      sendError(reply.raw, error, { log, form, ids: requestIdsOf(request.raw) });
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: limits.maxParamLength },
  });
  // Bodies are read by the routes that want them, as bytes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.setNotFoundHandler(({ method, url }) => {
    throw noSuchPath(method, url);
  });
  app.setErrorHandler((error, request, reply) => {
    reply.hijack();
    sendError(reply.raw, error, { log, form, ids: requestIdsOf(request.raw) });
  });
  return app;
}

function newHttpServer(handler: RequestListener, limits: HttpLimits): Server {
  const server = createServer(
    {
      keepAliveTimeout: limits.keepAliveMs,
      requestTimeout: limits.requestTimeoutMs,
      headersTimeout: limits.headTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      maxHeaderSize: limits.maxHeadBytes,
      // Node would answer a missing Host with an empty body.
      requireHostHeader: false,
    },
    (request, response) => {
      if (!refuseMissingHost(request, response)) handler(request, response);
    },
  );
  answerBrokenHttp(server, limits.lingerMs);
  return server;
}

const refuseSchema = (): never => {
  throw new Error('routes have no schemas');
};

/**
 * Fastify's `schemaController` without its schema compilers, which no route uses: they are some 270 modules, 9 MiB and 65 ms
 * of CPU time at each start.
 */
const noRouteSchemas = { compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema } };
