/** Recorder of one pool's decisions: the decision log, the status's last decision, the metrics, and a log line per change. */
import type { LastDecision } from '../../contract/pool-status.ts';
import type { DecisionRecord } from '../../contract/scaler-api.ts';
import type { GuardedDecision } from '../observe/preconditions.ts';
import type { PoolSnapshot } from '../observe/snapshot.ts';
import type { PoolContext } from '../pool-context.ts';
import { arithmetic } from './arithmetic.ts';
import { reasonText } from './condition-inputs.ts';
import { DecisionLog } from './decision-log.ts';

export interface DecisionContext {
  readonly snapshot: PoolSnapshot;
  /** Effective replicas that the decision was made on. */
  readonly from: number;
  readonly outcome: string;
  readonly atMs: number;
}

export class DecisionRecorder {
  readonly log: DecisionLog;
  readonly #context: PoolContext;
  #last: LastDecision | null = null;
  /** Time of the last decision, on the steady clock. */
  #decidedAtMs: number | null = null;

  constructor(context: PoolContext, onDecision: (record: DecisionRecord) => void) {
    this.#context = context;
    this.log = new DecisionLog(onDecision);
  }

  get last(): LastDecision | null {
    return this.#last;
  }

  /** Goes on from what the last leader decided, and since when. */
  continue(records: readonly DecisionRecord[], last: LastDecision | null): void {
    this.log.continue(records);
    this.#last = last;
  }

  decided(decision: GuardedDecision, { snapshot, from, outcome, atMs }: DecisionContext): void {
    const { pool, metrics, clock, log } = this.#context;
    const nowMs = clock.steadyMs();
    metrics.decision(pool, decision, this.#decidedAtMs === null ? 0 : nowMs - this.#decidedAtMs);
    this.#decidedAtMs = nowMs;
    const { kind, reason } = decision;
    const replicas = kind === 'scale' ? decision.replicas : null;
    const to = replicas ?? from;
    const { scaling } = snapshot.pool.spec;
    const why = reasonText(decision);
    const lines = arithmetic(decision.inputs, {
      from,
      to,
      minReplicas: scaling.minReplicas,
      maxReplicas: scaling.maxReplicas ?? null,
      why,
    });
    const inputs = finite(decision.inputs);
    const isNew = this.log.add({ pool, atMs, kind, from, to, reason, why, outcome, inputs, arithmetic: lines });
    const repeated = this.#last?.reason === reason && this.#last.replicas === replicas;
    // A repeated decision keeps the time since when it holds, with the inputs of now.
    const at = repeated ? this.#last!.at : new Date(atMs).toISOString();
    this.#last = { replicas, reason, at, inputs };
    if (kind === 'scale' && isNew)
      log.info({ pool, from, to, reason, outcome }, `pool ${pool}: ${from} → ${to}, ${reason}`);
  }

  /** Records an action that no decision of this cycle asked for. */
  note(
    kind: 'drain' | 'replace',
    { from, to, reason, outcome }: Pick<DecisionRecord, 'from' | 'to' | 'reason' | 'outcome'>,
  ): void {
    const { pool, clock } = this.#context;
    const line = kind === 'drain' && reason === 'drained' ? 'the victims hold no more requests' : outcome;
    this.log.add({ pool, atMs: clock.wallMs(), kind, from, to, reason, inputs: {}, arithmetic: [line], outcome });
  }
}

/** Replaces Infinity and NaN, which JSON does not have, by null. */
function finite(inputs: GuardedDecision['inputs']): Record<string, number | string | null> {
  return Object.fromEntries(
    Object.entries(inputs).map(([key, value]) => [
      key,
      typeof value === 'number' && !Number.isFinite(value) ? null : value,
    ]),
  );
}
