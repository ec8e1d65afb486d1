/**
 * Which pods go when a pool shrinks: the order of a Kubernetes ReplicaSet (`ActivePodsWithRanks.Less`), so that what
 * is true of a scale-down on a laptop is true in a cluster. The first of the order goes first.
 */
export interface Candidate {
  readonly name: string;
  readonly phase: 'Pending' | 'Running' | 'Ready';
  /** As the annotation `controller.kubernetes.io/pod-deletion-cost`: the cheaper goes first, 0 without one. */
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

/** The `count` candidates that go, in the order in which they do. */
export function victims<Pod extends Candidate>(candidates: readonly Pod[], count: number): Pod[] {
  return candidates.toSorted(before).slice(0, Math.max(0, count));
}
