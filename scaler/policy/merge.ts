/**
 * From what each gateway said and what the cluster shows to one observation of one pool.
 *
 * A gateway that was never ready holds no request and does not count. One that ends still holds some, and is heard for as
 * long as it speaks. All others are expected: what is missing of them makes the sum a lower bound; see observation.ts.
 */
import type { LoadReport, PodLoad, PoolLoad } from '../../contract/load-report.ts';
import { costOf, mix, requestsPerRun, type Mix } from './mix.ts';
import type { GatewayReport, Observation } from './observation.ts';

/** The last line of a gateway. */
export interface News {
  /** When the scaler received it. */
  readonly atMs: number;
  /** Null: it was no load report. */
  readonly report: LoadReport | null;
}

export interface Source {
  /** Of the gateway as the cluster knows it; its process may be started again. */
  readonly uid: string;
  readonly name: string;
  readonly wasReady: boolean;
  readonly terminating: boolean;
  readonly news: News | null;
}

/** A pod that is not being deleted. */
export interface SeenPod {
  readonly uid: string;
  readonly ready: boolean;
  /** It is marked: it gets nothing new. */
  readonly drains: boolean;
  readonly crashLooping: boolean;
  readonly restarts: number;
  readonly createdAtMs: number;
  readonly readyAtMs: number | null;
}

export interface Heard {
  readonly source: Source;
  readonly load: PoolLoad;
}

export interface Merged {
  readonly observation: Observation;
  readonly mix: Mix;
  /** Requests that one run can take; what the policy calls maxRows. */
  readonly maxRequests: number;
  /** Fresh reports on this pool. */
  readonly heard: readonly Heard[];
  /** Every gateway that is expected has a fresh report on this pool. */
  readonly complete: boolean;
  /** Names of the gateways that are expected and did not report. */
  readonly silent: readonly string[];
}

/** As in observation.ts: three lines missed, and the next. */
export const freshForMs = 4_000;

export function isFresh(news: News | null, nowMs: number): boolean {
  return news !== null && nowMs - news.atMs <= freshForMs;
}

/** It can hold requests, so that it counts. */
export function counts({ wasReady, news }: Source): boolean {
  return wasReady || news?.report?.ready === true;
}

export interface MergeInput {
  readonly pool: string;
  readonly maxRows: number;
  readonly sources: readonly Source[];
  readonly pods: readonly SeenPod[];
  readonly replicas: number;
  readonly startedInMs: readonly number[];
  readonly mix: Mix;
  readonly elapsedMs: number;
  readonly nowMs: number;
}

export function merge(input: MergeInput): Merged {
  const { pool, maxRows, sources, pods, replicas, startedInMs, elapsedMs, nowMs } = input;
  const heard: Heard[] = [];
  const gateways: GatewayReport[] = [];
  const silent: string[] = [];
  let gatewaysExpected = 0;
  const said: { news: News; report: LoadReport; load: PoolLoad }[] = [];
  for (const source of sources.filter(counts)) {
    const { news } = source;
    const fresh = isFresh(news, nowMs);
    const report = news?.report?.ready === true ? news.report : null;
    const load = report?.pools.find(({ name }) => name === pool);
    if (source.terminating && !(fresh && load !== undefined)) continue;
    gatewaysExpected += 1;
    if (news !== null && news.report === null) gateways.push(unreadable(source, news));
    if (news !== null && report !== null && load !== undefined) said.push({ news, report, load });
    if (fresh && load !== undefined) heard.push({ source, load });
    else silent.push(source.name);
  }
  const models = said.map(({ report, load }) => ({ gateway: report.instance, models: load.models }));
  const nextMix = mix(input.mix, models, elapsedMs);
  for (const { news, report, load } of said) {
    const cost = costOf(load.models, nextMix.weights, maxRows);
    const shed = Object.values(load.shed).reduce((sum, count) => sum + count, 0);
    const { arrivals, completions, late, queued, inFlight } = load;
    gateways.push({ id: report.instance, atMs: news.atMs, arrivals, completions, shed, late, queued, inFlight, cost });
  }
  const serving = pods.filter(({ ready, drains }) => ready && !drains);
  const observation: Observation = {
    gateways,
    gatewaysExpected,
    replicas,
    pods: {
      ready: serving.length,
      ejected: serving.filter(({ uid }) => isEjected(uid, heard)).length,
      // One that crashes again and again is no capacity on its way, however old it is.
      startingSinceMs: pods
        .filter(({ ready, drains }) => !ready && !drains)
        .map(({ createdAtMs, crashLooping }) => (crashLooping ? nowMs : createdAtMs)),
    },
    startedInMs,
  };
  const maxRequests = requestsPerRun(models, nextMix.weights, maxRows);
  const complete = gatewaysExpected > 0 && silent.length === 0;
  return { observation, mix: nextMix, maxRequests, heard, complete, silent };
}

/** Whatever it said were no numbers; the policy tells so. */
function unreadable({ uid }: Source, { atMs }: News): GatewayReport {
  const nothing = NaN;
  const totals = { arrivals: nothing, completions: nothing, shed: nothing, late: nothing };
  return { id: uid, atMs, ...totals, queued: nothing, inFlight: nothing, cost: null };
}

/** What each gateway that knows the pod says of it. */
export function saidOf(uid: string, heard: readonly Heard[]): PodLoad[] {
  return heard.flatMap(({ load }) => load.pods.filter((pod) => pod.uid === uid));
}

/** More than half of those that know it: one gateway's broken network is not the pod's fault. */
export function isEjected(uid: string, heard: readonly Heard[]): boolean {
  const said = saidOf(uid, heard);
  return said.filter(({ state }) => state === 'ejected').length * 2 > said.length;
}

export function inFlightOf(uid: string, heard: readonly Heard[]): number {
  return saidOf(uid, heard).reduce((sum, { inFlight }) => sum + inFlight, 0);
}
