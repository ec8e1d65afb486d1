/**
 * The status of one pool in the cluster: written when something changed, at once for conditions, at most every five seconds
 * for numbers. One that fails is tried again after a pause.
 */
import type { Logger } from 'pino';
import type { ScalableCluster } from '../../cluster/scalable.ts';
import type { PoolStatus } from '../../contract/pool-status.ts';
import type { Clock } from '../clock.ts';
import type { ScalerMetrics } from '../metrics.ts';
import type { Operations } from '../actuate/operations.ts';
import { conditionsDiffer } from '../policy/conditions.ts';

const betweenNumbersMs = 5_000;
const afterFailureMs = 5_000;

export interface StatusWriterDeps {
  readonly pool: string;
  readonly cluster: ScalableCluster;
  readonly clock: Clock;
  readonly metrics: ScalerMetrics;
  readonly log: Logger;
  readonly operations: Operations;
}

export class StatusWriter {
  readonly #deps: StatusWriterDeps;
  #written: { readonly status: PoolStatus; readonly atMs: number } | null = null;
  #notBeforeMs = -Infinity;

  constructor(deps: StatusWriterDeps) {
    this.#deps = deps;
  }

  /** Somebody else leads, and writes. */
  forget(): void {
    this.#written = null;
  }

  write(status: PoolStatus): void {
    const { pool, cluster, clock, metrics, log, operations } = this.#deps;
    const nowMs = clock.steadyMs();
    const written = this.#written;
    const urgent = written === null || conditionsDiffer(written.status.conditions, status.conditions);
    if (nowMs < this.#notBeforeMs || (!urgent && nowMs - written.atMs < betweenNumbersMs)) return;
    if (written !== null && news(written.status) === news(status)) return;
    operations.write(
      'status',
      () => cluster.writeStatus(pool, status),
      (result) => {
        metrics.statusWrite(pool, result.kind);
        if (result.kind === 'done') {
          this.#written = { status, atMs: nowMs };
          return;
        }
        this.#notBeforeMs = clock.steadyMs() + afterFailureMs;
        if (result.kind !== 'not-leader') log.warn({ pool, ...result }, `pool ${pool}: status write ${result.kind}`);
      },
    );
  }
}

/** What of a status is worth a write: the inputs of a decision that stays the same are not. */
function news({ lastDecision, ...status }: PoolStatus): string {
  return JSON.stringify({ ...status, decided: lastDecision?.reason, at: lastDecision?.at });
}
