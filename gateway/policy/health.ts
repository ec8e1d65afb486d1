/**
 * Health of a pod, which decides whether it gets work: joining → serving → ejected → probing → serving.
 *
 * Hard evidence is the gateway's own experience (refused, reset, hung, garbage, a failed probe): it ejects the pod at once
 * and is never overridden. Soft evidence (5xx where another pod did well, slow compared with the others, late) ejects it after
 * several in a row, and never more than a share of the pool. The cluster's view only prompts a probe.
 */
export type HealthState =
  /** Listed, but never ready so far. */
  | { readonly kind: 'joining' }
  | {
      readonly kind: 'serving';
      readonly softFailures: number;
      /** Ejections before it served again, and the time since it serves: the sooner the next ejection, the longer it lasts. */
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
  /** On probation after an answered probe: one request at a time, until one succeeds. */
  | { readonly kind: 'probing'; readonly ejections: number };

export const hardEvidence = ['refused', 'reset', 'hung', 'garbage', 'probe-failed'] as const;
export const softEvidence = ['error-answers', 'slow', 'overdue'] as const;
export type Evidence = (typeof hardEvidence)[number] | (typeof softEvidence)[number];

export type HealthEvent =
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  | { readonly kind: 'probe-ok' }
  /** All requests of a batch were answered below 500. */
  | { readonly kind: 'success' };

export interface HealthConfig {
  readonly ejectAfterFailures: number;
  readonly maxEjectedRatio: number;
}

export interface PoolHealth {
  /** Pods of the pool that are neither joining nor leaving, this one included. */
  readonly members: number;
  /** Members ejected on soft evidence, this one excluded. */
  readonly softEjected: number;
  /** Whether this one serves a model that no other member serves: slow answers are better than none. */
  readonly irreplaceable: boolean;
}

const firstProbeMs = 100;
const longestProbeMs = 5_000;
/** Time of serving after which former ejections no longer count. */
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
        // Batches in flight at the ejection report the same failure again; only failed probes prolong it.
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
      // One failure on probation is enough. So is slowness: it was measured over several envelopes, with good answers between. A pod
      // that is overdue has been waited for, and would keep what comes next waiting too.
      const enough = state.kind === 'probing' || evidence === 'slow' || evidence === 'overdue';
      const softFailures = enough ? config.ejectAfterFailures : state.softFailures + 1;
      if (softFailures >= config.ejectAfterFailures) {
        // Panic: beyond the share a pool serves with the pods that it has, sick or not.
        const allowed = Math.floor(config.maxEjectedRatio * pool.members);
        if (pool.softEjected < allowed && !pool.irreplaceable) return ejected;
      }
      const sinceMs = state.kind === 'serving' ? state.sinceMs : nowMs;
      return { kind: 'serving', softFailures, ejections, sinceMs };
    }
  }
}

export function isHard(evidence: Evidence): boolean {
  return (hardEvidence as readonly string[]).includes(evidence);
}

/** Ratio to the pool's median pace from which a pod is slow, and the excess below which slowness doesn't matter. */
const slowRatio = 5;
const slowExcessMs = 20;
const leastSamples = 3;
/** Envelopes that a pace is the mean of, and how many of them must have been late by themselves: one pause of a pod is no slowness. */
const paceSamples = 5;
const leastLate = 3;
/** Age from which a pace says nothing of now: the machine of an idle pod may have had less other work when it was measured. */
const comparableForMs = 10_000;

export interface Pace {
  /** Mean of measured ÷ predicted time over the last envelopes. */
  readonly ratio: number;
  /** Mean of measured − predicted time. */
  readonly excessMs: number;
  readonly samples: number;
  /** Bits of the last envelopes, the newest lowest: whether each was late by itself. */
  readonly late: number;
  /** Time of the last envelope. */
  readonly atMs: number;
}

export const noPace: Pace = { ratio: 1, excessMs: 0, samples: 0, late: 0, atMs: -Infinity };

export interface PaceSample {
  readonly measuredMs: number;
  readonly predictedMs: number;
  /** Lateness of this process itself at the time: a machine that runs everybody late shows nothing of the pod. */
  readonly lagMs: number;
  readonly nowMs: number;
}

export function learnPace(pace: Pace, sample: PaceSample): Pace {
  const { measuredMs, predictedMs, nowMs } = sample;
  if (!(predictedMs > 0)) return pace;
  const samples = pace.samples + 1;
  const weight = 1 / Math.min(samples, paceSamples);
  // A sample is clipped to four times the mean, so that one pause of the machine is no evidence.
  const ratio =
    pace.samples < leastSamples ? measuredMs / predictedMs : Math.min(measuredMs / predictedMs, 4 * pace.ratio);
  return {
    ratio: pace.ratio + (ratio - pace.ratio) * weight,
    excessMs: pace.excessMs + (ratio * predictedMs - predictedMs - pace.excessMs) * weight,
    samples,
    late: ((pace.late << 1) | (isSlow(sample) ? 1 : 0)) & (2 ** paceSamples - 1),
    atMs: nowMs,
  };
}

/** Starts a pace again: what was measured has been judged. */
export function restartedPace(pace: Pace): Pace {
  return { ...pace, samples: 0, late: 0 };
}

/** Whether a single batch was slow by itself, as one that shows that a pod on probation still is. */
export function isSlow({ measuredMs, predictedMs, lagMs }: Omit<PaceSample, 'nowMs'>): boolean {
  return measuredMs > slowRatio * predictedMs && measuredMs - predictedMs > slowExcessMs + lagMs;
}

/** Indices of pods that are slow compared with the pool's median of the same time. At least two pods must have been measured. */
export function slowPods(paces: readonly Pace[], nowMs: number): number[] {
  const isKnown = ({ samples, atMs }: Pace): boolean => samples >= leastSamples && nowMs - atMs <= comparableForMs;
  const known = paces.filter(isKnown).map((pace) => pace.ratio);
  if (known.length < 2) return [];
  known.sort((x, y) => x - y);
  // Lower median: of two pods the faster one is the reference.
  const median = known[Math.floor((known.length - 1) / 2)]!;
  const slow: number[] = [];
  paces.forEach((pace, index) => {
    const measured = isKnown(pace) && pace.excessMs > slowExcessMs && lateOf(pace) >= leastLate;
    if (measured && pace.ratio > slowRatio * median) slow.push(index);
  });
  return slow;
}

/** Number of the last envelopes that were late by themselves. */
function lateOf({ late }: Pace): number {
  let count = 0;
  for (let bits = late; bits > 0; bits >>= 1) count += bits & 1;
  return count;
}
