/**
 * The pods of one pool: who is there, who is healthy, who has a free slot. Follows the cluster's view, gathers evidence,
 * probes those that are new or suspect, and never those that serve well.
 */
import type { Logger } from 'pino';
import type { Pod } from '../../cluster/port.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import { FreePods } from './available-endpoints.ts';
import type { OwnTime } from './loop-clock.ts';
import { PodLink } from './endpoint.ts';
import {
  hardEvidence,
  isHard,
  nextHealth,
  slowPods,
  softEvidence,
  type Evidence,
  type HealthEvent,
} from '../policy/health.ts';

const joiningProbeMs = 50;
const drainingProbeMs = 200;
const hopelessRestarts = 3;

export interface RosterEvents {
  /** A slot may have become free, or a pod has come or gone. */
  onChange(): void;
  /** A pod that became ready says what it serves. */
  onStatus(status: PodStatus): void;
  /** A pod that goes holds nothing of this gateway any more: whoever waits to end it may. */
  onLetGo(): void;
}

export class Roster {
  readonly free = new FreePods();
  /** Times that a pod went out of rotation, by the evidence that took it out. */
  readonly ejections = Object.fromEntries(
    [...hardEvidence, ...softEvidence].map((evidence) => [evidence, 0]),
  ) as Record<Evidence, number>;
  readonly #links = new Map<string, PodLink>();
  readonly #serving = new Set<PodLink>();
  readonly #spec: () => ModelPool['spec'];
  readonly #events: RosterEvents;
  readonly #now: () => number;
  readonly #ownTime: OwnTime;
  readonly #log: Logger;
  /** Counts whatever may change what pods take, and when. */
  #changes = 0;
  /** Pods of the view that have no address or are not ready yet: waiting for them may pay. */
  #coming = 0;
  /** Pods of the view that have no address yet. */
  #unreachable: readonly Pod[] = [];

  constructor(spec: () => ModelPool['spec'], events: RosterEvents, now: () => number, ownTime: OwnTime, log: Logger) {
    this.#spec = spec;
    this.#events = events;
    this.#now = now;
    this.#ownTime = ownTime;
    this.#log = log;
  }

  get pods(): IterableIterator<PodLink> {
    return this.#links.values();
  }

  /** Pods that get work. */
  get serving(): number {
    return this.#serving.size;
  }

  /** They themselves. */
  working(): Iterable<PodLink> {
    return this.#serving;
  }

