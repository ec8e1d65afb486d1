/** Composes a model server and starts it: worker, scheduler, routes. Signals and exits are main.ts's. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Logger } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { unloadedReason } from '../contract/model-versions.ts';
import { Guard } from '../runtime/http/guard.ts';
import { listen } from '../runtime/http/listen.ts';
import { openSecret } from '../runtime/process/secret-source.ts';
import { buildApp } from './app.ts';
import { Bodies } from './bodies/bodies.ts';
import { Drain } from './drain.ts';
import { hashVersions } from './repository/content-hash.ts';
import { KeptWish } from './repository/kept-wish.ts';
import { LiveModels } from './repository/live-models.ts';
import { LoadMarkers } from './repository/load-markers.ts';
import { announce, loadModels } from './repository/load.ts';
import { lookAt } from './repository/look.ts';
import { memoryLimitBytes } from './repository/memory-fit.ts';
import { createMetrics } from './metrics.ts';
import { PodState, Staging } from './pod-state.ts';
import { StartGate, wishWaitOf } from './repository/start-gate.ts';
import { scanRepository } from './repository/repository.ts';
import { namesIn, requiredNames, RequiredModels } from './repository/required-models.ts';
import { RepositoryWatch } from './repository/repository-watch.ts';
import { Scheduler } from './scheduler.ts';
import { ModelSet } from './repository/model-set.ts';
import { SessionHost, type StuckRun } from './session/session-host.ts';
import type { ModelServerSettings } from './settings.ts';
import { noLongerBatched } from './routes/unbatched.ts';
import { Watch } from './watch/watch.ts';
import { openRunTracing } from './tracing.ts';
import { besideModels, VerdictStore } from './verdicts/verdict-store.ts';
import { Transforms } from './transforms/transforms.ts';
import { UnobeyedFields } from './triton/unobeyed-fields.ts';

export interface ModelServer {
  readonly port: number;
  readonly pod: PodState;
  /** Settles when loading ends: rejects if no model can be served. */
  readonly loaded: Promise<void>;
  /** True during a run, when `process.exit` would abort. */
  readonly running: boolean;
  /**
   * Reports draining, still accepts for `drainDelayMs`, then refuses requests and answers for its state until nothing is in
   * flight; resolves when all is closed.
   */
  drain(drainDelayMs: number): Promise<void>;
  /** Closes all connections at once, and the worker when its run ends. */
  close(): Promise<void>;
}

export interface Endings {
  /** Called when a run passed its limit. Nothing can stop it, so the process has to end. */
  readonly onStuck: (run: StuckRun & { readonly model: string; readonly version: string }) => void;
  /** Called when the worker is gone. No run will be answered any more, so the process has to end. */
  readonly onLost: (error: Error) => void;
}

