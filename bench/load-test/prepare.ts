/** Turns what a person asked of a load test into the plan of its runs. */
import { readFileSync } from 'node:fs';
import { parseTrace } from '../simulate/trace.ts';
import { arrivalKinds, peakPerSecond, type Arrivals } from './arrivals.ts';
import type { LoadPlan } from './plan.ts';
import { threadsFor } from './run.ts';
import { usualMetricsUrl } from './sluice-meter.ts';
import { prepareTarget, type PreparedTarget } from './target.ts';

/** A load test as the flags of `sluice bench` describe it. */
export interface LoadRequest {
  readonly model: string;
  readonly modelVersion?: string;
  readonly protocol: 'oip' | 'v1';
  /** Connections of a closed loop. An open loop has `rate` or a file of arrivals instead. */
  readonly concurrency?: number;
  /** Requests per second: one rate, or several for `ramp` and `step`. */
  readonly rate?: readonly number[];
  /** One of `arrivalKinds`, or a CSV file of arrival times in milliseconds. */
  readonly arrivals: string;
  readonly speedUp: number;
  readonly durationS?: number;
  readonly warmUpS?: number;
  readonly timeoutS: number;
  /** `json`, `binary`, or a file of request bodies. */
  readonly body: string;
  readonly rows: number;
  readonly shape: Readonly<Record<string, readonly number[]>>;
  readonly bodies: number;
  readonly header: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly threads?: number;
  readonly maxInFlight: number;
  readonly metrics?: string;
}

export interface PreparedLoad extends Pick<PreparedTarget, 'server' | 'integersBelow'> {
  readonly plan: LoadPlan;
  /** Metrics endpoint of a Sluice gateway; null for other servers. */
  readonly metricsUrl: string | null;
}

const defaultDurationS = 10;
const defaultWarmUpS = 1;
/** First rate of a search that was given no rate. */
export const defaultPerSecond = 100;

/** @throws TargetError, MetadataError, TraceError, or an Error about a file */
export async function prepareLoad(url: URL, request: LoadRequest): Promise<PreparedLoad> {
  const { origin } = url;
  // The endpoint may be served below a path.
  const prefix = url.pathname.replace(/\/+$/, '');
  const arrivals = request.concurrency === undefined ? arrivalsOf(request) : null;
  const { workload, server, integersBelow } = await prepareTarget({
    origin: origin + prefix,
    model: request.model,
    version: request.modelVersion ?? null,
    protocol: request.protocol,
    body: request.body === 'json' || request.body === 'binary' ? request.body : { file: request.body },
    rows: request.rows,
    shapes: request.shape,
    bodies: request.bodies,
    seed: request.seed,
    headers: request.header,
  });
  const steady = arrivals === null || arrivals.kind === 'poisson' || arrivals.kind === 'constant';
  const lengthS = arrivals?.kind === 'trace' ? arrivals.atMs.at(-1)! / 1000 + 0.001 : defaultDurationS;
  const concurrency = request.concurrency ?? 1;
  const plan: LoadPlan = {
    origin,
    workload: { ...workload, path: prefix + workload.path },
    load:
      arrivals === null
        ? { kind: 'closed', concurrency }
        : { kind: 'open', arrivals, maxInFlight: request.maxInFlight },
    warmUpMs: 1000 * (request.warmUpS ?? (steady ? defaultWarmUpS : 0)),
    durationMs: 1000 * (request.durationS ?? lengthS),
    timeoutMs: 1000 * request.timeoutS,
    threads:
      request.threads ?? threadsFor(arrivals === null ? { concurrency } : { peakPerSecond: peakPerSecond(arrivals) }),
    seed: request.seed,
  };
  const isSluice = server?.startsWith('sluice') === true;
  return { plan, server, integersBelow, metricsUrl: request.metrics ?? (isSluice ? usualMetricsUrl(origin) : null) };
}

function arrivalsOf({ arrivals, rate, speedUp }: LoadRequest): Arrivals {
  const kind = arrivalKinds.find((known) => known === arrivals);
  const first = rate?.[0] ?? defaultPerSecond;
  const several = rate !== undefined && rate.length > 1;
  switch (kind) {
    case undefined: {
      const times = parseTrace(readFileSync(arrivals, 'utf8'), arrivals);
      return { kind: 'trace', atMs: times.map((atMs) => atMs / speedUp) };
    }
    case 'poisson':
    case 'constant':
      return { kind, perSecond: first };
    case 'ramp':
      return { kind, perSecond: several ? rate : [0, first] };
    case 'step':
      return { kind, perSecond: several ? rate : [first / 10, first, first / 10] };
  }
}
