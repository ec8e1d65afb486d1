/** Context that the parts of the scaler share, so that each takes one argument instead of eight. */
import type { Logger } from 'pino';
import type { ScalableCluster } from '../cluster/scalable.ts';
import type { Operations } from './actuate/operations.ts';
import type { PodCalls } from './actuate/pod-calls.ts';
import type { VersionCalls } from './actuate/version-calls.ts';
import type { Clock } from './clock.ts';
import type { ScalerMetrics } from './metrics.ts';

export interface ScalerContext {
  readonly cluster: ScalableCluster;
  readonly calls: PodCalls;
  readonly versionCalls: VersionCalls;
  readonly clock: Clock;
  readonly metrics: ScalerMetrics;
  readonly log: Logger;
}

export interface PoolContext extends ScalerContext {
  readonly pool: string;
  /** Calls in flight on behalf of this pool. */
  readonly operations: Operations;
  /** Asks for another cycle soon, before the next second. */
  readonly wake: () => void;
}
