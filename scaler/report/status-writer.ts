/**
 * Writer of one pool's status in the cluster: at once when a condition or the version of a model changes, at most every five seconds when
 * other things do, and every thirty when the queue and its wait merely tremble. A failed write is tried again after a pause.
 */
import type { PoolStatus } from '../../contract/pool-status.ts';
import { conditionsDiffer } from '../policy/conditions.ts';
import type { PoolContext } from '../pool-context.ts';

const betweenNumbersMs = 5_000;
const betweenTremblesMs = 30_000;
/** Change of queue or wait, in requests or milliseconds, below which it trembles; a larger one must be by half too. */
const trembling = 10;
const afterFailureMs = 5_000;

export class StatusWriter {
  readonly #context: PoolContext;
  #written: { readonly status: PoolStatus; readonly atMs: number } | null = null;
  #notBeforeMs = -Infinity;

  constructor(context: PoolContext) {
    this.#context = context;
  }

  /** Forgets the last write, since another scaler leads and writes the status. */
  forget(): void {
    this.#written = null;
  }

  write(status: PoolStatus): void {
    const { pool, cluster, clock, metrics, log, operations } = this.#context;
    const nowMs = clock.steadyMs();
    const written = this.#written;
    const urgent =
      written === null ||
      conditionsDiffer(written.status.conditions, status.conditions) ||
      JSON.stringify(written.status.models) !== JSON.stringify(status.models);
    if (nowMs < this.#notBeforeMs) return;
    if (!urgent) {
      if (comparable(written.status) === comparable(status)) return;
      const pauseMs = trembles(written.status, status) ? betweenTremblesMs : betweenNumbersMs;
      if (nowMs - written.atMs < pauseMs) return;
    }
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

/** Whether nothing but queue and wait has changed, and neither by much. */
function trembles(before: PoolStatus, now: PoolStatus): boolean {
  const { queued, predictedWaitMs } = before;
  if (comparable({ ...now, queued, predictedWaitMs }) !== comparable(before)) return false;
  return isNear(queued, now.queued) && isNear(predictedWaitMs, now.predictedWaitMs);
}

function isNear(before: number | null, now: number | null): boolean {
  if (before === null || now === null) return before === now;
  const change = Math.abs(now - before);
  return change < trembling || 2 * change <= Math.max(before, now);
}

/** Part of a status whose change is worth a write: not the inputs of a decision that stays the same. */
function comparable({ lastDecision, ...status }: PoolStatus): string {
  return JSON.stringify({ ...status, decided: lastDecision?.reason, at: lastDecision?.at });
}
