/**
 * Sick pods of one pool: looks closer at those that are suspected, plans by policy/replace.ts, and evicts what has drained.
 * Pods that were told to go and don't are killed. The drains themselves are those of drains.ts.
 */
import type { ScalerPod } from '../../cluster/scalable.ts';
import type { DrainsDeps, DrainState } from './drains.ts';
import type { ReplacementOutcome } from '../metrics.ts';
import { isEjected, isOut, type Merged } from '../policy/merge.ts';
import {
  crashReplaced,
  examine,
  planReplacements,
  quietWard,
  refused,
  type Finding,
  type Plan,
  type Symptoms,
} from '../policy/replace.ts';

/** Between two kills of the same pod. */
const killAgainMs = 30_000;

interface HealthRecord {
  everReady: boolean;
  failedProbes: number;
  probeFailsSinceMs: number | null;
  ejectedSinceMs: number | null;
  detail: string | null;
}

export interface ReplacementsDeps extends Omit<DrainsDeps, 'onEnd'> {
  readonly onOutcome: (pod: string, outcome: ReplacementOutcome, detail: string) => void;
}

export class Replacements {
  readonly #deps: ReplacementsDeps;
  readonly #records = new Map<string, HealthRecord>();
  /** Since when each has been ending, and when it was last killed. */
  readonly #ending = new Map<string, { sinceMs: number; killedAtMs: number }>();
  readonly #underWay = new Set<string>();
  #ward = quietWard;

  constructor(deps: ReplacementsDeps) {
    this.#deps = deps;
  }

  get underWay(): ReadonlySet<string> {
    return this.#underWay;
  }

  reasonOf(uid: string): string | null {
    return this.#records.get(uid)?.detail ?? null;
  }