  /** Whether pods that serve take several requests at once; they are all of one make. */
  get takesEnvelopes(): boolean {
    for (const pod of this.#serving) return pod.takesEnvelopes;
    return true;
  }

  get changes(): number {
    return this.#changes;
  }

  get coming(): number {
    return this.#coming;
  }

  get unreachable(): readonly Pod[] {
    return this.#unreachable;
  }

  /** Each pod with an address has been asked once how it is. */
  get asked(): boolean {
    for (const pod of this.#links.values()) if (pod.nextProbeAtMs === 0 && !pod.goes) return false;
    return true;
  }

  /** Any pod that gets work and serves the model, but for the one of this UID. */
  forModel(model: string, exceptUid?: string): PodLink | undefined {
    for (const pod of this.#serving) if (pod.uid !== exceptUid && pod.serves(model)) return pod;
    return undefined;
  }

  apply(pods: readonly Pod[]): void {
    const seen = new Set<string>();
    this.#coming = 0;
    for (const pod of pods) {
      seen.add(pod.uid);
      let link = this.#links.get(pod.uid);
      if (link === undefined && pod.origin !== null && pod.phase !== 'Terminating') {
        link = new PodLink(pod.uid, pod.name, pod.origin);
        this.#links.set(pod.uid, link);
      }
      const marked = typeof pod.draining === 'string';
      if ((pod.phase === 'Pending' || pod.phase === 'Running') && !marked) {
        // One that crashes again and again is not capacity that comes.
        if (link?.health.kind !== 'serving') this.#coming += pod.restarts < hopelessRestarts ? 1 : 0;
        // The cluster's word alone removes nobody; it is a reason to ask the pod.
        else this.#probe(link);
      }
      if (link === undefined) continue;
      const went = link.goes;
      link.gone = false;
      link.marked = marked;
      if (pod.phase === 'Terminating') link.leaving = true;
      this.refresh(link);
      if (link.goes !== went) this.#tellLetGo(link);
      if (link.health.kind === 'joining') this.#probe(link);
    }
    this.#unreachable = pods.filter((pod) => !this.#links.has(pod.uid));
    for (const link of this.#links.values()) {
      if (seen.has(link.uid)) continue;
      link.gone = true;
      this.refresh(link);
      this.#forgetIfDone(link);
    }
    this.#events.onChange();
  }

  /** Files the pod anew after its slots or its state have changed. */
  refresh(pod: PodLink): void {
    this.#changes += 1;
    if (takesWork(pod)) this.#serving.add(pod);
    else this.#serving.delete(pod);
    this.free.update(pod, pod.freeSlots(!this.#spec().batching.enabled, this.#now()));
  }

  /** A call to the pod is over. */
  released(pod: PodLink): void {
    this.refresh(pod);
    this.#tellLetGo(pod);
    if (pod.gone) this.#forgetIfDone(pod);
  }

  #tellLetGo(pod: PodLink): void {
    if (pod.goes && pod.outstanding.length === 0) this.#events.onLetGo();
  }

  /** The pod takes no more for a moment, by its own word. */
  busy(pod: PodLink): void {
    const pauseMs = 20;
    if (this.#now() < pod.busyUntilMs) return;
    pod.busyUntilMs = this.#now() + pauseMs;
    this.refresh(pod);
    setTimeout(() => {
      this.refresh(pod);
      this.#events.onChange();
    }, pauseMs + 1);
  }

  note(pod: PodLink, event: HealthEvent, detail: string | null = null): void {
    if (event.kind === 'evidence') {
      pod.evidence = event.evidence;
      pod.detail = `${event.evidence}${detail === null ? '' : `: ${detail}`}`;
      if (pod.health.kind !== 'joining') pod.failures += 1;
      pod.failedHard = pod.health.kind !== 'joining' && isHard(event.evidence);
    }
    const before = pod.health;
    pod.health = nextHealth(before, event, this.#spec().health, this.#poolHealth(pod), this.#now());
    if (pod.health.kind !== before.kind) {
      // That it was loading speaks against nobody.
      if (before.kind === 'joining') pod.detail = null;
      if (pod.health.kind === 'ejected') this.ejections[pod.health.reason] += 1;
      const level = pod.health.kind === 'ejected' ? 'warn' : 'info';
      const why = event.kind === 'evidence' ? { why: pod.detail } : {};
      this.#log[level]({ podName: pod.name, was: before.kind, ...why }, `pod ${pod.name} is ${pod.health.kind}`);
    }
    this.refresh(pod);
  }

  /** Several times a second: probes that are due, pods that are slow against the others. */
  tick(): void {
    const now = this.#now();
    for (const pod of this.#links.values()) {
      if (pod.gone || pod.leaving) continue;
      // Without requests it could not say that its drain was cancelled.
      if (pod.draining && now >= pod.nextProbeAtMs + drainingProbeMs) this.#probe(pod);
      if (pod.health.kind === 'joining' && now >= pod.nextProbeAtMs) this.#probe(pod);
      if (pod.health.kind === 'ejected' && now >= pod.health.probeAtMs) this.#probe(pod);
    }
    const serving = [...this.#links.values()].filter((pod) => pod.health.kind === 'serving');
    for (const index of slowPods(serving.map((pod) => pod.pace))) {
      const pod = serving[index]!;
      const { ratio, excessMs } = pod.pace;
      // Told once for what was measured since the last time.
      pod.pace = { ...pod.pace, samples: 0 };
      this.note(
        pod,
        { kind: 'evidence', evidence: 'slow' },
        `${ratio.toFixed(1)} × as predicted, ${excessMs.toFixed(0)} ms over`,
      );
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links.values()].map((pod) => pod.upstream.close()));
    this.#links.clear();
  }

  #probe(pod: PodLink): void {
    if (pod.probing || pod.gone) return;
    pod.probing = true;
    pod.probe(this.#ownTime, (result) => {
      pod.probing = false;
      pod.nextProbeAtMs = this.#now() + joiningProbeMs;
      switch (result.kind) {
        case 'ready':
          pod.draining = false;
          if (result.status !== null) {
            pod.models = new Set(result.status.models.filter((model) => model.ready).map((model) => model.name));
            pod.queuedRows = result.status.queuedRows;
            this.#events.onStatus(result.status);
          }
          this.note(pod, { kind: 'probe-ok' });
          break;
        case 'draining':
          pod.draining = true;
          this.refresh(pod);
          this.#tellLetGo(pod);
          break;
        case 'loading':
          // Not ready by its own word.
          this.note(pod, { kind: 'evidence', evidence: 'probe-failed' }, 'not ready');
          break;
        case 'failed':
          this.note(pod, { kind: 'evidence', evidence: 'probe-failed' }, result.detail);
          break;
      }
      this.#events.onChange();
    });
  }

  #poolHealth(except: PodLink): { members: number; softEjected: number } {
    let members = 0;
    let softEjected = 0;
    for (const pod of this.#links.values()) {
      if (pod.health.kind === 'joining' || pod.goes) continue;
      members += 1;
      if (pod !== except && pod.health.kind === 'ejected' && !pod.health.hard) softEjected += 1;
    }
    return { members, softEjected };
  }

  #forgetIfDone(pod: PodLink): void {
    if (pod.outstanding.length > 0 || !this.#links.delete(pod.uid)) return;
    void pod.upstream.close();
  }
}

function takesWork(pod: PodLink): boolean {
  return !pod.goes && (pod.health.kind === 'serving' || pod.health.kind === 'probing');
}
