/**
 * The one place that writes a pool's replica count. While a write is under way, or the view has not caught up with it, the
 * count is the one that was written, and nothing else is: no write is made twice, and none on what it has itself outdated.
 */
import type { ScalableCluster, ScaleTarget, WriteResult } from '../../cluster/scalable.ts';
import type { Clock } from '../clock.ts';
import type { Operations } from './operations.ts';

/** A view that has not caught up by then is believed again. */
const catchUpMs = 30_000;
/** After a conflict the view is behind; of a connection that broke nobody knows whether the write arrived. */
const firstPauseMs = 2_000;
/** Of a write that fails again and again. */
const longestPauseMs = 15_000;

export interface TargetReplicas {
  readonly replicas: number;
  /** False: a write is on its way, and no other may be made. */
  readonly settled: boolean;
}

export class ReplicaWriter {
  readonly #cluster: ScalableCluster;
  readonly #operations: Operations;
  readonly #clock: Clock;
  /** Stands for the view until its version changes or the time has come. */
  #believed: { readonly version: string; readonly replicas: number; readonly untilMs: number } | null = null;
  #pauseMs = firstPauseMs;

  constructor(cluster: ScalableCluster, operations: Operations, clock: Clock) {
    this.#cluster = cluster;
    this.#operations = operations;
    this.#clock = clock;
  }

  standing({ replicas, version }: ScaleTarget): TargetReplicas {
    const believed = this.#believed;
    if (believed === null) return { replicas, settled: true };
    const waiting =
      this.#operations.has('scale') || (version === believed.version && this.#clock.steadyMs() < believed.untilMs);
    if (waiting) return { replicas: believed.replicas, settled: false };
    this.#believed = null;
    return { replicas, settled: true };
  }

  /** @returns false, and writes nothing, unless this process leads and nothing is on its way */
  write(target: ScaleTarget, replicas: number, settle: (result: WriteResult) => void): boolean {
    if (!this.#cluster.leadership().leading || !this.standing(target).settled) return false;
    const { version } = target;
    this.#believed = { version, replicas, untilMs: Infinity };
    return this.#operations.write(
      'scale',
      () => this.#cluster.scale(target, replicas),
      (result) => {
        const done = result.kind === 'done';
        const failed = result.kind === 'failed' || result.kind === 'refused';
        const forMs = done ? catchUpMs : failed ? this.#pauseMs : firstPauseMs;
        this.#pauseMs = failed ? Math.min(longestPauseMs, 2 * this.#pauseMs) : firstPauseMs;
        const stands = done ? replicas : target.replicas;
        this.#believed = { version, replicas: stands, untilMs: this.#clock.steadyMs() + forMs };
        settle(result);
      },
    );
  }
}
