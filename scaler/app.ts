/** Composes a scaler from its parts, and what it answers on its admin port. Reads no environment, no signals. */
import { fastify, type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { ScalableCluster } from '../cluster/scalable.ts';
import { quote } from '../contract/errors.ts';
import { mediaTypes } from '../contract/headers.ts';
import { noRouteSchemas } from '../contract/no-route-schemas.ts';
import { realClock } from './clock.ts';
import { ReportReceiver } from './observe/report-receiver.ts';
import { Http } from './http.ts';
import { ScalerMetrics } from './metrics.ts';
import { podCalls } from './actuate/pod-calls.ts';
import { ReportHistory } from './page/history.ts';
import { apiRoutes } from './routes/api.ts';
import { pageRoutes } from './routes/page.ts';
import { Scaler } from './scaler.ts';
import type { ScalerSettings } from './settings.ts';

export interface ScalerApp {
  readonly app: FastifyInstance;
  readonly scaler: Scaler;
  start(): void;
  close(): Promise<void>;
}

export interface ScalerAppDeps {
  readonly cluster: ScalableCluster;
  readonly log: Logger;
  readonly version: string;
  readonly settings: Pick<ScalerSettings, 'drainLimitMs' | 'podGraceMs' | 'gatewayUrl'>;
}

export function buildScaler({ cluster, log, version, settings }: ScalerAppDeps): ScalerApp {
  const metrics = new ScalerMetrics(version);
  const http = new Http();
  const clock = realClock;
  /** Gateways whose last line was nonsense: told once each. */
  const muddled = new Set<string>();
  const receiver = new ReportReceiver({
    http,
    clock,
    random: Math.random,
    events: {
      onReport: (result, detail, gateway) => {
        metrics.report(result);
        if (result === 'ok') muddled.delete(gateway);
        else if (!muddled.has(gateway)) {
          muddled.add(gateway);
          log.warn({ gateway, detail }, `gateway ${gateway}: its report can't be used: ${detail ?? result}`);
        }
      },
      onUrgent: () => scaler.wake(),
    },
  });
  const scaler = new Scaler({
    cluster,
    clock,
    metrics,
    log,
    gateways: receiver,
    calls: podCalls(http),
    limits: { drainLimitMs: settings.drainLimitMs, podGraceMs: settings.podGraceMs },
  });

  const app = fastify({
    logger: false,
    schemaController: noRouteSchemas,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true },
  });
  app.setNotFoundHandler((request, reply) => {
    const detail = `no such path: ${request.method} ${request.url}`;
    void reply
      .code(404)
      .type(mediaTypes.problem)
      .send(problem(404, 'Not Found', detail));
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) log.error({ err: error, url: request.url }, 'a request failed');
    const detail = status >= 500 ? 'the log says what happened' : error.message;
    void reply
      .code(status)
      .type(mediaTypes.problem)
      .send(problem(status, status >= 500 ? 'Internal Error' : 'Bad Request', detail));
  });
  app.get('/metrics', async (_request, reply) => {
    void reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
  app.get('/livez', () => ({ live: true }));
  app.get('/readyz', (_request, reply) => reply.code(scaler.known ? 200 : 503).send({ ready: scaler.known }));
  const streams = apiRoutes(app, scaler, (pool) => problem(404, 'Not Found', `there is no pool ${quote(pool)}`));

  const history = new ReportHistory();
  scaler.subscribe({ onPools: (report) => history.add(report), onDecision: () => undefined });
  pageRoutes(app, { history, gatewayUrl: settings.gatewayUrl ?? null });

  return {
    app,
    scaler,
    start: () => scaler.start(),
    close: async () => {
      streams.close();
      receiver.close();
      await scaler.close();
      await app.close();
      await http.close();
      await cluster.close();
    },
  };
}

/** RFC 9457. */
function problem(status: number, title: string, detail: string): object {
  return { type: 'about:blank', status, title, detail };
}
