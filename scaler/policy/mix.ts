/**
 * What one request costs in a pool of several models.
 *
 *   l(b) = Σ w·a·max(1, r/maxRows) + b·Σ w·c·r      w: the model's share of the requests of late, r: its rows a request
 *   b ≤ 1 / Σ w·r/maxRows                             maxRows: of one run, the model's own
 *
 * Demand is pod-seconds: models take turns, each with batches of its own, and a request of r rows takes as long as r rows.
 * w forgets with a time constant of a minute, so that yesterday's model does not size today's pool. Source: DESIGN §1.3.
 */
import type { ModelLoad } from '../../contract/load-report.ts';
import type { Cost } from './observation.ts';

export interface Mix {
  /** Requests so far, by gateway and model. */
  readonly arrivals: Readonly<Record<string, number>>;
  /** Requests of late, by model. */
  readonly weights: Readonly<Record<string, number>>;
}
export const noMix: Mix = { arrivals: {}, weights: {} };

export interface GatewayModels {
  readonly gateway: string;
  readonly models: readonly ModelLoad[];
}

const forgetsMs = 60_000;

export function mix(before: Mix, seen: readonly GatewayModels[], elapsedMs: number): Mix {
  const kept = Math.exp(-Math.max(0, elapsedMs) / forgetsMs);
  const weights: Record<string, number> = {};
  const arrivals: Record<string, number> = {};
  for (const { gateway, models } of seen) {
    for (const model of models) {
      const key = `${gateway}/${model.name}`;
      const came = model.arrivals - (before.arrivals[key] ?? model.arrivals);
      arrivals[key] = model.arrivals;
      weights[model.name] ??= kept * (before.weights[model.name] ?? 0);
      weights[model.name]! += Math.max(0, came);
    }
  }
  return { arrivals, weights };
}

/** Null: no model that is asked for has run yet. */
export function costOf(models: readonly ModelLoad[], weights: Mix['weights']): Cost | null {
  const measured = models.filter(({ fit }) => fit !== null && fit.samples > 0 && fit.aMs + fit.cMs > 0);
  const total = measured.reduce((sum, { name }) => sum + (weights[name] ?? 0), 0);
  if (measured.length === 0) return null;
  let a = 0;
  let c = 0;
  for (const { name, fit, rowsPerRequest, maxRows } of measured) {
    // Nobody asked of late: all alike.
    const weight = total > 0 ? (weights[name] ?? 0) / total : 1 / measured.length;
    a += weight * fit!.aMs * Math.max(1, rowsPerRequest / maxRows);
    c += weight * fit!.cMs * rowsPerRequest;
  }
  return { a, c };
}

/** Requests that fit one run, in the mean of the mix; of the pool's own `maxRows` where nobody asked of late. */
export function requestsPerRun(seen: readonly GatewayModels[], weights: Mix['weights'], poolMaxRows: number): number {
  let requests = 0;
  let runs = 0;
  for (const { name, rowsPerRequest, maxRows } of seen.flatMap(({ models }) => models)) {
    requests += weights[name] ?? 0;
    runs += (weights[name] ?? 0) * (rowsPerRequest / maxRows);
  }
  return Math.max(1, Math.floor(runs > 0 ? requests / runs : poolMaxRows));
}
