/**
 * Runs the whole system on one machine: pods, a gateway and a scaler as supervised processes. Signals arrive as `stop` and
 * `kill`; the command line handles them, and exit codes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { allocatorEnv, gatewayAllocatorEnv, gatewayFlags, podFlags } from '../runtime/process/heap.ts';
import { LocalScaling, type ScalingFiles } from '../cluster/local/scaling.ts';
import { PoolFiles } from '../cluster/local/pool-files.ts';
import { SettingsError } from '../contract/settings.ts';
import { LocalCluster } from '../cluster/local/local-cluster.ts';
import { renderJson, renderPretty, type LogLevel } from '../cluster/local/log-lines.ts';
import type { Pod } from '../cluster/port.ts';
import { startScaler } from './scaler-process.ts';
import { startGateway } from './gateway-process.ts';
import { describeReady, describeRunning, isExpected, modelToTry, originOf, runningJson } from './local-output.ts';
import { planLocal } from './local-plan.ts';
import { judgeStart, type Progress } from './local-progress.ts';
import { reloadPools } from './pools-reload.ts';
import { withSecret } from './local-secret.ts';
import type { LocalSettings } from './local-settings.ts';
import { modelInputs, servedModels } from './served-models.ts';

export interface LocalIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
  /** Drains the system and ends it. */
  readonly stop: AbortSignal;
  /** Kills all processes at once. */
  readonly kill: AbortSignal;
}

/** Delay of the summary, for log lines of the start-up that arrive late and belong above it. */
const lastLinesMs = 50;
/** Grace period of the gateway and of each pod: requests in flight after it are lost. */
const graceMs = 30_000;

/**
 * Runs until `stop`.
 * @returns whether any pod and the gateway could start
 * @throws SettingsError before any process is started
 */
