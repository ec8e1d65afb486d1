/**
 * The pods of one pool: who is there, who is healthy, who has a free slot. Follows the cluster's view, gathers evidence,
 * probes those that are new or suspect, and never those that serve well.
 */
import type { Logger } from 'pino';
import type { Pod } from '../../cluster/port.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import { AvailableEndpoints } from './available-endpoints.ts';
import type { LoopClock } from './loop-clock.ts';
import { Endpoint } from './endpoint.ts';
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

export interface EndpointEvents {
  /** A slot may have become free, or a pod has come or gone. */
  onChange(): void;
  /** A pod that became ready says what it serves. */
  onStatus(status: PodStatus): void;
  /** A pod that goes holds nothing of this gateway any more: whoever waits to end it may. */
  onLetGo(): void;
}

export class Endpoints {
  readonly free = new AvailableEndpoints();
  /** Times that a pod went out of rotation, by the evidence that took it out. */
  readonly ejections = Object.fromEntries(
    [...hardEvidence, ...softEvidence].map((evidence) => [evidence, 0]),
  ) as Record<Evidence, number>;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #serving = new Set<Endpoint>();
  readonly #spec: () => ModelPool['spec'];
  readonly #events: EndpointEvents;
  readonly #now: () => number;
  readonly #loopClock: LoopClock;
  readonly #log: Logger;
  /** Counts whatever may change what pods take, and when. */
  #changes = 0;
  /** Pods of the view that have no address or are not ready yet: waiting for them may pay. */
  #coming = 0;
  /** Pods of the view that have no address yet. */
  #unreachable: readonly Pod[] = [];

  constructor(
    spec: () => ModelPool['spec'],
    events: EndpointEvents,
    now: () => number,
    loopClock: LoopClock,
    log: Logger,
  ) {
    this.#spec = spec;
    this.#events = events;
    this.#now = now;
    this.#loopClock = loopClock;
    this.#log = log;
  }

  get all(): IterableIterator<Endpoint> {
    return this.#endpoints.values();
  }

  /** Pods that get work. */
  get serving(): number {
    return this.#serving.size;
  }

