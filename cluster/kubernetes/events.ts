/**
 * Writes Kubernetes events of ModelPools, for `kubectl describe`. Equal events raise the count of one event object, and the
 * rate of new ones is limited. Events are best effort: nothing waits for them.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { PoolEvent } from '../scalable.ts';
import { ApiError, type KubernetesApi } from './api.ts';
import { takeToken, type EventBudget } from './policy/event-budget.ts';

/** ModelPool that an event is about. */
interface Involved {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

interface Series {
  readonly event: PoolEvent;
  readonly involved: Involved;
  readonly objectName: string;
  readonly firstAt: string;
  count: number;
  /** Time of the last write; null before the first. */
  writtenAtMs: number | null;
}

/** Age after which an equal event gets a new object; the API server deletes events after an hour. */
const seriesMs = 10 * 60_000;
/** Minimum interval between two writes of one event object. */
const rewriteMs = 10_000;
const maxSeries = 500;

export class Events {
  readonly #api: KubernetesApi;
  readonly #instance: string;
  readonly #warn: (message: string) => void;
  readonly #series = new Map<string, Series>();
  readonly #due = new Set<Series>();
  #budget: EventBudget = { tokens: 25, atMs: performance.now() };
  #writing: Promise<void> | null = null;
  #warned = false;

  constructor(api: KubernetesApi, instance: string, warn: (message: string) => void) {
    this.#api = api;
    this.#instance = instance;
    this.#warn = warn;
  }

  emit(event: PoolEvent, involved: Involved): void {
    const now = performance.now();
    const key = JSON.stringify([involved.uid, event.type, event.reason, event.message]);
    let series = this.#series.get(key);
    if (series === undefined || (series.writtenAtMs !== null && now - series.writtenAtMs > seriesMs)) {
      const budget = takeToken(this.#budget, now);
      this.#budget = budget.next;
      if (!budget.granted) return;
      const hash = createHash('sha256').update(`${key} ${Date.now()}`).digest('hex').slice(0, 16);
      const firstAt = new Date().toISOString();
      series = { event, involved, objectName: `${involved.name}.${hash}`, firstAt, count: 0, writtenAtMs: null };
      this.#series.delete(key);
      this.#series.set(key, series);
      for (const old of this.#series.keys()) if (this.#series.size > maxSeries) this.#series.delete(old);
    }
    series.count += 1;
    if (series.writtenAtMs !== null && now - series.writtenAtMs < rewriteMs) return;
    this.#due.add(series);
    this.#writing ??= this.#write().finally(() => (this.#writing = null));
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    // Lets the rest of a burst be counted before the write.
    await setImmediate();
    for (const series of this.#due) {
      this.#due.delete(series);
      try {
        await this.#send(series);
        series.writtenAtMs = performance.now();
        this.#warned = false;
      } catch (error) {
        if (!this.#warned) this.#warn(`an event was not written: ${(error as Error).message}`);
        this.#warned = true;
      }
    }
  }

  async #send(series: Series): Promise<void> {
    const { event, involved, objectName, firstAt, count, writtenAtMs } = series;
    const { namespace } = involved;
    const path = `/api/v1/namespaces/${namespace}/events`;
    const lastTimestamp = new Date().toISOString();
    if (writtenAtMs !== null) {
      try {
        await this.#api.call({
          operation: 'patch events',
          method: 'PATCH',
          path: `${path}/${objectName}`,
          contentType: 'application/merge-patch+json',
          body: { count, lastTimestamp },
        });
        return;
      } catch (error) {
        // The API server has deleted the old event, so a new one is created below.
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
      }
    }
    await this.#api.call({
      operation: 'create events',
      method: 'POST',
      path,
      body: {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: objectName, namespace },
        involvedObject: { apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', ...involved },
        type: event.type,
        reason: event.reason,
        message: event.message,
        count,
        firstTimestamp: firstAt,
        lastTimestamp,
        source: { component: 'sluice-scaler' },
        reportingComponent: 'sluice-scaler',
        reportingInstance: this.#instance,
      },
    });
  }
}
