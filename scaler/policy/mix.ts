/**
 * Cost of one request in a pool of several models.
 *
 *   l(b) = Σ w·a·max(1, r/maxRows) + b·Σ w·c·r      w: share of recent requests, r: rows per request, both per model
 *   b ≤ 1 / Σ w·r/maxRows                           maxRows: rows of one run, the model's own
 *
 * Demand is pod-seconds: models take turns, each with batches of its own, and a request of r rows takes as long as r rows.
 * Derivation: docs/scaling-algorithm.md, "Cost of a request in a mixed pool".
 */
import type { ModelLoad } from '../../contract/load-report.ts';
import type { BatchCost } from './observation.ts';

export interface Mix {
  /** Total arrivals when last seen, by `gateway/model`. */
  readonly arrivals: Readonly<Record<string, number>>;
  /** Recent requests by model, forgotten exponentially. */
  readonly weights: Readonly<Record<string, number>>;
}
export const noMix: Mix = { arrivals: {}, weights: {} };

export interface GatewayModels {
  readonly gateway: string;
  readonly models: readonly ModelLoad[];
}

/** Time constant of the weights: a minute, so that yesterday's model does not size today's pool. */
const forgettingMs = 60_000;

export function updateMix(before: Mix, reported: readonly GatewayModels[], elapsedMs: number): Mix {
  const kept = Math.exp(-Math.max(0, elapsedMs) / forgettingMs);
  const weights: Record<string, number> = {};
  const arrivals: Record<string, number> = {};
  for (const { gateway, models } of reported) {
    for (const model of models) {
      const key = `${gateway}/${model.name}`;
      const arrived = model.arrivals - (before.arrivals[key] ?? model.arrivals);
      arrivals[key] = model.arrivals;
      weights[model.name] ??= kept * (before.weights[model.name] ?? 0);
      weights[model.name]! += Math.max(0, arrived);
    }
  }
  return { arrivals, weights };
}

/** @returns null until a model that is asked for has run */
export function costOf(models: readonly ModelLoad[], weights: Mix['weights']): BatchCost | null {
  const measured = models.filter(({ fit }) => fit !== null && fit.samples > 0 && fit.aMs + fit.cMs > 0);
  const total = measured.reduce((sum, { name }) => sum + (weights[name] ?? 0), 0);
  if (measured.length === 0) return null;
  let a = 0;
  let c = 0;
  for (const { name, fit, rowsPerRequest, maxRows } of measured) {
    // Without recent requests all models weigh alike.
    const weight = total > 0 ? (weights[name] ?? 0) / total : 1 / measured.length;
    a += weight * fit!.aMs * Math.max(1, rowsPerRequest / maxRows);
    c += weight * fit!.cMs * rowsPerRequest;
  }
  return { a, c };
}

/** Requests that fit one run, in the mean of the mix; the pool's own `maxRows` without recent requests. */
export function requestsPerRun(
  reported: readonly GatewayModels[],
  weights: Mix['weights'],
  poolMaxRows: number,
): number {
  let requests = 0;
  let runs = 0;
  for (const { name, rowsPerRequest, maxRows } of reported.flatMap(({ models }) => models)) {
    requests += weights[name] ?? 0;
    runs += (weights[name] ?? 0) * (rowsPerRequest / maxRows);
  }
  return Math.max(1, Math.floor(runs > 0 ? requests / runs : poolMaxRows));
}
