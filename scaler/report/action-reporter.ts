/** Reports what the actuator does: Kubernetes events, metrics, log lines, and entries of the decision log. */
import type { ScalerPod, WriteResult } from '../../cluster/scalable.ts';
import type { ActionListener } from '../actuate/action-listener.ts';
import type { ReplicaWrite } from '../actuate/replica-writer.ts';
import type { ScaleDownProgress } from '../actuate/scale-down.ts';
import type { DrainOutcome, ReplacementOutcome } from '../metrics.ts';
import type { PoolContext } from '../pool-context.ts';
import type { DecisionRecorder } from './decision-recorder.ts';

const replacementEvents = {
  evicted: 'PodReplaced',
  surged: 'PodReplacedFirst',
  refused: 'ReplacementRefused',
  failed: 'ReplacementFailed',
  recovered: 'PodRecovered',
  killed: 'PodKilled',
} as const;

export class ActionReporter implements ActionListener {
  readonly #context: PoolContext;
  readonly #decisions: DecisionRecorder;
  /** Replicas as last reported. */
  readonly #replicas: () => number;
  #writeFailure: string | null = null;
  /** UIDs of the draining pods that an event has already named. */
  #announced: ReadonlySet<string> = new Set();

  constructor(context: PoolContext, decisions: DecisionRecorder, replicas: () => number) {
    this.#context = context;
    this.#decisions = decisions;
    this.#replicas = replicas;
  }

  /** Detail of the last scale write if it failed; null if it did not. */
  get writeFailure(): string | null {
    return this.#writeFailure;
  }

  wrote({ target, replicas, why, decidedAtMs }: ReplicaWrite, result: WriteResult): void {
    const { pool, cluster, metrics, log } = this.#context;
    metrics.scaleWrite(pool, replicas > target.replicas ? 'up' : 'down', result.kind);
    const detail = 'detail' in result ? result.detail : result.kind;
    const outcome = result.kind === 'done' ? 'written' : `${result.kind}: ${detail}`;
    if (decidedAtMs === undefined)
      this.#decisions.note('drain', { from: target.replicas, to: replicas, reason: why, outcome });
    else this.#decisions.log.outcome(decidedAtMs, outcome);
    const failure = result.kind === 'failed' || result.kind === 'refused' ? detail : null;
    if (result.kind === 'done') {
      cluster.emit({
        pool,
        type: 'Normal',
        reason: 'SuccessfulRescale',
        message: `${target.name}: ${target.replicas} → ${replicas}, ${why}`,
      });
    } else if (failure !== null && this.#writeFailure === null) {
      const message = `${target.name}: ${target.replicas} → ${replicas} failed: ${failure}`;
      cluster.emit({ pool, type: 'Warning', reason: 'FailedRescale', message });
    }
    this.#writeFailure = failure;
    const level = result.kind === 'done' ? 'info' : 'warn';
    log[level]({ pool, from: target.replicas, to: replicas, why, detail }, `pool ${pool}: scale write ${result.kind}`);
  }

  changedByOthers(target: string, { from, to }: { readonly from: number; readonly to: number }): void {
    const { pool, cluster, log } = this.#context;
    const message = `${target}: ${from} → ${to} by somebody else`;
    cluster.emit({ pool, type: 'Normal', reason: 'ReplicasChanged', message });
    log.info({ pool, from, to }, `pool ${pool}: somebody else changed the replicas`);
  }

  draining(victims: readonly ScalerPod[], progress: ScaleDownProgress): void {
    const { pool, cluster } = this.#context;
    const leaving = progress.kind === 'none' ? [] : victims;
    const fresh = leaving.filter(({ uid }) => !this.#announced.has(uid));
    if (fresh.length > 0) cluster.emit({ pool, type: 'Normal', reason: 'DrainStarted', message: namesOf(fresh) });
    this.#announced = new Set(leaving.map(({ uid }) => uid));
    if (progress.kind !== 'unsure-too-long') return;
    const message = `${namesOf(victims)}: reports stayed incomplete until the drain limit`;
    cluster.emit({ pool, type: 'Warning', reason: 'DrainCancelled', message });
  }

  drainEnded(podName: string, outcome: DrainOutcome): void {
    const { pool, metrics, log } = this.#context;
    metrics.drain(pool, outcome);
    log.info({ pool, podName, outcome }, `pool ${pool}: the drain of ${podName} ended: ${outcome}`);
  }

  drainLapsed(podName: string): void {
    const { pool, metrics, log } = this.#context;
    metrics.drainLapsed(pool);
    log.warn(
      { pool, podName },
      `pool ${pool}: the drain of ${podName} lapsed or was ended by somebody else; it begins anew`,
    );
  }

  foreignDrain(podName: string, why: string): void {
    const { pool, cluster, log } = this.#context;
    cluster.emit({ pool, type: 'Warning', reason: 'ForeignDrain', message: `${podName}: ${why}` });
    log.warn({ pool, podName, why }, `pool ${pool}: ${podName} is ${why}; it is told to serve again`);
  }

  foreignDrainEnded(): void {
    this.#context.metrics.foreignDrainEnded(this.#context.pool);
  }

  replaced(podName: string, outcome: ReplacementOutcome, detail: string): void {
    const { pool, cluster, metrics, log } = this.#context;
    metrics.replacement(pool, outcome);
    const replicas = this.#replicas();
    const note = { from: replicas, to: replicas, reason: outcome, outcome: `${podName}: ${detail}` };
    this.#decisions.note('replace', note);
    const type = outcome === 'recovered' ? 'Normal' : 'Warning';
    const message = detail === '' ? podName : `${podName}: ${detail}`;
    cluster.emit({ pool, type, reason: replacementEvents[outcome], message });
    log.warn({ pool, podName, outcome, detail }, `pool ${pool}: ${podName} ${outcome}`);
  }
}

function namesOf(pods: readonly ScalerPod[]): string {
  return pods.map(({ name }) => name).join(', ');
}
