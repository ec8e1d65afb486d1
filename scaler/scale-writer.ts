/**
 * The one place that writes a pool's replica count. While a write is under way, or the view has not caught up with it, the
 * count is the one that was written, and nothing else is: no write is made twice, and none on what it has itself outdated.
 */
import type { ScalableCluster, ScaleTarget, WriteResult } from '../cluster/scalable.ts';
import type { Clock } from './clock.ts';
import type { Operations } from './operations.ts';

/** A view that has not caught up by then is believed again. */
const catchUpMs = 30_000;
/** So long the view may take to tell what really stands there. */
const unsureMs = 2_000;

export interface Standing {
  readonly replicas: number;
  /** False: a write is on its way, and no other may be made. */
  readonly settled: boolean;
}

export class ScaleWriter {
  readonly #cluster: ScalableCluster;
  readonly #operations: Operations;
  readonly #clock: Clock;
  #written: { readonly version: string; readonly replicas: number; readonly atMs: number } | null = null;

  constructor(cluster: ScalableCluster, operations: Operations, clock: Clock) {
    this.#cluster = cluster;
    this.#operations = operations;
    this.#clock = clock;
  }

  standing({ replicas, version }: ScaleTarget): Standing {
    const written = this.#written;
    if (written === null) return { replicas, settled: true };
    const waiting =
      this.#operations.has('scale') ||
      (version === written.version && this.#clock.steadyMs() - written.atMs < catchUpMs);
    if (waiting) return { replicas: written.replicas, settled: false };
    this.#written = null;
    return { replicas, settled: true };
  }

  /** @returns false, and writes nothing, unless this process leads and nothing is on its way */
  write(target: ScaleTarget, replicas: number, settle: (result: WriteResult) => void): boolean {
    if (!this.#cluster.leadership().leading || !this.standing(target).settled) return false;
    const written = { version: target.version, replicas, atMs: this.#clock.steadyMs() };
    this.#written = written;
    return this.#operations.write(
      'scale',
      () => this.#cluster.scale(target, replicas),
      (result) => {
        const atMs = this.#clock.steadyMs();
        // After a conflict the view is behind; of a connection that broke nobody knows whether the write arrived.
        const unsure = { version: target.version, replicas: target.replicas, atMs: atMs - catchUpMs + unsureMs };
        if (result.kind === 'done') this.#written = { ...written, atMs };
        else this.#written = result.kind === 'conflict' || result.kind === 'failed' ? unsure : null;
        settle(result);
      },
    );
  }
}
