/** Decider of one pool: calls the policy with the pool's settings, and keeps the policy's state from cycle to cycle. */
import { applyPreconditions, type GuardedDecision } from './observe/preconditions.ts';
import type { PoolSnapshot } from './observe/snapshot.ts';
import { budgetOf } from './policy/budget.ts';
import { decide } from './policy/decide.ts';
import { decodeMemory, encodeMemory, type SeasonalMemory } from './policy/seasonal-memory.ts';
import { withMemory } from './policy/seasonal.ts';
import type { IdleClocks } from '../contract/handover.ts';
import { coversSeconds } from './policy/forecast.ts';
import { areOutdated, continueIdleClocks, idleClocksOf } from './policy/idle-clocks.ts';
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
  #earlierClocks: IdleClocks | null = null;
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

  get idleClocks(): IdleClocks | null {
    return idleClocksOf(this.#state);
  }

  /** Goes on from the clocks of an earlier process, once the traffic is known. */
  continueIdle(clocks: IdleClocks): void {
    this.#earlierClocks = clocks;
  }

  decide(
    snapshot: PoolSnapshot,
    merged: MergedReports,
    { replicas, leading, nowMs }: DecisionContext,
  ): GuardedDecision {
    const config = configOf(snapshot, merged, leading);
    const [state, decision] = decide(config, this.#state, { ...merged.observation, replicas }, nowMs);
    this.#state = this.#withEarlierClocks(state, nowMs);
    return applyPreconditions(snapshot, decision, replicas);
  }

  /** Tells the policy which count to expect in the next cycle; any other is a change by somebody else. */
  expect(replicas: number): void {
    this.#state = { ...this.#state, expectedReplicas: replicas };
  }

  /** Expects no certain count: another process scales, and its writes say nothing of what is needed. */
  expectAny(): void {
    this.#state = { ...this.#state, expectedReplicas: null };
  }

  #withEarlierClocks(state: PolicyState, nowMs: number): PolicyState {
    const clocks = this.#earlierClocks;
    if (clocks === null) return state;
    const isOutdated = areOutdated(clocks, nowMs);
    // A process that just started counts every pod as needed until it has complete reports.
    if (!isOutdated && !coversSeconds(state.history, 1)) return state;
    this.#earlierClocks = null;
    return isOutdated ? state : continueIdleClocks(state, clocks);
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