/** Starts a server. It listens at once and loads models behind the open port, so that liveness probes are answered. */
export async function runModelServer(
  settings: ModelServerSettings,
  log: Logger,
  { onStuck, onLost }: Endings,
): Promise<ModelServer> {
  const models = new ModelSet();
  const host = new SessionHost({
    runLimitMs: settings.runLimitMs,
    onStuck: (run) => {
      const model = [...models.ready()].find(({ session }) => session === run.session);
      onStuck({ ...run, model: model?.name ?? 'loading', version: model?.version ?? '' });
    },
    onLost,
  });
  const watch = new Watch({
    cpuShare: settings.watchCpuShare,
    cpuUs: () => {
      const { user, system } = process.threadCpuUsage();
      return user + system;
    },
    random: Math.random,
    onFinding: ({ model: { name, version, proof }, reason, ...found }) => {
      pod.unbatch({ name, version, reason });
      proof?.refute?.(reason);
      log.error({ model: name, version, unbatchedReason: reason, ...found }, noLongerBatched);
    },
  });
  const guard = new Guard(openSecret(settings, log), log, () => performance.now());
  const transforms = new Transforms(log);
  const only = settings.models === undefined ? null : namesIn(settings.models);
  const required = requiredNames(settings.requiredModels, only);
  const pod = new PodState({
    uid: settings.podUid ?? randomUUID(),
    name: settings.podName ?? hostname(),
    models,
    transforms,
    scheduler: new Scheduler({ host, nowMs: () => performance.now(), watch, log }),
    staging: new Staging(settings.maxStagedBytes),
    bodies: new Bodies({ maxBodyBytes: settings.maxBodyBytes, cpuLimitMs: settings.bodyCpuLimitMs }),
    maxBodyBytes: settings.maxBodyBytes,
    requiresSecret: !guard.acceptsPeersWithoutSecret,
    tracing: openRunTracing(packageJson.version),
    drain: new Drain({ nowMs: () => performance.now(), log }),
    required: new RequiredModels(required, models),
  });
  const app = buildApp({
    pod,
    version: packageJson.version,
    metrics: createMetrics(pod, guard.counters),
    log,
    guard,
  });
  const port = await listen(app, { host: settings.host, port: settings.port });

  const { repository, repositoryPollMs } = settings;
  const cache = settings.verdictFolder === 'none' ? null : (settings.verdictFolder ?? null);
  const beside = path.join(repository, besideModels);
  const verdicts = new VerdictStore({ reads: cache === null ? [beside] : [cache, beside], writes: cache, log });
  const wasKilled = settings.lastExit?.startsWith('killed by SIGKILL') === true;
  const markers = new LoadMarkers({ folder: cache, podName: pod.name, wasKilled, log });
  const unobeyed = new UnobeyedFields(log);
  const context = { host, transforms, limits: settings, verdicts, markers, unobeyed, log };
  const wishWaitMs = wishWaitOf(settings);
  const keptWish = new KeptWish({ folder: cache, repository, only, log });
  const gate = new StartGate({ models, markers, kept: keptWish.read(), wishWaitMs, log });
  pod.gate = gate;
  const isRequired = (name: string): boolean => required.includes(name);
  const live = new LiveModels({ ...context, repository, only, models, keptWish, isRequired });
  let repositoryWatch: RepositoryWatch | null = null;
  let ending = false;

  const load = async () => {
    await sleep(settings.startDelayMs);
    pod.memoryLimitBytes = await memoryLimitBytes();
    const folders = await scanRepository(settings.repository, only);
    // Looked at before its files are read, so that what changes meanwhile is read again.
    const look = await lookAt(settings.repository, only);
    announce(folders, models);
    await hashVersions(folders, models);
    await gate.open();
    await loadModels(folders, models, { ...context, repository, gate });
    await live.fillIn();
    models.keepDefaults();
    const isUnloaded = models.status().some(({ reason }) => reason === unloadedReason);
    if ([...models.ready()].length === 0 && !isUnloaded) {
      const reasons = models.status().map(({ name, version, reason }) => `${name} ${version}: ${reason ?? ''}`);
      throw new Error(`no model can be served: ${reasons.join('; ')}`);
    }
    live.adopt(look);
    pod.live = live;
    if (gate.wish !== null) live.follow(gate.wish);
    if (repositoryPollMs > 0 && !ending) {
      const onSettled = live.onSettled.bind(live);
      repositoryWatch = new RepositoryWatch({
        repository,
        only,
        pollMs: repositoryPollMs,
        since: look,
        known: () => live.known,
        onSettled,
        log,
      });
      // A version that came since the start began is listed by a pod that gets ready, or the pool would take it for one that lost it.
      await Promise.race([repositoryWatch.caughtUp, sleep(longestCatchUpMs, undefined, { ref: false })]);
    }
    pod.loading = false;
    if (pod.notReadyReason !== null)
      log.error({ reason: pod.notReadyReason }, 'the pod is not ready, and serves its other models');
  };
  let closed: Promise<void> | null = null;
  const close = () => {
    ending = true;
    repositoryWatch?.close();
    markers.close();
    closed ??= (async () => {
      app.server.closeAllConnections();
      await app.close();
      transforms.close();
      await pod.bodies.close();
      await host.close();
    })();
    return closed;
  };
  return {
    port,
    pod,
    loaded: load(),
    get running() {
      return host.running;
    },
    drain: async (drainDelayMs) => {
      pod.drain.end();
      repositoryWatch?.close();
      await sleep(drainDelayMs);
      // Requests are refused from here on. The port stays open, since gateways that wait for an answer ask there whether the pod hangs.
      pod.isFinishing = true;
      app.server.closeIdleConnections();
      while (pod.openResponses > 0 || pod.inFlight > 0) await sleep(drainPollMs);
      app.server.close();
      // Requests that were read by now get their refusal.
      await sleep(drainPollMs);
      await close();
    },
    close,
  };
}

const drainPollMs = 20;
/** Time for which a pod that has loaded its models waits for versions that came meanwhile: files that are copied settle late. */
const longestCatchUpMs = 10_000;
