/** Composes a scaler and its admin port from their parts. Reads no environment, no signals. */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { ScalableCluster } from '../cluster/scalable.ts';
import { problemErrors } from '../runtime/http/errors.ts';
import { Guard, type GuardOptions } from '../runtime/http/guard.ts';
import { SharedSecret } from '../runtime/http/shared-secret.ts';
import { route } from '../runtime/http/routes.ts';
import { listOf } from '../runtime/http/http-settings.ts';
import type { HttpLimits } from '../runtime/http/limits.ts';
import { newServer } from '../runtime/http/server.ts';
import { realClock } from './clock.ts';
import { ReportReceiver } from './observe/report-receiver.ts';
import { HttpClient } from './http-client.ts';
import { ScalerMetrics } from './metrics.ts';
import { podCalls } from './actuate/pod-calls.ts';
import { versionCalls } from './actuate/version-calls.ts';
import { ReportHistory } from './page/history.ts';
import { Timeline } from './page/timeline.ts';
import { apiRoutes } from './routes/api.ts';
import { pageRoutes } from './routes/page.ts';
import { podLogRoutes } from './routes/pod-log.ts';
import { targetRoutes } from './routes/targets.ts';
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
  readonly settings: Pick<ScalerSettings, 'drainLimitMs' | 'podGraceMs' | 'gatewayUrl' | 'allowedHosts'>;
  /** Shared secret that gateways and pods are sent; none is sent without. */
  readonly guard?: GuardOptions;
  /** Limits of the admin port other than the defaults. */
  readonly limits?: Partial<HttpLimits>;
}

export function buildScaler({ cluster, log, version, settings, ...given }: ScalerAppDeps): ScalerApp {
  const { guard: guardOptions = { secret: new SharedSecret(), acceptsPeersWithoutSecret: false }, limits = {} } = given;
  const guard = new Guard(guardOptions, log, () => performance.now());
  const metrics = new ScalerMetrics(version, guard.counters);
  const http = new HttpClient(guardOptions.secret);
  const clock = realClock;
  /** Gateways whose last report could not be used; each is logged once. */
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
    versionCalls: versionCalls(http),
    limits: { drainLimitMs: settings.drainLimitMs, podGraceMs: settings.podGraceMs },
  });

  const app = newServer({
    log,
    errorForm: problemErrors,
    closes: 'all',
    guard,
    limits: { ...limits, maxConnections: 1024 },
    browsers: { allowedHosts: listOf(settings.allowedHosts), corsOrigins: [] },
  });
  const { registry } = metrics;
  route(app, '/metrics', {
    right: 'observe',
    GET: async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  });
  route(app, '/livez', { right: 'observe', GET: (_request, reply) => reply.send({ live: true }) });
  route(app, '/readyz', {
    right: 'observe',
    GET: (_request, reply) => reply.code(scaler.known ? 200 : 503).send({ ready: scaler.known }),
  });
  const history = new ReportHistory();
  const timeline = new Timeline(clock.wallMs());
  scaler.subscribe({
    onPools: (report, toldToGo) => {
      history.add(report);
      timeline.add(report, toldToGo);
    },
    onDecision: () => undefined,
  });
  targetRoutes(app, scaler);
  podLogRoutes(app, cluster);
  const streams = apiRoutes(app, { scaler, timeline });
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
