/**
 * Writer of one pool's replica count; nothing else writes it.
 *
 * A write is pending from its call until the view shows a new version of the target. Until then the count is the one that was
 * written, and no other write starts: none is made twice, and none on a view that our own write has outdated.
 *
 * A write that failed is unconfirmed: it may have been made, and only its answer was lost. If the view shows its count soon
 * after, it was ours.
 */
import type { ScaleTarget, WriteResult } from '../../cluster/scalable.ts';
import type { PoolContext } from '../pool-context.ts';

/** Longest time that a pending write overrides a view that does not catch up. */
const catchUpMs = 30_000;
/** Pause after a conflict, when the view is behind, and after a first failure. */
const firstPauseMs = 2_000;
/** Longest pause between writes that keep failing. */
const longestPauseMs = 15_000;
/** How long an unconfirmed write may still show up as ours. */
const unconfirmedForMs = 30_000;

/** The target's replica count, with a pending write counted as made. */
export interface TargetReplicas {
  readonly replicas: number;
  /** False while a write is pending, when no other may start. */
  readonly settled: boolean;
}

export interface ReplicaWrite {
  readonly target: ScaleTarget;
  readonly replicas: number;
  /** Effective replicas to expect again if the write fails. */
  readonly before: number;
  readonly why: string;
  /** Time of the decision that the write carries out; absent where it ends a drain or starts a surge. */
  readonly decidedAtMs?: number;
  readonly onMade?: () => void;
}

export class ReplicaWriter {
  readonly #context: PoolContext;
  readonly #onResult: (write: ReplicaWrite, result: WriteResult) => void;
  /** Overrides the view until its version changes or the time is up. */
  #pending: { readonly version: string; readonly replicas: number; readonly untilMs: number } | null = null;
  #unconfirmed: { readonly write: ReplicaWrite; readonly untilMs: number } | null = null;
  /** Settled count of the last cycle. */
  #lastReplicas: number | null = null;
  #pauseMs = firstPauseMs;

  constructor(context: PoolContext, onResult: (write: ReplicaWrite, result: WriteResult) => void) {
    this.#context = context;
    this.#onResult = onResult;
  }

  current({ replicas, version }: ScaleTarget): TargetReplicas {
    const { operations, clock } = this.#context;
    const pending = this.#pending;
    if (pending === null) return { replicas, settled: true };
    const waiting = operations.has('scale') || (version === pending.version && clock.steadyMs() < pending.untilMs);
    if (waiting) return { replicas: pending.replicas, settled: false };
    this.#pending = null;
    return { replicas, settled: true };
  }

  /**
   * Compares the settled count with that of the cycle before; called once a cycle.
   * @returns the change that somebody else made; null if nobody did
   */
  takeForeignChange(target: ScaleTarget): { readonly from: number; readonly to: number } | null {
    const { replicas, settled } = this.current(target);
    if (!settled) return null;
    const before = this.#lastReplicas;
    this.#lastReplicas = replicas;
    if (before === null || before === replicas) return null;
    const unconfirmed = this.#unconfirmed;
    this.#unconfirmed = null;
    if (unconfirmed?.write.replicas === replicas && this.#context.clock.steadyMs() < unconfirmed.untilMs) {
      this.#made(unconfirmed.write);
      return null;
    }
    return { from: before, to: replicas };
  }

  /** Drops the unconfirmed write: from now on its count would be another leader's. */
  forgetUnconfirmed(): void {
    this.#unconfirmed = null;
  }

  /** @returns false, and writes nothing, unless this process leads and no write is pending */
  write(write: ReplicaWrite): boolean {
    const { cluster, operations, clock, wake } = this.#context;
    const { target, replicas } = write;
    const { version } = target;
    this.#unconfirmed = null;
    if (!cluster.leadership().leading || !this.current(target).settled) return false;
    this.#pending = { version, replicas, untilMs: Infinity };
    return operations.write(
      'scale',
      () => cluster.scale(target, replicas),
      (result) => {
        const done = result.kind === 'done';
        const failed = result.kind === 'failed' || result.kind === 'refused';
        const forMs = done ? catchUpMs : failed ? this.#pauseMs : firstPauseMs;
        this.#pauseMs = failed ? Math.min(longestPauseMs, 2 * this.#pauseMs) : firstPauseMs;
        const current = done ? replicas : target.replicas;
        this.#pending = { version, replicas: current, untilMs: clock.steadyMs() + forMs };
        if (result.kind === 'failed') this.#unconfirmed = { write, untilMs: clock.steadyMs() + unconfirmedForMs };
        if (done) this.#made(write);
        else this.#onResult(write, result);
        wake();
      },
    );
  }

  #made(write: ReplicaWrite): void {
    this.#lastReplicas = write.replicas;
    write.onMade?.();
    this.#onResult(write, { kind: 'done' });
  }
}
