/**
 * Doubt: observations that cannot be decided on, and the hold that follows.
 *
 *   impossible cluster numbers → clock jump → no report to believe → paused → replicas changed by others → no doubt
 *
 * The first that applies is the reason. In doubt every pod counts as needed, and minReplicas is enforced if only reports are missing.
 * Derivation: docs/scaling-algorithm.md, "Reading the traffic".
 */
import type { PolicyHoldReason } from '../../contract/reasons.ts';
import { applyBounds } from './bounds.ts';
import { isPlausible, type KnownTraffic, type Observation, type Traffic } from './observation.ts';
import { restartIdleClocks, type Decision, type PolicyConfig, type PolicyState } from './policy-state.ts';

export type Evidence =
  | { readonly kind: 'trusted'; readonly traffic: KnownTraffic }
  | {
      readonly kind: 'doubted';
      readonly reason: PolicyHoldReason;
      readonly about: 'cluster' | 'clock' | 'reports' | 'intent';
      /** False if the limits must not be enforced either: the pool is paused, or somebody else just resized it. */
      readonly mayEnforceMinimum: boolean;
    };

export function assess(
  config: PolicyConfig,
  before: PolicyState,
  observation: Observation,
  traffic: Traffic,
  nowMs: number,
): Evidence {
  const paused = config.mode === 'Paused';
  const changed = before.expectedReplicas !== null && before.expectedReplicas !== observation.replicas;
  const doubted = { kind: 'doubted', mayEnforceMinimum: !paused && !changed } as const;
  if (!isPlausible(observation)) return { ...doubted, reason: 'bad-cluster-view', about: 'cluster' };
  const jump = clockJump(before.decidedAtMs, nowMs);
  if (jump !== null) return { ...doubted, reason: jump, about: 'clock' };
  if (traffic.kind === 'unknown') return { ...doubted, reason: traffic.reason, about: 'reports' };
  if (paused) return { ...doubted, reason: 'paused', about: 'intent' };
  if (changed) return { ...doubted, reason: 'replicas-changed', about: 'intent' };
  return { kind: 'trusted', traffic };
}

export function decideInDoubt(
  config: PolicyConfig,
  observed: PolicyState,
  replicas: number,
  doubt: Extract<Evidence, { kind: 'doubted' }>,
  nowMs: number,
): readonly [PolicyState, Decision] {
  const { reason, about, mayEnforceMinimum } = doubt;
  const remembered = about === 'clock' ? afterClockJump(observed, nowMs) : observed;
  const state = restartIdleClocks(remembered, about === 'cluster' ? 0 : replicas, nowMs);
  if (about === 'reports' && mayEnforceMinimum) {
    // minReplicas is a person's wish, known without any report.
    const bounded = applyBounds(replicas, config, { current: replicas, busy: true, idleForMs: 0 });
    if (bounded.limit === 'minimum') {
      const inputs = { replicas, missing: reason };
      return [state, { kind: 'scale', replicas: bounded.replicas, reason: 'minimum', inputs }];
    }
  }
  return [state, { kind: 'hold', reason, inputs: { replicas } }];
}

/** Longest believable time between two decisions, which are due each second. */
const maxDecisionGapMs = 30_000;

function clockJump(beforeMs: number, nowMs: number): 'clock-went-back' | 'clock-went-forward' | null {
  if (nowMs < beforeMs) return 'clock-went-back';
  return beforeMs > -Infinity && nowMs - beforeMs > maxDecisionGapMs ? 'clock-went-forward' : null;
}

/** Forgets what compares times across the jump: report baselines, the growth trial, a last write in the future. */
function afterClockJump(state: PolicyState, nowMs: number): PolicyState {
  const { stabilizer } = state;
  const lastWriteAtMs = Math.min(stabilizer.lastWriteAtMs, nowMs);
  return { ...state, baselines: {}, trial: null, stabilizer: { ...stabilizer, lastWriteAtMs } };
}
