/** Gateway, pod and scaler with every route and nothing behind them: no pools, no models, a cluster in memory. */
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildGateway, type Gateway } from '../../gateway/app.ts';
import { buildApp } from '../../models/app.ts';
import { Bodies } from '../../models/bodies/bodies.ts';
import { Drain } from '../../models/drain.ts';
import { createMetrics } from '../../models/metrics.ts';
import { PodState, Staging } from '../../models/pod-state.ts';
import { ModelSet } from '../../models/repository/model-set.ts';
import type { Scheduler } from '../../models/scheduler.ts';
import { Transforms } from '../../models/transforms/transforms.ts';
import { Guard, type GuardOptions } from '../../runtime/http/guard.ts';
import type { HttpLimits } from '../../runtime/http/limits.ts';
import { buildScaler, type ScalerApp } from '../../scaler/app.ts';
import { MemoryCluster } from '../../scaler/testing/memory-cluster.ts';
import { TestCluster } from './gateway-harness.ts';

export interface BareOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly guard: GuardOptions;
}

const log = pino({ level: 'silent' });
const noScheduler = { inFlight: 0, queuedRows: 0 } as Partial<Scheduler> as Scheduler;

export interface BareProcesses {
  readonly gateway: Gateway;
  readonly pod: FastifyInstance;
  readonly scaler: ScalerApp;
  /** Every port by its name. */
  readonly ports: readonly (readonly [string, FastifyInstance])[];
  close(): Promise<unknown>;
}

export function bareProcesses({ limits = {}, guard }: BareOptions): BareProcesses {
  const gateway = bareGateway({ limits, guard });
  const pod = barePod({ limits, guard });
  const scaler = bareScaler({ limits, guard });
  return {
    gateway,
    pod,
    scaler,
    ports: [
      ["the gateway's port", gateway.app],
      ["the gateway's admin port", gateway.admin],
      ["the pod's port", pod],
      ["the scaler's port", scaler.app],
    ],
    close: () => Promise.all([gateway.close(), pod.close(), scaler.close()]),
  };
}

function bareGateway(options: BareOptions): Gateway {
  const cluster = new TestCluster();
  cluster.show({ pools: [], pods: [] });
  return buildGateway({ cluster, log, version: '1', name: 'g', ...options });
}

function barePod({ limits = {}, guard: options }: BareOptions): FastifyInstance {
  const guard = new Guard(options, log, () => performance.now());
  const pod = new PodState({
    uid: 'u',
    name: 'p',
    models: new ModelSet(),
    transforms: new Transforms(log),
    scheduler: noScheduler,
    staging: new Staging(1024),
    bodies: new Bodies({ maxBodyBytes: 1024, cpuLimitMs: 1000 }),
    maxBodyBytes: 1024,
    requiresSecret: !options.acceptsPeersWithoutSecret,
    tracing: null,
    drain: new Drain({ nowMs: () => performance.now(), log }),
  });
  return buildApp({ pod, version: '1', metrics: createMetrics(pod, guard.counters), log, guard, limits });
}

function bareScaler(options: BareOptions): ScalerApp {
  const scaling = { minReplicas: 0, maxReplicas: 1 };
  const cluster = new MemoryCluster({ spec: { scaling }, replicas: 0, coldStartS: 1, nowMs: 0 });
  const settings = { drainLimitMs: 60_000, podGraceMs: 90_000 };
  return buildScaler({ cluster: cluster.connect('a'), log, version: '1', settings, ...options });
}