  /** What is found of each pod now; probes those that somebody doubts. */
  examine(pods: readonly ScalerPod[], said: Merged['said']): Map<string, Finding> {
    const nowMs = this.#deps.clock.steadyMs();
    const there = new Set(pods.map(({ uid }) => uid));
    for (const uid of this.#records.keys()) if (!there.has(uid)) this.#records.delete(uid);
    for (const uid of this.#underWay) if (!there.has(uid)) this.#underWay.delete(uid);
    const findings = new Map<string, Finding>();
    for (const pod of pods) {
      const record = this.#recordOf(pod.uid);
      const sayings = said.get(pod.uid) ?? [];
      const ejected = isEjected(sayings);
      if (ejected) record.ejectedSinceMs ??= nowMs;
      else if (!isOut(sayings)) record.ejectedSinceMs = null;
      if (ejected && record.failedProbes === 0) {
        record.detail = sayings.find(({ state }) => state === 'ejected')?.reason ?? null;
      }
      const doubtedBy = sayings.some(({ state }) => state === 'ejected' || state === 'probing');
      // That it was ready once the cluster may forget when it isn't any more.
      record.everReady ||= pod.phase === 'Ready' || pod.readyAtMs !== null || doubtedBy;
      const doubted = record.everReady && (pod.phase !== 'Ready' || doubtedBy);
      if (doubted || this.#underWay.has(pod.uid)) this.#probe(pod, record);
      else Object.assign(record, { failedProbes: 0, probeFailsSinceMs: null });
      findings.set(pod.uid, examine(symptomsOf(pod, record), nowMs));
    }
    return findings;
  }

  plan(
    pods: readonly ScalerPod[],
    findings: ReadonlyMap<string, Finding>,
    limits: { readonly maxReplicas: number; readonly maxEjectedRatio: number },
  ): Plan {
    const patients = pods.map(({ uid }) => ({
      uid,
      finding: findings.get(uid) ?? 'well',
      everReady: this.#recordOf(uid).everReady,
      underWay: this.#underWay.has(uid),
    }));
    const serving = pods.filter(
      (pod) => pod.phase === 'Ready' && pod.draining === null && findings.get(pod.uid) === 'well',
    ).length;
    const nowMs = this.#deps.clock.steadyMs();
    const plan = planReplacements(patients, { serving, ...limits }, this.#ward, nowMs);
    const chosen = new Set(plan.kind === 'replace' ? plan.drain : []);
    for (const uid of this.#underWay) {
      if (chosen.has(uid) || this.#deps.operations.has(`evict:${uid}`)) continue;
      this.#underWay.delete(uid);
      const pod = pods.find((one) => one.uid === uid);
      if (pod !== undefined && findings.get(uid) === 'well') this.#deps.onOutcome(pod.name, 'recovered', '');
    }
    for (const uid of chosen) this.#underWay.add(uid);
    return plan;
  }

  /** Evicts those of the plan that have drained, or could not in time. */
  carryOut(plan: Plan, pods: readonly ScalerPod[], stateOf: (pod: ScalerPod) => DrainState): void {
    if (plan.kind !== 'replace' && plan.kind !== 'panic') return;
    const drained = plan.kind === 'replace' ? plan.drain : [];
    for (const pod of pods) {
      if (plan.evict.includes(pod.uid)) this.#evict(pod, 'it crashes again and again');
      if (!drained.includes(pod.uid)) continue;
      const state = stateOf(pod);
      if (state.drained || state.overLimit) this.#evict(pod, this.reasonOf(pod.uid) ?? 'it is sick');
    }
  }

  /** Pods that were told to go, and should be gone. */
  endStuck(terminating: readonly ScalerPod[], graceMs: number): void {
    const { cluster, operations, clock, onOutcome } = this.#deps;
    const nowMs = clock.steadyMs();
    const there = new Set(terminating.map(({ uid }) => uid));
    for (const uid of this.#ending.keys()) if (!there.has(uid)) this.#ending.delete(uid);
    for (const pod of terminating) {
      const ending = this.#ending.get(pod.uid) ?? { sinceMs: nowMs, killedAtMs: -Infinity };
      this.#ending.set(pod.uid, ending);
      if (nowMs - ending.sinceMs < graceMs || nowMs - ending.killedAtMs < killAgainMs) continue;
      if (!cluster.leadership().leading) continue;
      operations.write(
        `kill:${pod.uid}`,
        () => cluster.kill(pod),
        (result) => {
          ending.killedAtMs = nowMs;
          if (result.kind === 'done') onOutcome(pod.name, 'killed', `not gone after ${Math.round(graceMs / 1000)} s`);
          else if (result.kind === 'failed') onOutcome(pod.name, 'failed', `kill: ${result.detail}`);
        },
      );
    }
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
    const { calls, operations, clock, log } = this.#deps;
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

  #evict(pod: ScalerPod, why: string): void {
    const { cluster, operations, clock, wake, onOutcome } = this.#deps;
    if (!cluster.leadership().leading) return;
    operations.write(
      `evict:${pod.uid}`,
      () => cluster.evict(pod),
      (result) => {
        const nowMs = clock.steadyMs();
        switch (result.kind) {
          case 'done':
            if (isCrashing(pod)) this.#ward = crashReplaced(this.#ward, this.#recordOf(pod.uid).everReady, nowMs);
            onOutcome(pod.name, 'evicted', why);
            wake();
            break;
          case 'refused':
            this.#ward = refused(this.#ward, nowMs);
            onOutcome(pod.name, 'refused', result.detail);
            break;
          case 'failed':
            // As long as a refusal: whatever it is, another try at once will not help.
            this.#ward = refused(this.#ward, nowMs);
            onOutcome(pod.name, 'failed', result.detail);
            break;
          case 'conflict':
          case 'not-leader':
            break;
        }
      },
    );
  }
}

function symptomsOf(pod: ScalerPod, record: HealthRecord): Symptoms {
  const { everReady, failedProbes, probeFailsSinceMs, ejectedSinceMs } = record;
  return { crashLooping: isCrashing(pod), everReady, failedProbes, probeFailsSinceMs, ejectedSinceMs };
}

/** One that is ready between two crashes serves. */
function isCrashing({ crashLooping, phase }: ScalerPod): boolean {
  return crashLooping && phase !== 'Ready';
}
