/** Merges the gateways' reports on one pool with its pods, and keeps what spans cycles: model mix, cold starts, latencies. */
import { mergeReports, type MergedReports } from '../policy/merge.ts';
import { noMix } from '../policy/mix.ts';
import type { Ejections } from '../policy/pod-views.ts';
import { ColdStartSamples } from './cold-start-samples.ts';
import { LatencyWindow } from './latency-window.ts';
import { ModelRatesWindow } from './model-rates-window.ts';
import type { PoolSnapshot } from './snapshot.ts';

export class LoadMerger {
  readonly latency = new LatencyWindow();
  readonly modelRates = new ModelRatesWindow();
  readonly #coldStarts = new ColdStartSamples();
  #mix = noMix;
  #ejections: Ejections = new Map();
  #mergedAtMs: number | null = null;

  merge({ pool, pods, gateways }: PoolSnapshot, nowMs: number): MergedReports {
    const merged = mergeReports({
      pool: pool.metadata.name,
      maxRows: pool.spec.batching.maxRows,
      gateways,
      pods: pods.map((pod) => ({ ...pod, ready: pod.phase === 'Ready', draining: pod.draining !== null })),
      // The decider fills in the count, which depends on the writes under way.
      replicas: 0,
      startedInMs: this.#coldStarts.add(pods),
      mix: this.#mix,
      ejections: this.#ejections,
      elapsedMs: nowMs - (this.#mergedAtMs ?? nowMs),
      nowMs,
    });
    this.#mix = merged.mix;
    this.#ejections = merged.ejections;
    this.#mergedAtMs = nowMs;
    this.latency.add(merged.freshLoads, nowMs);
    this.modelRates.add(merged.freshLoads, nowMs);
    return merged;
  }
}
