/** Output of `sluice up`, as text and with `--log-format json` as JSON. Pure. */
import { parseLogLine } from '../cluster/local/log-lines.ts';
import type { ClusterView, Pod } from '../cluster/port.ts';
import { exampleRequest, type ExampleInput } from './example-request.ts';
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
  /** Inputs of `modelToTry`; null where no pod told them. */
  readonly inputs: readonly ExampleInput[] | null;
  readonly pidOf: (pod: string) => number | undefined;
}

/** Lines of the start screen that one subject may take, so that the whole fits on a small terminal. */
const mostLines = 3;
const mostNames = 8;

/** The start screen: at most 12 lines, the last of which is a request to paste. */
export function describeRunning(running: Running): string {
  const { view, models, host, port, adminPort, scalerPort, pidOf } = running;
  const gateway = originOf(host, port);
  const admin = originOf(host, adminPort);
  const pods = view.pods
    .filter(({ phase }) => phase === 'Ready')
    .map(({ name, origin }) => {
      const pid = pidOf(name);
      return `${name}  ${origin ?? ''}${pid === undefined ? '' : `  pid ${pid}`}`;
    });
  const plain = models.filter(({ note }) => note === null).map(({ name }) => name);
  const noted = models.flatMap(({ name, note }) =>
    note === null ? [] : [`${name}  (${note.replaceAll(/\s+/g, ' ')})`],
  );
  return [
    '',
    'Sluice is running; Ctrl-C stops it.',
    `  gateway   ${gateway}`,
    ...(scalerPort === null ? [] : [`  page      ${originOf(host, scalerPort)}`]),
    `  metrics   ${admin}/metrics, and /metrics of page and pods`,
    ...column('pods', folded(pods, 2)),
    ...column('models', folded(plain.length === 0 ? noted : [listed(plain), ...noted], mostLines)),
    'Try:',
    `  ${exampleFor(running)}`,
    '',
  ].join('\n');
}

function column(title: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `  ${(index === 0 ? title : '').padEnd(10)}${line}`);
}

/** The first lines, and how many there are beyond what is shown. */
function folded(lines: readonly string[], most: number): readonly string[] {
  if (lines.length <= most) return lines;
  return [...lines.slice(0, most - 1), `and ${lines.length - most + 1} more, which the page has`];
}

function listed(names: readonly string[]): string {
  const beyond = names.length - mostNames;
  return beyond <= 0 ? names.join(', ') : `${names.slice(0, mostNames).join(', ')} and ${beyond} more`;
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

/**
 * Whether a log line is left out of a terminal: the first default version of each model, which everybody expects, would come behind the
 * start screen, two lines a model.
 */
export function isExpected(line: string): boolean {
  const parsed = parseLogLine(line);
  return parsed?.level === 'info' && 'hash' in parsed.fields && parsed.fields['generation'] === 1;
}

export function describeReady({ name, createdAtMs, readyAtMs }: Pod): string {
  return `pod ${name} ready in ${(((readyAtMs ?? createdAtMs) - createdAtMs) / 1000).toFixed(1)} s`;
}

/** Name of the model that the start screen asks: the one whose answer says most, else the first that is ready. */
export function modelToTry(models: readonly ModelSummary[]): string | null {
  const ready = models.filter((model) => model.ready);
  const names = (ready.length > 0 ? ready : models).map(({ name }) => name);
  return names.includes('langid') ? 'langid' : (names[0] ?? null);
}

function exampleFor({ host, port, models, inputs }: Running): string {
  const gateway = originOf(host, port);
  const model = modelToTry(models);
  if (model === null) return `curl -s ${gateway}/v1/models`;
  if (model !== 'langid') return exampleRequest(gateway, model, inputs);
  return (
    `curl -s ${gateway}/v1/models/langid:predict -H 'content-type: application/json' ` +
    `-d '{"instances": ["Bonjour tout le monde"]}'`
  );
}

/** Address for clients on this machine. */
export function originOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
