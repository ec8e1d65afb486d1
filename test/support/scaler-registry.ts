/** Metrics of a scaler whose pools have a value for every gauge. */
import { conditionTypes, poolGauges, ScalerMetrics, type PoolNumbers } from '../../scaler/metrics.ts';

export function scalerOf(pools: readonly string[]): ScalerMetrics {
  const metrics = new ScalerMetrics('test', { refused: 0, accepted: 0 });
  for (const [index, pool] of pools.entries()) {
    metrics.addPool(pool);
    metrics.conditions(
      pool,
      conditionTypes.map((type) => ({ type, status: 'True' })),
    );
    const numbers = Object.fromEntries(Object.keys(poolGauges).map((key) => [key, index + 1 / 3]));
    metrics.poolNumbers(pool, numbers as unknown as PoolNumbers);
  }
  return metrics;
}
