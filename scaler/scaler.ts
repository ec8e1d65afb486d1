/**
 * The scaler: follows the cluster and its gateways, and looks at every pool once a second and whenever something calls.
 *
 *   cluster.watchAll ─┐                    ┌→ PoolScaler.tick of each pool → writes, drains, status
 *   ReportReceiver ─────────┼→ wake / each second┤
 *   calls that ended ─┘                    └→ those who listen: `pools`
 */
import type { Logger } from 'pino';
import type { ScalableCluster, ScalerView } from '../cluster/scalable.ts';
import type { DecisionRecord, PoolsReport } from '../contract/scaler-api.ts';
import type { Clock } from './clock.ts';
import { snapshotOf, sourcesOf } from './observe/snapshot.ts';
import type { ScalerMetrics } from './metrics.ts';
import type { PodCalls } from './actuate/pod-calls.ts';
import { counts, isFresh, type News, type Source } from './policy/merge.ts';
import { PoolScaler, type PoolDeps } from './pool-scaler.ts';
import { Staleness } from './observe/staleness.ts';

const intervalMs = 1_000;

/** The part of the receiver that the loop needs. */
export interface Gateways {
  follow(members: ScalerView['gateways']): void;
  lastReportOf(uid: string): News | null;
}

export interface ScalerDeps {
  readonly cluster: ScalableCluster;
  readonly gateways: Gateways;
  readonly calls: PodCalls;
  readonly clock: Clock;
  readonly metrics: ScalerMetrics;
  readonly log: Logger;
  readonly limits: PoolDeps['limits'];
}

export interface ScalerListener {
  onPools(report: PoolsReport): void;
  onDecision(record: DecisionRecord): void;
}

export class Scaler {
  readonly #deps: ScalerDeps;
  readonly #pools = new Map<string, PoolScaler>();
  readonly #listeners = new Set<ScalerListener>();
  readonly #staleness = new Staleness();
  #view: ScalerView | null = null;
  #stopWatching: () => void = () => undefined;
  #interval: NodeJS.Timeout | undefined;
  #waking: NodeJS.Immediate | undefined;
  #trouble: string | null = null;
  #closed = false;

  constructor(deps: ScalerDeps) {
    this.#deps = deps;
  }

  /** The cluster has been seen: the process is ready. */
  get known(): boolean {
    return this.#view !== null;
  }

  start(): void {
    this.#stopWatching = this.#deps.cluster.watchAll((view) => this.see(view));
    this.#interval = setInterval(() => {
      this.tick();
      const report = this.report();
      for (const listener of this.#listeners) listener.onPools(report);
    }, intervalMs);
  }

  /** Looks again in this turn of the event loop; many calls are one. */
  readonly wake = (): void => {
    if (this.#closed) return;
    this.#waking ??= setImmediate(() => {
      this.#waking = undefined;
      this.tick();
    });
  };

  tick(): void {
    const { cluster, gateways, clock, metrics } = this.#deps;
    const view = this.#view;
    const nowMs = clock.wallMs();
    const sources = view === null ? [] : sourcesOf(view, (uid) => gateways.lastReportOf(uid));
    metrics.round({
      leading: cluster.leadership().leading,
      viewAgeMs: view === null ? null : nowMs - view.asOfMs,
      ...this.#hearing(sources, nowMs),
    });
    if (view === null) return;
    const pods = Map.groupBy(view.pods, ({ pool }) => pool);
    for (const pool of view.pools) {
      const scaler = this.#pools.get(pool.metadata.name) ?? this.#add(pool.metadata.name);
      scaler.tick(snapshotOf(view, pool, pods, sources, nowMs));
    }
  }

  report(): PoolsReport {
    const { cluster, gateways, clock } = this.#deps;
    const { leading, holder } = cluster.leadership();
    const atMs = clock.wallMs();
    return {
      atMs,
      leading,
      leader: holder,
      gateways: (this.#view?.gateways ?? []).map(({ uid, name, terminating }) => {
        const news = gateways.lastReportOf(uid);
        const reporting = isFresh(news, atMs) && news?.report?.ready === true;
        return { name, reporting, ageMs: news === null ? null : Math.max(0, atMs - news.atMs), terminating };
      }),
      pools: [...this.#pools.values()].flatMap(({ reporter }) => reporter.report ?? []),
    };
  }

  /** Oldest first; null: there is no such pool. */
  decisions(pool: string): readonly DecisionRecord[] | null {
    return this.#pools.get(pool)?.reporter.log.records ?? null;
  }

  /** @returns the way to stop */
  subscribe(listener: ScalerListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins nothing new. Resolves when no call is under way any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#interval);
    clearImmediate(this.#waking);
    this.#stopWatching();
    await this.settled();
  }

  async settled(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.settled()));
  }

  /** What the cluster shows from now on. */
  see(view: ScalerView): void {
    const { gateways, log } = this.#deps;
    const first = this.#view === null;
    this.#view = view;
    gateways.follow(view.gateways);
    if (view.trouble !== this.#trouble && view.trouble !== null)
      log.warn({ trouble: view.trouble }, 'cluster view is partial');
    this.#trouble = view.trouble;
    const there = new Set(view.pools.map(({ metadata }) => metadata.name));
    for (const [name, pool] of this.#pools) {
      if (there.has(name)) continue;
      this.#pools.delete(name);
      pool.reporter.close();
    }
    if (first) this.wake();
  }

  #add(name: string): PoolScaler {
    const { cluster, calls, clock, metrics, log, limits } = this.#deps;
    const onDecision = (record: DecisionRecord): void => {
      for (const listener of this.#listeners) listener.onDecision(record);
    };
    const shared = { cluster, calls, clock, metrics, log, limits };
    const scaler = new PoolScaler({ ...shared, pool: name, wake: this.wake, onDecision });
    this.#pools.set(name, scaler);
    return scaler;
  }

  #hearing(sources: readonly Source[], nowMs: number) {
    const expected = sources.filter((source) => counts(source) && !source.terminating);
    const silent = expected.filter(({ news }) => !isFresh(news, nowMs) || news?.report?.ready !== true);
    const { clock } = this.#deps;
    return {
      gatewaysExpected: expected.length,
      gatewaysReporting: expected.length - silent.length,
      longestMissingMs: this.#staleness.update(
        silent.map(({ uid }) => uid),
        clock.steadyMs(),
      ),
    };
  }
}