export async function runLocal(settings: LocalSettings, io: LocalIo): Promise<{ readonly served: boolean }> {
  const given = withSecret(io.env, settings);
  const env = { ...allocatorEnv, ...given };
  const { repository, pools, poolsText, replicas, modelsAreRequired, leftOut } = await planLocal(settings);
  if (io.stop.aborted) return { served: true };
  const { host, port, adminPort, scalerPort, logLevel, logFormat } = settings;
  const isTold = (line: string): boolean => logLevel === 'debug' || logLevel === 'trace' || !isExpected(line);
  const showLine = (source: string, line: string): void => {
    if (logFormat === 'json') io.print(renderJson(source, line, Date.now()));
    else if (isTold(line)) io.print(renderPretty(source, line));
  };
  const say = (message: string, level: LogLevel = 'info') => showLine('sluice', logLine(level, message));

  const sluice = fileURLToPath(new URL('../cli/sluice.js', import.meta.url));
  const cluster = new LocalCluster({
    pools,
    defaults: { repository, modelsAreRequired, logLevel, graceMs, env },
    command: [process.execPath, ...podFlags, sluice, 'model-server'],
    onLine: showLine,
    onWarning: (pod, message) => say(`pod ${pod}: ${message}`, 'warn'),
  });
  const scaling = new LocalScaling(
    cluster,
    ({ pool, type, reason, message }) =>
      say(`pool ${pool}: ${reason}: ${message}`, type === 'Warning' ? 'warn' : 'info'),
    openFiles(settings.stateFolder, (message) => say(message, 'warn')),
  );
  onPodReady(cluster, (pod) => say(describeReady(pod)));
  for (const [pool, count] of replicas) cluster.setReplicas(pool, count);
  const stopReloads = poolsText === null ? null : reloadPools({ text: poolsText, settings, cluster, scaling, say });
  const gateway = startGateway({
    command: [process.execPath, ...gatewayFlags, sluice, 'gateway'],
    env: { ...gatewayAllocatorEnv, ...given },
    settings: { host, port, adminPort, logLevel, graceMs },
    cluster,
    scaling,
    onLine: (line) => showLine('gateway', line),
    onWarning: (message) => say(`gateway: ${message}`, 'warn'),
  });
  const stopped = new Promise<void>((resolve) => io.stop.addEventListener('abort', () => resolve(), { once: true }));
  let scaler: ReturnType<typeof startScaler> | undefined;
  // The scaler's page links to the gateway, so the scaler starts once the gateway has a port.
  const scalerStarted = gateway.started.then((addresses) => {
    if ('failed' in addresses || io.stop.aborted) return { failed: 'there is no gateway' };
    scaler = startScaler({
      command: [process.execPath, sluice, 'scaler'],
      env,
      settings: { host, adminPort: scalerPort, gatewayUrl: originOf(host, addresses.port), logLevel, graceMs: 5_000 },
      scaling,
      onLine: (line) => showLine('scaler', line),
      onWarning: (message) => say(`scaler: ${message}`, 'warn'),
    });
    return scaler.started;
  });
  io.kill.addEventListener('abort', () => {
    scaler?.kill();
    gateway.kill();
    cluster.kill();
  });

  const starting = [...replicas.values()].reduce((sum, count) => sum + count, 0);
  for (const folder of leftOut) say(folder, 'warn');
  say(`starting a gateway, a scaler and ${starting} ${starting === 1 ? 'pod' : 'pods'}, models from ${repository}`);
  const [progress, addresses, scalerPorts] = await Promise.race([
    Promise.all([podsSettled(cluster), gateway.started, scalerStarted]),
    stopped.then(() => [null, null, null] as const),
  ]);

  let served = true;
  if (progress !== null) {
    for (const { name, reason } of progress.failing) say(`pod ${name} is not ready: ${reason ?? ''}`, 'error');
    if ('failed' in addresses) say(`gateway does not start: ${addresses.failed}`, 'error');
    if (progress.kind === 'failed' || 'failed' in addresses) {
      say('no requests can be served, exiting', 'error');
      served = false;
    } else {
      const { view } = cluster;
      await delay(lastLinesMs);
      const models = await servedModels(cluster.view);
      if ('failed' in scalerPorts) say(`scaler does not start, pools are not resized: ${scalerPorts.failed}`, 'error');
      const running = {
        ...addresses,
        scalerPort: 'failed' in scalerPorts ? null : scalerPorts.adminPort,
        scalerPid: scaler?.pid(),
        models,
        inputs: await modelInputs(originOf(host, addresses.port), modelToTry(models)),
        host,
        gatewayPid: gateway.pid(),
        view,
        pidOf: (pod: string) => cluster.pidOf(pod),
      };
      io.print(logFormat === 'json' ? runningJson(running, Date.now()) : describeRunning(running));
      await stopped;
      say('draining: the gateway finishes its requests, then the pods stop');
    }
  }
  stopReloads?.();
  // Stops the scaler first, since it would start new pods for those that stop.
  await scaler?.stop();
  await gateway.stop();
  await scaling.close();
  await cluster.close();
  if (served) say('stopped');
  return { served };
}

/** @throws SettingsError when the folder can't be made */
function openFiles(folder: string | undefined, onWarning: (message: string) => void): ScalingFiles {
  try {
    const files = (ending: 'season' | 'versions') => new PoolFiles(folder ?? null, onWarning, ending);
    return { seasons: files('season'), versions: files('versions') };
  } catch (error) {
    throw new SettingsError([`--state-folder ${folder}: can't be made: ${(error as Error).message}`]);
  }
}

/** Reports each local pod when it becomes ready, also after a restart. */
function onPodReady(cluster: LocalCluster, report: (pod: Pod) => void): void {
  const reported = new Set<string>();
  cluster.watch(({ pods }) => {
    for (const pod of pods) {
      // Endpoints have no process here, and are Ready before anyone has tried them.
      if (pod.phase !== 'Ready' || reported.has(pod.uid) || cluster.pidOf(pod.name) === undefined) continue;
      reported.add(pod.uid);
      report(pod);
    }
  });
}

/** Resolves when every pod is ready or has failed repeatedly. */
function podsSettled(cluster: LocalCluster): Promise<Exclude<Progress, { kind: 'starting' }>> {
  const wasReady = new Set<string>();
  return new Promise((resolve) => {
    const stop = cluster.watch((view) => {
      for (const { name, phase } of view.pods) if (phase === 'Ready') wasReady.add(name);
      const progress = judgeStart(view, wasReady);
      if (progress.kind === 'starting') return;
      queueMicrotask(() => stop());
      resolve(progress);
    });
  });
}

function logLine(level: LogLevel, msg: string): string {
  const numbers = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };
  return JSON.stringify({ level: numbers[level], time: Date.now(), msg });
}
