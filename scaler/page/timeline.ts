/**
 * Timeline of every pool: the events that its reports tell, one after the other, kept for pages that are opened later.
 *
 * Bounded by events and pools. It lives in this process: a standby keeps one of its own, and an open page what it has.
 */
import type { PoolReport, PoolsReport } from '../../contract/scaler-api.ts';
import type { TimelineEvent } from '../../contract/timeline-event.ts';
import { changesBefore, changesOf, type Change } from './changes.ts';

/** Events kept of each pool, so that one that flaps pushes out no other's. */
const maxEvents = 100;

export class Timeline {
  /** Last report and events of each pool. */
  readonly #pools = new Map<string, { readonly report: PoolReport; readonly events: TimelineEvent[] }>();
  readonly #listeners = new Set<(event: TimelineEvent) => void>();
  readonly #sourceMs: number;
  #last = 0;

  /** @param startedMs start of this process, which tells its events from those of the process before */
  constructor(startedMs: number) {
    this.#sourceMs = startedMs;
  }

  /** Events of all pools, oldest first. */
  get events(): TimelineEvent[] {
    return [...this.#pools.values()].flatMap(({ events }) => events).sort((one, other) => one.id - other.id);
  }

  /** @param toldToGo UIDs of pods that were told to go, even of such as no report has shown so */
  add({ atMs, pools }: PoolsReport, toldToGo: ReadonlySet<string>): void {
    const names = new Set(pools.map(({ name }) => name));
    for (const name of this.#pools.keys()) if (!names.has(name)) this.#pools.delete(name);
    for (const report of pools) {
      const known = this.#pools.get(report.name);
      const changes = known === undefined ? changesBefore(report) : changesOf(known.report, report, toldToGo);
      const events = known?.events ?? [];
      this.#pools.set(report.name, { report, events });
      for (const change of changes) this.#keep(events, report.name, { ...change, atMs });
    }
  }

  /** @returns a function that ends the subscription */
  subscribe(listener: (event: TimelineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #keep(events: TimelineEvent[], pool: string, change: Change & { readonly atMs: number }): void {
    const event = { id: (this.#last += 1), sourceMs: this.#sourceMs, pool, ...change };
    events.push(event);
    if (events.length > maxEvents) events.shift();
    for (const listener of this.#listeners) listener(event);
  }
}
