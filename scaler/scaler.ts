/**
 * Scaler of all pools: follows the cluster and its gateways, and runs a cycle of every pool once a second and on each wake-up.
 *
 *   cluster.watchAll ─┐                      ┌→ PoolScaler.tick of each pool → writes, drains, status
 *   ReportReceiver ───┼→ wake, or the second ┤
 *   settled calls ────┘                      └→ listeners: pools each second, decisions as they are made
 */
import type { ScalerView } from '../cluster/scalable.ts';
import type { DecisionRecord, PoolsReport } from '../contract/scaler-api.ts';
import type { Limits } from './actuate/actuator.ts';
import type { ReportReceiver } from './observe/report-receiver.ts';
import { snapshotOf, observedGateways } from './observe/snapshot.ts';
import { Staleness } from './observe/staleness.ts';
import { canHoldRequests, isFresh, type ObservedGateway } from './policy/merge.ts';
import type { ScalerContext } from './pool-context.ts';
import { PoolScaler } from './pool-scaler.ts';
import { scrapeTargets, type TargetGroup } from './report/scrape-targets.ts';

const intervalMs = 1_000;

export interface ScalerOptions extends ScalerContext {
  readonly gateways: Pick<ReportReceiver, 'follow' | 'lastReportOf'>;
  readonly limits: Limits;
}

export interface ScalerListener {
  /** @param toldToGo UIDs of pods that were told to go, those included that have gone since the report before */
  onPools(report: PoolsReport, toldToGo: ReadonlySet<string>): void;
  onDecision(record: DecisionRecord): void;
}

export class Scaler {
  readonly #options: ScalerOptions;
  readonly #pools = new Map<string, PoolScaler>();
  readonly #listeners = new Set<ScalerListener>();
  readonly #staleness = new Staleness();
  /** UIDs of pods that any view since the last report had as told to go. */
  #toldToGo = new Set<string>();
  #view: ScalerView | null = null;
  #stopWatching: () => void = () => undefined;
  #interval: NodeJS.Timeout | undefined;
  #waking: NodeJS.Immediate | undefined;
  #viewError: string | null = null;
  #closed = false;

  constructor(options: ScalerOptions) {
    this.#options = options;
  }

  /** Whether the cluster has been seen, which makes the process ready. */
  get known(): boolean {
    return this.#view !== null;
  }

  start(): void {
    this.#stopWatching = this.#options.cluster.watchAll((view) => this.see(view));
    this.#interval = setInterval(() => {
      this.tick();
      const report = this.report();
      for (const listener of this.#listeners) listener.onPools(report, this.#toldToGo);
      this.#toldToGo = toldToGo(this.#view);
    }, intervalMs);
  }

  /** Runs a cycle in this turn of the event loop; several calls cause one. */
  readonly wake = (): void => {
    if (this.#closed) return;
    this.#waking ??= setImmediate(() => {
      this.#waking = undefined;
      this.tick();
    });
  };

  tick(): void {
    const { cluster, gateways, clock, metrics } = this.#options;
    const view = this.#view;
    const nowMs = clock.wallMs();
    const observed = view === null ? [] : observedGateways(view, (uid) => gateways.lastReportOf(uid));
    metrics.cycle({
      leading: cluster.leadership().leading,
      viewAgeMs: view === null ? null : nowMs - view.asOfMs,
      ...this.#reporting(observed, nowMs),
    });
    if (view === null) return;
    const pods = Map.groupBy(view.pods, ({ pool }) => pool);
    for (const pool of view.pools) {
      const scaler = this.#pools.get(pool.metadata.name) ?? this.#add(pool.metadata.name);
      scaler.tick(snapshotOf(view, pool, pods, observed, nowMs));
    }
  }

  report(): PoolsReport {
    const { cluster, gateways, clock } = this.#options;
    const { leading, holder } = cluster.leadership();
    const atMs = clock.wallMs();
    return {
      atMs,
      leading,
      leader: holder,
      gateways: (this.#view?.gateways ?? []).map(({ uid, name, terminating }) => {
        const last = gateways.lastReportOf(uid);
        const reporting = isFresh(last, atMs) && last?.report?.ready === true;
        return { name, reporting, ageMs: last === null ? null : Math.max(0, atMs - last.atMs), terminating };
      }),
      pools: [...this.#pools.values()].flatMap(({ reporter }) => reporter.report ?? []),
    };
  }

  /** @param self `host:port` by which the scaler was asked */
  scrapeTargets(self: string): TargetGroup[] {
    return scrapeTargets(this.#view, self);
  }

  /** Records of one pool, oldest first; null if there is no such pool. */
  decisions(pool: string): readonly DecisionRecord[] | null {
    return this.#pools.get(pool)?.reporter.decisions.log.records ?? null;
  }

  /** @returns a function that ends the subscription */
  subscribe(listener: ScalerListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Starts nothing new, and resolves when no call is in flight. */
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

  /** Replaces the cluster's view. */
  see(view: ScalerView): void {
    const { gateways, log } = this.#options;
    const first = this.#view === null;
    this.#view = view;
    for (const uid of toldToGo(view)) this.#toldToGo.add(uid);
    gateways.follow(view.gateways);
    if (view.error !== this.#viewError && view.error !== null)
      log.warn({ error: view.error }, 'cluster view is incomplete or outdated');
    this.#viewError = view.error;
    const existing = new Set(view.pools.map(({ metadata }) => metadata.name));
    for (const [name, pool] of this.#pools) {
      if (existing.has(name)) continue;
      this.#pools.delete(name);
      pool.reporter.close();
    }
    if (first) this.wake();
  }

  #add(pool: string): PoolScaler {
    const { cluster, calls, versionCalls, clock, metrics, log, limits } = this.#options;
    const onDecision = (record: DecisionRecord): void => {
      for (const listener of this.#listeners) listener.onDecision(record);
    };
    const context = { cluster, calls, versionCalls, clock, metrics, log, pool, wake: this.wake };
    const scaler = new PoolScaler(context, { limits, onDecision });
    this.#pools.set(pool, scaler);
    return scaler;
  }

  #reporting(observed: readonly ObservedGateway[], nowMs: number) {
    const expected = observed.filter((gateway) => canHoldRequests(gateway) && !gateway.terminating);
    const silent = expected.filter(
      ({ lastReport }) => !isFresh(lastReport, nowMs) || lastReport?.report?.ready !== true,
    );
    const uids = silent.map(({ uid }) => uid);
    return {
      gatewaysExpected: expected.length,
      gatewaysReporting: expected.length - silent.length,
      longestMissingMs: this.#staleness.update(uids, this.#options.clock.steadyMs()),
    };
  }
}

function toldToGo(view: ScalerView | null): Set<string> {
  return new Set(view?.pods.flatMap(({ uid, phase }) => (phase === 'Terminating' ? [uid] : [])));
}
