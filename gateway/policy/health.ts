/**
 * Whether a pod may get work: joining → serving → ejected → probing → serving.
 *
 * Hard evidence is the gateway's own (refused, reset, hung, garbage, a failed probe): it takes the pod out at once and is
 * never overridden. Soft evidence (5xx where another pod did well, slow against the others) takes it out after some in
 * a row, and never more than a share of the pool. What a cluster says only prompts a probe.
 */
export type HealthState =
  /** Seen, never yet ready. */
  | { readonly kind: 'joining' }
  | {
      readonly kind: 'serving';
      readonly softFailures: number;
      /** Ejections before it came to serve again, and when it did: soon after, the next one lasts longer. */
      readonly ejections: number;
      readonly sinceMs: number;
    }
  | {
      readonly kind: 'ejected';
      readonly hard: boolean;
      readonly reason: Evidence;
      readonly probeAtMs: number;
      readonly ejections: number;
    }
  /** Its probe was answered: one request at a time, until one succeeds. */
  | { readonly kind: 'probing'; readonly ejections: number };

export const hardEvidence = ['refused', 'reset', 'hung', 'garbage', 'probe-failed'] as const;
export const softEvidence = ['error-answers', 'slow'] as const;
export type Evidence = (typeof hardEvidence)[number] | (typeof softEvidence)[number];

export type HealthEvent =
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  | { readonly kind: 'probe-ok' }
  /** A request was answered well. */
  | { readonly kind: 'success' };

export interface HealthConfig {
  readonly ejectAfterFailures: number;
  readonly maxEjectedRatio: number;
}

export interface PoolHealth {
  /** Pods of the pool that are not joining or leaving, this one included. */
  readonly members: number;
  /** Of them ejected on soft evidence, this one excluded. */
  readonly softEjected: number;
}

const firstProbeMs = 100;
const longestProbeMs = 5_000;
/** Serving so long, a pod's former ejections no longer count. */
const forgivenAfterMs = 60_000;

export function nextHealth(
  state: HealthState,
  event: HealthEvent,
  config: HealthConfig,
  pool: PoolHealth,
  nowMs: number,
): HealthState {
  switch (event.kind) {
    case 'success':
      if (state.kind === 'serving') return state.softFailures === 0 ? state : { ...state, softFailures: 0 };
      if (state.kind !== 'probing') return state;
      return { kind: 'serving', softFailures: 0, ejections: state.ejections, sinceMs: nowMs };
    case 'probe-ok':
      if (state.kind === 'joining') return { kind: 'serving', softFailures: 0, ejections: 0, sinceMs: nowMs };
      return state.kind === 'ejected' ? { kind: 'probing', ejections: state.ejections } : state;
    case 'evidence': {
      if (state.kind === 'joining') return state;
      const { evidence } = event;
      const hard = isHard(evidence);
      if (state.kind === 'ejected' && evidence !== 'probe-failed') {
        // What was in flight when it was ejected tells the same failure again; only probes make it wait longer.
        return hard ? { ...state, hard, reason: evidence } : state;
      }
      const forgiven = state.kind === 'serving' && nowMs - state.sinceMs > forgivenAfterMs;
      const ejections = forgiven ? 0 : state.ejections;
      const ejected: HealthState = {
        kind: 'ejected',
        hard,
        reason: evidence,
        probeAtMs: nowMs + Math.min(longestProbeMs, firstProbeMs * 2 ** ejections),
        ejections: ejections + 1,
      };
      if (hard || state.kind === 'ejected') return ejected;
      // One failure while probing is enough. A slow pod answers well in between, and was measured over several envelopes.
      const enough = state.kind === 'probing' || evidence === 'slow';
      const softFailures = enough ? config.ejectAfterFailures : state.softFailures + 1;
      if (softFailures >= config.ejectAfterFailures) {
        // Panic: past the share the pool serves on what it has, sick or not.
        const allowed = Math.floor(config.maxEjectedRatio * pool.members);
        if (pool.softEjected < allowed) return ejected;
      }
      const sinceMs = state.kind === 'serving' ? state.sinceMs : nowMs;
      return { kind: 'serving', softFailures, ejections, sinceMs };
    }
  }
}

export function isHard(evidence: Evidence): boolean {
  return (hardEvidence as readonly string[]).includes(evidence);
}

/** Times as slow as the median of the pool that count as evidence, and the least milliseconds that matter at all. */
const slowRatio = 5;
const slowExcessMs = 20;
const leastSamples = 3;

export interface Pace {
  /** Mean of measured ÷ predicted time of its last envelopes. */
  readonly ratio: number;
  /** Mean of measured − predicted. */
  readonly excessMs: number;
  readonly samples: number;
}

export const noPace: Pace = { ratio: 1, excessMs: 0, samples: 0 };

export function learnPace(pace: Pace, measuredMs: number, predictedMs: number): Pace {
  if (!(predictedMs > 0)) return pace;
  const samples = pace.samples + 1;
  const weight = 1 / Math.min(samples, 5);
  // One pause of the machine is no evidence: a sample counts as four times the mean at most, so that it takes four.
  const ratio =
    pace.samples < leastSamples ? measuredMs / predictedMs : Math.min(measuredMs / predictedMs, 4 * pace.ratio);
  return {
    ratio: pace.ratio + (ratio - pace.ratio) * weight,
    excessMs: pace.excessMs + (ratio * predictedMs - predictedMs - pace.excessMs) * weight,
    samples,
  };
}

/** Whether one request alone says that a pod is as slow as when it was ejected. */
export function isSlow(measuredMs: number, predictedMs: number): boolean {
  return measuredMs > slowRatio * predictedMs && measuredMs - predictedMs > slowExcessMs;
}

/** Indices of pods that are slow against the median of the pool. Two pods or more must have been measured. */
export function slowPods(paces: readonly Pace[]): number[] {
  const known = paces.filter((pace) => pace.samples >= leastSamples).map((pace) => pace.ratio);
  if (known.length < 2) return [];
  known.sort((x, y) => x - y);
  // The lower median: of two pods the faster is the measure.
  const median = known[Math.floor((known.length - 1) / 2)]!;
  const slow: number[] = [];
  paces.forEach((pace, index) => {
    const measured = pace.samples >= leastSamples && pace.excessMs > slowExcessMs;
    if (measured && pace.ratio > slowRatio * median) slow.push(index);
  });
  return slow;
}
