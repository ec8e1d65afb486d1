/** Makes the HTTP server of a port: timeouts, errors and broken HTTP are the same for gateway, pod and scaler. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { fastify, type FastifyInstance } from 'fastify';
import { quote, SluiceError } from '../../contract/errors.ts';
import { noteAnswer } from './answer-order.ts';
import { answerBrokenHttp, refuseAmbiguous, refuseRequest, refuseSocket } from './broken-http.ts';
import { answerCors, foreignPage, type BrowserRules } from './browsers.ts';
import { Clients } from './clients.ts';
import { Connections } from './connections.ts';
import { openFileLimit } from './descriptors.ts';
import { noSuchPath, sendError, type ErrorForm, type ErrorLog } from './errors.ts';
import { Guard, guardRoute } from './guard.ts';
import { holdBody } from './expect.ts';
import { FaceCounters } from './face-counters.ts';
import { httpDefaults, type HttpLimits } from './limits.ts';
import { lingerAfter } from './linger.ts';
import { pathInOneForm } from './path-form.ts';
import { requestIdsOf } from './request-ids.ts';
import { hijackEarly } from './routes.ts';
import { SharedSecret } from './shared-secret.ts';

export interface ServerOptions {
  readonly log: ErrorLog;
  readonly errorForm: ErrorForm;
  /** Connections that closing the server ends: `idle` ones with a word to requests on their way, or `all`, which are cut. */
  readonly closes: 'idle' | 'all';
  /** Whether the process is ending: each answer is then the last of its connection. */
  readonly isEnding?: () => boolean;
  /** Limits other than `httpDefaults`. */
  readonly limits?: Partial<HttpLimits>;
  /** Where the server counts what it holds and refuses. */
  readonly counters?: FaceCounters;
  /** Addresses and networks of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies?: readonly string[];
  /** Called when there may be room for answers that had none. */
  readonly onAnswerRoom?: () => void;
  /** Rights of browsers; without them nothing is checked. */
  readonly browsers?: BrowserRules;
  /** Guard of the routes that need the shared secret; without one nobody may call them. */
  readonly guard?: Guard;
}

export function newServer(options: ServerOptions): FastifyInstance {
  const { log, errorForm: form, closes } = options;
  const limits = coherent({ ...httpDefaults, ...options.limits });
  const now = (): number => performance.now();
  const guard = options.guard ?? new Guard({ secret: new SharedSecret(), acceptsPeersWithoutSecret: false }, log, now);
  const connections = new Connections({
    limits,
    counters: options.counters ?? new FaceCounters(),
    clients: new Clients(options.trustedProxies),
    log,
    now,
    ...(options.onAnswerRoom && { onAnswerRoom: options.onAnswerRoom }),
  });
  const app = fastify({
    // Fastify would make a logger for each request; errors are logged where they are answered.
    logger: false,
    schemaController: noRouteSchemas,
    serverFactory: (handler) => newHttpServer(handler, connections, options),
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
  app.addHook('onRoute', (route) => {
    guardRoute(route, guard);
    // The guard is part of the handler by then.
    hijackEarly(route);
  });
  // Bodies are read by the routes that want them, as bytes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.setNotFoundHandler(({ method, url }) => {
    throw noSuchPath(method, url);
  });
  app.setErrorHandler((error, request, reply) => {
    reply.hijack();
    sendError(reply.raw, named(error, request.headers['content-type']), { log, form, ids: requestIdsOf(request.raw) });
  });
  return app;
}

/** Fastify's refusal of a content type with the value, which it leaves out. */
function named(error: unknown, contentType: string | undefined): unknown {
  if ((error as { code?: unknown }).code !== 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return error;
  return new SluiceError('unsupported-media-type', `Content-Type: must be a media type, was: ${quote(contentType)}`);
}

/** Limits that agree with one another, and with the descriptors that the process may open: some are left for others than clients. */
function coherent(limits: HttpLimits): HttpLimits {
  const maxConnections = Math.max(1, Math.min(limits.maxConnections, Math.floor(0.75 * openFileLimit())));
  const maxConnectionsPerAddress = Math.min(limits.maxConnectionsPerAddress, Math.ceil(0.75 * maxConnections));
  // A head is late by a quarter of its time at most.
  const timeoutCheckMs = Math.min(limits.timeoutCheckMs, Math.max(10, limits.headTimeoutMs / 4));
  return { ...limits, maxConnections, maxConnectionsPerAddress, timeoutCheckMs };
}

function newHttpServer(
  handler: RequestListener,
  connections: Connections,
  { browsers, closes, isEnding }: ServerOptions,
): Server {
  const { limits } = connections;
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    noteAnswer(request, response);
    if (isEnding?.() === true) response.shouldKeepAlive = false;
    request.url = pathInOneForm(request.url!);
    if (refuseAmbiguous(request, response, limits.lingerMs)) return;
    if (browsers !== undefined) {
      const message = foreignPage(request, browsers);
      if (message !== null) {
        connections.counters.refusals['foreign-page'] += 1;
        refuseRequest(response, { status: 403, message }, limits.lingerMs);
        return;
      }
      if (answerCors(request, response, browsers)) return;
    }
    if (request.method !== 'POST' && hasLongBody(request)) {
      // No route reads it: the answer is the end of the connection.
      response.shouldKeepAlive = false;
      lingerAfter(response, limits.lingerMs);
    }
    connections.serve(request, () => handler(request, response));
  };
  const server = createServer(
    {
      keepAliveTimeout: limits.keepAliveMs,
      requestTimeout: limits.requestTimeoutMs,
      headersTimeout: limits.headTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      maxHeaderSize: limits.maxHeadBytes,
      // Node would answer a missing Host with an empty body.
      requireHostHeader: false,
      // Otherwise Node keeps the first of two and drops the second silently.
      joinDuplicateHeaders: true,
    },
    serve,
  );
  answerBrokenHttp(server, limits.lingerMs, (socket, refuse) => connections.refuseInTurn(socket, refuse));
  server.on('checkContinue', (request, response) => {
    holdBody(request, response);
    serve(request, response);
  });
  server.on('connection', (socket) => {
    const message = connections.accept(socket);
    if (message === null) return;
    refuseSocket(socket, { status: 503, message }, 0);
  });
  // Node and Fastify close idle connections by this method.
  if (closes === 'idle') server.closeIdleConnections = () => connections.endIdle();
  const watch = setInterval(() => connections.watch(), limits.watchMs).unref();
  server.on('close', () => clearInterval(watch));
  server.on('error', (error) => {
    // A port that can't be opened is the failure of whoever opens it; later errors are those of single clients.
    if (server.listening) connections.refused('accept-failed', 'a connection could not be accepted', { err: error });
  });
  return server;
}

/** Body that is longer than what a client would send by habit where none is asked for. */
const longBodyBytes = 64 * 1024;

function hasLongBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > longBodyBytes;
}

const refuseSchema = (): never => {
  throw new Error('routes have no schemas');
};

/**
 * Fastify's `schemaController` without its schema compilers, which no route uses: they are some 270 modules, 9 MiB and 65 ms
 * of CPU time at each start.
 */
const noRouteSchemas = { compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema } };
