/**
 * Victims of a scale-down, in the order of a Kubernetes ReplicaSet (`ActivePodsWithRanks.Less`), so that a local cluster removes
 * the same pods as Kubernetes.
 */
export interface Candidate {
  readonly name: string;
  readonly phase: 'Pending' | 'Running' | 'Ready';
  /** Annotation `controller.kubernetes.io/pod-deletion-cost`, 0 by default: lower costs go first. */
  readonly deletionCost: number;
  readonly readyAtMs: number | null;
  readonly restarts: number;
  readonly createdAtMs: number;
}

const phaseRank = { Pending: 0, Running: 1, Ready: 2 } as const;

function before(a: Candidate, b: Candidate): number {
  return (
    phaseRank[a.phase] - phaseRank[b.phase] ||
    a.deletionCost - b.deletionCost ||
    (b.readyAtMs ?? 0) - (a.readyAtMs ?? 0) ||
    b.restarts - a.restarts ||
    b.createdAtMs - a.createdAtMs ||
    (a.name < b.name ? -1 : 1)
  );
}

/** The `count` candidates to remove, first victim first. */
export function victims<Pod extends Candidate>(candidates: readonly Pod[], count: number): Pod[] {
  return candidates.toSorted(before).slice(0, Math.max(0, count));
}
