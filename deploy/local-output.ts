/** Output of `sluice up`, as text and with `--log-format json` as JSON. Pure. */
import type { ClusterView, Pod } from '../cluster/port.ts';
import type { ModelSummary } from './served-models.ts';

export interface Running {
  readonly host: string;
  readonly port: number;
  readonly adminPort: number;
  /** Null if the scaler did not start. */
  readonly scalerPort: number | null;
  readonly gatewayPid: number | undefined;
  readonly scalerPid: number | undefined;
  readonly view: ClusterView;
  readonly models: readonly ModelSummary[];
  readonly pidOf: (pod: string) => number | undefined;
}

export function describeRunning(running: Running): string {
  const { view, models, host, port, adminPort, scalerPort, pidOf } = running;
  const gateway = originOf(host, port);
  const admin = originOf(host, adminPort);
  const ready = view.pods.filter(({ phase }) => phase === 'Ready');
  const width = Math.max(0, ...ready.map(({ name }) => name.length));
  return [
    '',
    'Sluice is running.',
    `  gateway   ${gateway}`,
    ...(scalerPort === null ? [] : [`  page      ${originOf(host, scalerPort)}`]),
    `  metrics   ${admin}/metrics, and /metrics of the page and of each pod`,
    ...ready.map(({ name, origin }, index) => {
      const pid = pidOf(name);
      const process = pid === undefined ? '' : `  pid ${pid}`;
      return `  ${index === 0 ? 'pods   ' : '       '}   ${name.padEnd(width)}  ${origin ?? ''}${process}`;
    }),
    ...models.map(({ name, note }, index) => {
      return `  ${index === 0 ? 'models ' : '       '}   ${name}${note === null ? '' : `  (${note})`}`;
    }),
    'Try:',
    `  ${exampleRequest(gateway, namesToTry(models))}`,
    'Ctrl-C stops it.',
    '',
  ].join('\n');
}

/** Summary of the running system as one line of JSON. */
export function runningJson(running: Running, nowMs: number): string {
  const { view, models, host, port, adminPort, scalerPort, gatewayPid, scalerPid, pidOf } = running;
  return JSON.stringify({
    source: 'sluice',
    level: 30,
    time: nowMs,
    msg: 'running',
    gateway: originOf(host, port),
    admin: originOf(host, adminPort),
    scaler: scalerPort === null ? null : originOf(host, scalerPort),
    gatewayPid,
    scalerPid,
    pods: view.pods.map(({ name, pool, phase, origin }) => ({ name, pool, phase, origin, pid: pidOf(name) })),
    models,
  });
}

export function describeReady({ name, createdAtMs, readyAtMs }: Pod): string {
  return `pod ${name} ready in ${(((readyAtMs ?? createdAtMs) - createdAtMs) / 1000).toFixed(1)} s`;
}

/** Names of the ready models, or of all models if none is ready. */
function namesToTry(models: readonly ModelSummary[]): string[] {
  const ready = models.filter((model) => model.ready);
  return (ready.length > 0 ? ready : models).map(({ name }) => name);
}

/** Shell command that shows the system at work: a prediction for a model that takes text, else the metadata of a model. */
function exampleRequest(gateway: string, models: readonly string[]): string {
  if (models.includes('langid')) {
    return (
      `curl -s ${gateway}/v1/models/langid:predict -H 'content-type: application/json' ` +
      `-d '{"instances": ["Bonjour tout le monde"]}'`
    );
  }
  return `curl -s ${gateway}/v2/models/${models[0] ?? ''}`;
}

/** Address for clients on this machine. */
export function originOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
