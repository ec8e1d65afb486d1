/** What a scaler tells Prometheus of a pool of which it knows everything. */
import { conditionTypes, poolGauges, ScalerMetrics, type PoolNumbers } from '../../scaler/metrics.ts';

export function scalerOfOnePool(): ScalerMetrics {
  const metrics = new ScalerMetrics('test');
  metrics.addPool('pool');
  metrics.conditions(
    'pool',
    conditionTypes.map((type) => ({ type, status: 'True' })),
  );
  const numbers = Object.fromEntries(Object.keys(poolGauges).map((key) => [key, 1]));
  metrics.poolNumbers('pool', numbers as unknown as PoolNumbers);
  return metrics;
}