  /** They themselves. */
  working(): Iterable<Endpoint> {
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
    for (const pod of this.#endpoints.values()) if (pod.nextProbeAtMs === 0 && !pod.leaving) return false;
    return true;
  }

  /** Any pod that gets work and serves the model, but for the one of this UID. */
  forModel(model: string, exceptUid?: string): Endpoint | undefined {
    for (const pod of this.#serving) if (pod.uid !== exceptUid && pod.serves(model)) return pod;
    return undefined;
  }

  apply(pods: readonly Pod[]): void {
    const seen = new Set<string>();
    this.#coming = 0;
    for (const pod of pods) {
      seen.add(pod.uid);
      let link = this.#endpoints.get(pod.uid);
      if (link === undefined && pod.origin !== null && pod.phase !== 'Terminating') {
        link = new Endpoint(pod.uid, pod.name, pod.origin);
        this.#endpoints.set(pod.uid, link);
      }
      const marked = typeof pod.draining === 'string';
      if ((pod.phase === 'Pending' || pod.phase === 'Running') && !marked) {
        // One that crashes again and again is not capacity that comes.
        if (link?.health.kind !== 'serving') this.#coming += pod.restarts < hopelessRestarts ? 1 : 0;
        // The cluster's word alone removes nobody; it is a reason to ask the pod.
        else this.#probe(link);
      }
      if (link === undefined) continue;
      const went = link.leaving;
      link.gone = false;
      link.marked = marked;
      if (pod.phase === 'Terminating') link.terminating = true;
      this.reindex(link);
      if (link.leaving !== went) this.#tellLetGo(link);
      if (link.health.kind === 'joining') this.#probe(link);
    }
    this.#unreachable = pods.filter((pod) => !this.#endpoints.has(pod.uid));
    for (const link of this.#endpoints.values()) {
      if (seen.has(link.uid)) continue;
      link.gone = true;
      this.reindex(link);
      this.#forgetIfDone(link);
    }
    this.#events.onChange();
  }

  /** Files the pod anew after its slots or its state have changed. */
  reindex(pod: Endpoint): void {
    this.#changes += 1;
    if (takesWork(pod)) this.#serving.add(pod);
    else this.#serving.delete(pod);
    this.free.update(pod, pod.freeSlots(!this.#spec().batching.enabled, this.#now()));
  }

  /** A call to the pod is over. */
  onCallEnd(pod: Endpoint): void {
    this.reindex(pod);
    this.#tellLetGo(pod);
    if (pod.gone) this.#forgetIfDone(pod);
  }

  #tellLetGo(pod: Endpoint): void {
    if (pod.leaving && pod.outstanding.length === 0) this.#events.onLetGo();
  }

  /** The pod takes no more for a moment, by its own word. */
  pause(pod: Endpoint): void {
    const pauseMs = 20;
    if (this.#now() < pod.busyUntilMs) return;
    pod.busyUntilMs = this.#now() + pauseMs;
    this.reindex(pod);
    setTimeout(() => {
      this.reindex(pod);
      this.#events.onChange();
    }, pauseMs + 1);
  }

  recordEvidence(pod: Endpoint, event: HealthEvent, detail: string | null = null): void {
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
    this.reindex(pod);
  }

  /** Several times a second: probes that are due, pods that are slow against the others. */
  tick(): void {
    const now = this.#now();
    for (const pod of this.#endpoints.values()) {
      if (pod.gone || pod.terminating) continue;
      // Without requests it could not say that its drain was cancelled.
      if (pod.draining && now >= pod.nextProbeAtMs + drainingProbeMs) this.#probe(pod);
      if (pod.health.kind === 'joining' && now >= pod.nextProbeAtMs) this.#probe(pod);
      if (pod.health.kind === 'ejected' && now >= pod.health.probeAtMs) this.#probe(pod);
    }
    const serving = [...this.#endpoints.values()].filter((pod) => pod.health.kind === 'serving');
    for (const index of slowPods(serving.map((pod) => pod.pace))) {
      const pod = serving[index]!;
      const { ratio, excessMs } = pod.pace;
      // Told once for what was measured since the last time.
      pod.pace = { ...pod.pace, samples: 0 };
      this.recordEvidence(
        pod,
        { kind: 'evidence', evidence: 'slow' },
        `${ratio.toFixed(1)} × as predicted, ${excessMs.toFixed(0)} ms over`,
      );
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#endpoints.values()].map((pod) => pod.upstream.close()));
    this.#endpoints.clear();
  }

  #probe(pod: Endpoint): void {
    if (pod.probing || pod.gone) return;
    pod.probing = true;
    pod.probe(this.#loopClock, (result) => {
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
          this.recordEvidence(pod, { kind: 'probe-ok' });
          break;
        case 'draining':
          pod.draining = true;
          this.reindex(pod);
          this.#tellLetGo(pod);
          break;
        case 'loading':
          // Not ready by its own word.
          this.recordEvidence(pod, { kind: 'evidence', evidence: 'probe-failed' }, 'not ready');
          break;
        case 'failed':
          this.recordEvidence(pod, { kind: 'evidence', evidence: 'probe-failed' }, result.detail);
          break;
      }
      this.#events.onChange();
    });
  }

  #poolHealth(except: Endpoint): { members: number; softEjected: number } {
    let members = 0;
    let softEjected = 0;
    for (const pod of this.#endpoints.values()) {
      if (pod.health.kind === 'joining' || pod.leaving) continue;
      members += 1;
      if (pod !== except && pod.health.kind === 'ejected' && !pod.health.hard) softEjected += 1;
    }
    return { members, softEjected };
  }

  #forgetIfDone(pod: Endpoint): void {
    if (pod.outstanding.length > 0 || !this.#endpoints.delete(pod.uid)) return;
    void pod.upstream.close();
  }
}

function takesWork(pod: Endpoint): boolean {
  return !pod.leaving && (pod.health.kind === 'serving' || pod.health.kind === 'probing');
}
