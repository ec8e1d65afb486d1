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

/** What one gateway says of a pod. */
export interface Said extends PodLoad {
  /** The gateway has had requests for the pool: without any it has no evidence of its own. */
  readonly informed: boolean;
}

export interface Merged {
  readonly observation: Observation;
  readonly mix: Mix;
  /** Requests that one run can take; what the policy calls maxRows. */
  readonly maxRequests: number;
  /** Fresh reports on this pool. */
  readonly heard: readonly Heard[];
  /** What they say of each pod, by its UID. */
  readonly said: ReadonlyMap<string, readonly Said[]>;
  /** Every gateway that is expected has a fresh report on this pool. */
  readonly complete: boolean;
  /** Names of the gateways that are expected and did not report. */
  readonly silent: readonly string[];
}

/** As in observation.ts: three lines missed, and the next. */
export const freshForMs = 4_000;

/** What was heard later than now was heard before the clock was set back: how old it is nobody knows. */
export function isFresh(news: News | null, nowMs: number): boolean {
  return news !== null && news.atMs <= nowMs && nowMs - news.atMs <= freshForMs;
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
  const reports: { news: News; id: string; load: PoolLoad }[] = [];
  for (const source of sources.filter(counts)) {
    const { news } = source;
    const fresh = isFresh(news, nowMs);
    const report = news?.report?.ready === true ? news.report : null;
    const load = report?.pools.find(({ name }) => name === pool);
    if (source.terminating && !(fresh && load !== undefined)) continue;
    gatewaysExpected += 1;
    if (news !== null && news.report === null) gateways.push(unreadable(source, news));
    if (news !== null && report !== null && load !== undefined) {
      reports.push({ news, id: `${source.uid}/${report.instance}`, load });
    }
    if (fresh && load !== undefined) heard.push({ source, load });
    else silent.push(source.name);
  }
  const said = sayings(heard);
  const models = reports.map(({ id, load }) => ({ gateway: id, models: load.models }));
  const nextMix = mix(input.mix, models, elapsedMs);
  for (const { news, id, load } of reports) {
    const cost = costOf(load.models, nextMix.weights);
    const shed = Object.values(load.shed).reduce((sum, count) => sum + count, 0);
    const { arrivals, completions, late, queued, inFlight } = load;
    gateways.push({ id, atMs: news.atMs, arrivals, completions, shed, late, queued, inFlight, cost });
  }
  const serving = pods.filter(({ ready, drains }) => ready && !drains);
  const observation: Observation = {
    gateways,
    gatewaysExpected,
    replicas,
    pods: {
      ready: serving.length,
      ejected: serving.filter(({ uid }) => isEjected(said.get(uid))).length,
      startingSinceMs: pods
        .filter(({ ready, drains }) => !ready && !drains)
        .map((pod) => (isOnItsWay(pod, startedInMs, nowMs) ? pod.createdAtMs : nowMs)),
    },
    startedInMs,
  };
  const maxRequests = requestsPerRun(models, nextMix.weights, maxRows);
  const complete = gatewaysExpected > 0 && silent.length === 0;
  return { observation, mix: nextMix, maxRequests, heard, said, complete, silent };
}

/** As a Deployment's progressDeadlineSeconds: what takes longer, and 4 times as long as any that was seen, hangs. */
const stuckAfterMs = 600_000;
const stuckStarts = 4;

/** One that crashes again and again, was ready before, or never gets ready is no capacity on its way, however old it is. */
function isOnItsWay(pod: SeenPod, startedInMs: readonly number[], nowMs: number): boolean {
  if (pod.crashLooping || pod.readyAtMs !== null) return false;
  return nowMs - pod.createdAtMs <= Math.max(stuckAfterMs, stuckStarts * Math.max(0, ...startedInMs));
}

/** Whatever it said were no numbers; the policy tells so. */
function unreadable({ uid }: Source, { atMs }: News): GatewayReport {
  const nothing = NaN;
  const totals = { arrivals: nothing, completions: nothing, shed: nothing, late: nothing };
  return { id: uid, atMs, ...totals, queued: nothing, inFlight: nothing, cost: null };
}

function sayings(heard: readonly Heard[]): Map<string, Said[]> {
  const said = new Map<string, Said[]>();
  for (const { load } of heard) {
    const informed = load.inFlight > 0 || load.queued > 0 || load.arrivals > 0;
    for (const pod of load.pods) {
      const others = said.get(pod.uid);
      if (others === undefined) said.set(pod.uid, [{ ...pod, informed }]);
      else others.push({ ...pod, informed });
    }
  }
  return said;
}

/** More than half of those that have evidence: one gateway's broken network is not the pod's fault. */
export function isEjected(said: readonly Said[] = []): boolean {
  return mostSay(said, ({ state }) => state === 'ejected');
}

/** Not back in rotation: what is tried again after an ejection may fail again. */
export function isOut(said: readonly Said[] = []): boolean {
  return mostSay(said, ({ state }) => state === 'ejected' || state === 'probing');
}

function mostSay(said: readonly Said[], what: (one: Said) => boolean): boolean {
  const informed = said.filter((one) => one.informed);
  return informed.filter(what).length * 2 > informed.length;
}

export function inFlightOf(said: readonly Said[] = []): number {
  return said.reduce((sum, { inFlight }) => sum + inFlight, 0);
}
