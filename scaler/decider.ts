/** Decider of one pool: calls the policy with the pool's settings, and keeps the policy's state from cycle to cycle. */
import { applyPreconditions, type GuardedDecision } from './observe/preconditions.ts';
import type { PoolSnapshot } from './observe/snapshot.ts';
import { budgetOf } from './policy/budget.ts';
import { decide } from './policy/decide.ts';
import { decodeMemory, encodeMemory, type SeasonalMemory } from './policy/seasonal-memory.ts';
import { withMemory } from './policy/seasonal.ts';
import { initialState, type PolicyConfig, type PolicyState } from './policy/policy-state.ts';
import type { MergedReports } from './policy/merge.ts';

/** Maximum of a pool without maxReplicas: a runaway must end somewhere. */
export const defaultMaxReplicas = 100;

export interface DecisionContext {
  /** Effective replicas: the target's count, with a scale-down or surge under way counted as done. */
  readonly replicas: number;
  readonly leading: boolean;
  readonly nowMs: number;
}

export class Decider {
  #state: PolicyState = initialState;
  #encoded: { readonly memory: SeasonalMemory; readonly text: string } | null = null;

  /** Text of the rushes that are remembered; null before the first report. */
  get season(): string | null {
    const { memory } = this.#state.season;
    if (memory === null) return null;
    if (this.#encoded?.memory !== memory) this.#encoded = { memory, text: encodeMemory(memory) };
    return this.#encoded.text;
  }

  /** Goes on from rushes that another process remembered. @returns false if the text can't be read */
  continueSeason(text: string, nowMs: number): boolean {
    const memory = decodeMemory(text, nowMs / 1000);
    if (memory === null) return false;
    this.#state = { ...this.#state, season: withMemory(this.#state.season, memory) };
    return true;
  }

  decide(
    snapshot: PoolSnapshot,
    merged: MergedReports,
    { replicas, leading, nowMs }: DecisionContext,
  ): GuardedDecision {
    const config = configOf(snapshot, merged, leading);
    const [state, decision] = decide(config, this.#state, { ...merged.observation, replicas }, nowMs);
    this.#state = state;
    return applyPreconditions(snapshot, decision, replicas);
  }

  /** Tells the policy which count to expect in the next cycle; any other is a change by somebody else. */
  expect(replicas: number): void {
    this.#state = { ...this.#state, expectedReplicas: replicas };
  }
}

function configOf({ pool }: PoolSnapshot, { maxRequests }: MergedReports, leading: boolean): PolicyConfig {
  const { scaling, objective } = pool.spec;
  return {
    // Followers decide too, so that they know the traffic when they take over.
    mode: leading || scaling.mode === 'Paused' ? scaling.mode : 'DryRun',
    objectiveMs: objective?.latencyMs ?? null,
    maxRows: maxRequests,
    minReplicas: scaling.minReplicas,
    maxReplicas: scaling.maxReplicas ?? Math.max(defaultMaxReplicas, scaling.minReplicas),
    idleMs: scaling.idleSeconds * 1000,
    seasonal: scaling.seasonal,
    violationBudget: budgetOf(objective?.percentile ?? 99),
  };
}
