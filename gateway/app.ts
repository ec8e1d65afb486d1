/** Composes a gateway from its parts: the port for clients and the admin port. Reads no environment, no signals. */
import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Cluster } from '../cluster/port.ts';
import type { LoadReport } from '../contract/load-report.ts';
import { problemErrors, protocolErrors } from '../runtime/http/errors.ts';
import { Guard, type GuardOptions } from '../runtime/http/guard.ts';
import { route } from '../runtime/http/routes.ts';
import { SharedSecret } from '../runtime/http/shared-secret.ts';
import { FaceCounters } from '../runtime/http/face-counters.ts';
import { httpDefaults, type HttpLimits } from '../runtime/http/limits.ts';
import { newServer } from '../runtime/http/server.ts';
import { AnswerGate } from './endpoints/answer-gate.ts';
import { LoadStream } from './telemetry/load-stream.ts';
import { loadReport } from './telemetry/load-report.ts';
import { gatewayMetrics } from './telemetry/metrics.ts';
import { Pools } from './pools.ts';
import { loadRoutes } from './routes/load.ts';
import { metadataRoutes } from './routes/metadata.ts';
import { predictRoutes } from './routes/predict.ts';
import { repositoryRoutes } from './routes/repository.ts';
import { welcomeRoute } from './routes/welcome.ts';
import { openTracing } from './telemetry/tracing.ts';

export interface GatewayDeps {
  readonly cluster: Cluster;
  readonly log: Logger;
  readonly version: string;
  /** Name of the pod or machine that runs this gateway, for people. */
  readonly name: string;
  /** Limits of both ports other than the defaults. */
  readonly limits?: Partial<HttpLimits>;
  /** Addresses and networks of proxies whose X-Forwarded-For names the client. */
  readonly trustedProxies?: readonly string[];
  /** Origins whose pages may send requests. */
  readonly corsOrigins?: readonly string[];
  /** Names by which browsers reach the admin port, beside the usual ones. */
  readonly allowedHosts?: readonly string[];
  /** Shared secret that pods are sent, and that guards the admin port; without one nobody passes the guard. */
  readonly guard?: GuardOptions;
}

export interface Gateway {
  readonly app: FastifyInstance;
  readonly admin: FastifyInstance;
  readonly pools: Pools;
  /** Turns readiness off; answers ask clients to close their connections from now on. */
  startEnding(): void;
  /** Finishes the requests in flight, then closes ports, pods and cluster. */
  close(): Promise<void>;
}

/** Connections that the admin port takes: those of scalers, Prometheus and probes, though clients have all of theirs. */
const adminConnections = 512;

/**
 * Memory for answers that arrive or are unread, in `maxUnreadBytes`. More than twice, which is what one address may have under way: it
 * can't fill all of it.
 */
const answersRatio = 3;

export function buildGateway(deps: GatewayDeps): Gateway {
  const { cluster, log, version, name, limits = {} } = deps;
  const now = (): number => performance.now();
  const identity = { instance: randomUUID(), name };
  let reports = 0;
  const report = (): LoadReport => loadReport(pools, identity, (reports += 1), now());
  const stream = new LoadStream(report, now);
  const { guard: guardOptions = { secret: new SharedSecret(), acceptsPeersWithoutSecret: false } } = deps;
  const guard = new Guard(guardOptions, log, now);
  const { secret } = guardOptions;
  const faces = { client: new FaceCounters(), admin: new FaceCounters() };
  const { maxUnreadBytes = httpDefaults.maxUnreadBytes } = limits;
  const gate = new AnswerGate({ unread: faces.client, maxBytes: answersRatio * maxUnreadBytes, now });
  const pools = new Pools({
    cluster,
    now,
    log,
    secret,
    gate,
    wake: () => stream.wake(),
    isFollowed: () => stream.readers > 0,
  });
  let ending = false;
  const isEnding = (): boolean => ending;

  const app = newServer({
    log,
    errorForm: protocolErrors,
    closes: 'idle',
    isEnding,
    limits,
    guard,
    counters: faces.client,
    trustedProxies: deps.trustedProxies ?? [],
    onAnswerRoom: () => {
      gate.onRoom();
      pools.onAnswerRoom();
    },
    browsers: { allowedHosts: null, corsOrigins: deps.corsOrigins ?? [] },
  });
  predictRoutes(app, { pools, now, log, newRequestId: requestIds(), tracing: openTracing(version), isEnding });
  repositoryRoutes(app, pools);
  const isAnswered = metadataRoutes(app, { pools, version, isEnding });
  welcomeRoute(app, () => ({ version, models: pools.models.filter(isAnswered) }));

  const admin = newServer({
    log,
    errorForm: problemErrors,
    closes: 'idle',
    isEnding,
    limits: { ...limits, maxConnections: adminConnections },
    guard,
    counters: faces.admin,
    browsers: { allowedHosts: deps.allowedHosts ?? [], corsOrigins: [] },
  });
  const metrics = gatewayMetrics({ pools, version, now, faces, guard: guard.counters });
  route(admin, '/metrics', {
    right: 'observe',
    GET: (_request, reply) => void reply.type(metrics.contentType).send(Readable.from(metrics.parts())),
  });
  loadRoutes(admin, stream, report);
  route(admin, '/livez', { right: 'observe', GET: (_request, reply) => void reply.send({ live: true }) });
  route(admin, '/readyz', {
    right: 'observe',
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

/** Makes the ids of requests that bring none: a prefix of this process, so that ids of several gateways differ, and a count. */
function requestIds(): () => string {
  const prefix = randomBytes(4).toString('hex');
  let count = 0;
  return () => `${prefix}-${(count += 1).toString(36)}`;
}
