/** Composes a gateway from its parts: what serves clients and what serves operators. Reads no environment, no signals. */
import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import type { Cluster } from '../cluster/port.ts';
import { SluiceError } from '../contract/errors.ts';
import type { LoadReport } from '../contract/load-report.ts';
import { mediaTypes } from '../contract/headers.ts';
import { noRouteSchemas } from '../contract/no-route-schemas.ts';
import { LoadStream } from './telemetry/load-stream.ts';
import { loadReport } from './telemetry/load-report.ts';
import { gatewayMetrics } from './telemetry/metrics.ts';
import { Pools } from './pools.ts';
import { answerBrokenHttp, asAnswer, errorHandlers } from './routes/errors.ts';
import { loadRoutes } from './routes/load.ts';
import { metadataRoutes } from './routes/metadata.ts';
import { predictRoutes } from './routes/predict.ts';
import { route } from './routes/route.ts';
import { openTracing } from './telemetry/tracing.ts';

export interface GatewayDeps {
  readonly cluster: Cluster;
  readonly log: Logger;
  readonly version: string;
  /** Of the pod or machine that runs it, for people. */
  readonly name: string;
}

export interface Gateway {
  readonly app: FastifyInstance;
  readonly admin: FastifyInstance;
  readonly pools: Pools;
  /** Not ready from now on; answers ask clients to close their connections. */
  startEnding(): void;
  /** Finishes what is in flight, then lets go of everything. */
  close(): Promise<void>;
}

/** Above the idle time of common load balancers (60 s), so that they close first. */
const keepAliveMs = 75_000;
/** A request must have arrived whole by then, however slowly its client sends. */
const requestTimeoutMs = 120_000;

export function buildGateway({ cluster, log, version, name }: GatewayDeps): Gateway {
  const now = (): number => performance.now();
  const identity = { instance: randomUUID(), name };
  let reports = 0;
  const report = (): LoadReport => loadReport(pools, identity, (reports += 1), now());
  const stream = new LoadStream(report, now);
  const pools = new Pools(cluster, now, log, () => stream.wake());
  let ending = false;
  const isEnding = (): boolean => ending;

  const app = newServer(log);
  predictRoutes(app, { pools, now, log, newRequestId: requestIds(), tracing: openTracing(version), isEnding });
  metadataRoutes(app, { pools, version, isEnding });

  const admin = newServer(log);
  const metrics = gatewayMetrics(pools, version, now);
  route(admin, '/metrics', {
    GET: (_request, reply) => void reply.type(metrics.contentType).send(Readable.from(metrics.parts())),
  });
  loadRoutes(admin, stream, report);
  route(admin, '/livez', { GET: (_request, reply) => void reply.send({ live: true }) });
  route(admin, '/readyz', {
    GET: (_request, reply) => {
      const ready = pools.ready && !ending;
      void reply.code(ready ? 200 : 503).send({ ready });
    },
  });

  return {
    app,
    admin,
    pools,
    startEnding: () => {
      ending = true;
    },
    close: async () => {
      ending = true;
      await app.close();
      stream.close();
      await pools.close();
      await admin.close();
      await cluster.close();
    },
  };
}

function newServer(log: Logger): FastifyInstance {
  const app = fastify({
    // Fastify would make a logger for each request; errors are logged where they are answered.
    logger: false,
    schemaController: noRouteSchemas,
    keepAliveTimeout: keepAliveMs,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: 'idle',
    // Requests that come on open connections while the process ends are served.
    return503OnClosing: false,
    clientErrorHandler: answerBrokenHttp,
    frameworkErrors: (error, _request, reply) => {
      const { status, body } = asAnswer(error);
      void (reply as FastifyReply).code(status).type(mediaTypes.json).send(body);
    },
    // Node would answer one without Host with an empty body.
    http: { requireHostHeader: false },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
  });
  // Bodies are read where they are wanted, as bytes.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.addHook('onRequest', (request, _reply, done) => {
    const { headers, httpVersion } = request.raw;
    if (headers.host !== undefined || httpVersion !== '1.1') done();
    else done(new SluiceError('invalid-header', "header 'host' is missing"));
  });
  errorHandlers(app, log);
  return app;
}

function requestIds(): () => string {
  const prefix = randomBytes(4).toString('hex');
  let count = 0;
  return () => `${prefix}-${(count += 1).toString(36)}`;
}
