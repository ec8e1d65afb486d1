/** Health of one pool's pods: what gateways and probes have found, pod by pod, and the policy's verdict on it. */
import type { ScalerPod } from '../../cluster/scalable.ts';
import type { MergedReports } from '../policy/merge.ts';
import { isEjected, isOutOfRotation } from '../policy/pod-views.ts';
import { verdictOf, type PodVerdict } from '../policy/replace.ts';
import type { PoolContext } from '../pool-context.ts';

interface HealthRecord {
  everReady: boolean;
  failedProbes: number;
  probeFailsSinceMs: number | null;
  ejectedSinceMs: number | null;
  /** Last ejection or failed probe, in words. */
  detail: string | null;
}

export class PodHealth {
  readonly #context: PoolContext;
  readonly #records = new Map<string, HealthRecord>();

  constructor(context: PoolContext) {
    this.#context = context;
  }

  reasonOf(uid: string): string | null {
    return this.#records.get(uid)?.detail ?? null;
  }

  wasEverReady(uid: string): boolean {
    return this.#recordOf(uid).everReady;
  }

  /** Verdict on each pod, by UID. Probes the pods that a gateway or the cluster doubts, and those in `replacing`. */
  examine(
    pods: readonly ScalerPod[],
    podViews: MergedReports['podViews'],
    replacing: ReadonlySet<string>,
  ): Map<string, PodVerdict> {
    const nowMs = this.#context.clock.steadyMs();
    const existing = new Set(pods.map(({ uid }) => uid));
    for (const uid of this.#records.keys()) if (!existing.has(uid)) this.#records.delete(uid);
    const verdicts = new Map<string, PodVerdict>();
    for (const pod of pods) {
      const record = this.#recordOf(pod.uid);
      const views = podViews.get(pod.uid) ?? [];
      const ejected = isEjected(views);
      if (ejected) record.ejectedSinceMs ??= nowMs;
      else if (!isOutOfRotation(views)) record.ejectedSinceMs = null;
      if (ejected && record.failedProbes === 0) {
        record.detail = views.find(({ state }) => state === 'ejected')?.reason ?? null;
      }
      const doubtedByGateway = views.some(({ state }) => state === 'ejected' || state === 'probing');
      // Readiness is remembered: once a pod turns unready, the cluster no longer shows that it was ready.
      record.everReady ||= pod.phase === 'Ready' || pod.readyAtMs !== null || doubtedByGateway;
      const doubted = record.everReady && (pod.phase !== 'Ready' || doubtedByGateway);
      if (doubted || replacing.has(pod.uid)) this.#probe(pod, record);
      else Object.assign(record, { failedProbes: 0, probeFailsSinceMs: null });
      verdicts.set(pod.uid, verdictOf({ ...record, crashLooping: isCrashing(pod) }, nowMs));
    }
    return verdicts;
  }

  #recordOf(uid: string): HealthRecord {
    const record = this.#records.get(uid) ?? {
      everReady: false,
      failedProbes: 0,
      probeFailsSinceMs: null,
      ejectedSinceMs: null,
      detail: null,
    };
    this.#records.set(uid, record);
    return record;
  }

  #probe(pod: ScalerPod, record: HealthRecord): void {
    const { calls, operations, clock, log } = this.#context;
    const { origin } = pod;
    if (origin === null) return;
    operations.start(
      `probe:${pod.uid}`,
      () => calls.probe(origin),
      (answer) => {
        if (answer.kind !== 'failed') {
          Object.assign(record, { failedProbes: 0, probeFailsSinceMs: null });
          return;
        }
        record.failedProbes += 1;
        record.probeFailsSinceMs ??= clock.steadyMs();
        record.detail = `probe: ${answer.detail}`;
      },
      (error) => log.error({ err: error }, 'probing a pod failed'),
    );
  }
}

/** A pod in CrashLoopBackOff that is ready between two crashes still serves, so it does not count as crashing. */
export function isCrashing({ crashLooping, phase }: ScalerPod): boolean {
  return crashLooping && phase !== 'Ready';
}
