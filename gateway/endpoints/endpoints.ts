/**
 * The endpoints of one pool: which pods exist, which are healthy, which have a free slot. Follows the cluster's view, gathers
 * evidence, and probes pods that are new or suspected; those that serve well are asked only what models they serve, where
 * some were not ready.
 */
import type { Logger } from 'pino';
import type { Pod } from '../../cluster/port.ts';
import { quote } from '../../contract/errors.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import { unloadedReason, type PoolModel, type VersionId } from '../../contract/model-versions.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import {
  hardEvidence,
  isHard,
  slowPods,
  softEvidence,
  type Evidence,
  type HealthEvent,
  type PoolHealth,
} from '../policy/health.ts';
import { AvailableEndpoints } from './available-endpoints.ts';
import { DefaultVersions, type Holders } from './default-versions.ts';
import { Endpoint } from './endpoint.ts';
import type { LoopClock } from './loop-clock.ts';
import type { Connect } from './pod-connection.ts';
import type { ProbeResult } from './probe.ts';
import { UnbatchedModels } from './unbatched-models.ts';

/** Characters of a pod's reason that go into errors and reports. */
const maxReasonLength = 300;
/** Pods that restarted this often are crash-looping, and no capacity to wait for. */
const hopelessRestarts = 3;
/** Pause after a pod says that it is busy. */
const busyPauseMs = 20;
/** Interval at which pods are asked that lack a default version: a new one, and one that others serve. */
const soonReadMs = 150;
const lateReadMs = 1_000;

export interface EndpointEvents {
  /** A slot may have become free, or a pod has come or gone. */
  onChange(): void;
  /** A pod that became ready reports what it serves. */
  onStatus(status: PodStatus): void;
  /** A leaving pod holds nothing of this gateway any more: whoever waits to end it may. */
  onReleased(): void;
}

export interface EndpointsDeps {
  readonly spec: () => ModelPool['spec'];
  readonly events: EndpointEvents;
  readonly clock: LoopClock;
  readonly log: Logger;
  readonly connect: Connect;
}

export class Endpoints {
  readonly free = new AvailableEndpoints();
  readonly unbatched: UnbatchedModels;
  /** Ejections of pods, by the evidence that caused them. */
  readonly ejections = Object.fromEntries(
    [...hardEvidence, ...softEvidence].map((evidence) => [evidence, 0]),
  ) as Record<Evidence, number>;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #accepting = new Set<Endpoint>();
  readonly #defaults = new DefaultVersions();
  #listsReadAtMs = 0;
  /** Whether a pod has come or gone, or said what it has, since defaults were settled. */
  #versionsChanged = false;
  readonly #spec: () => ModelPool['spec'];
  readonly #events: EndpointEvents;
  readonly #clock: LoopClock;
  readonly #log: Logger;
  readonly #connect: Connect;
  #changes = 0;
  #coming = 0;
  #unreachable: readonly Pod[] = [];

  constructor({ spec, events, clock, log, connect }: EndpointsDeps) {
    this.#spec = spec;
    this.#events = events;
    this.#clock = clock;
    this.#log = log;
    this.#connect = connect;
    this.unbatched = new UnbatchedModels({ endpoints: () => this.#endpoints.values(), clock, log });
  }

  get all(): IterableIterator<Endpoint> {
    return this.#endpoints.values();
  }

  /** Pods currently accepting work. */
  get accepting(): ReadonlySet<Endpoint> {
    return this.#accepting;
  }

  /** Whether accepting pods take envelopes. A pool's servers all speak the same protocol. */
  get takesEnvelopes(): boolean {
    for (const endpoint of this.#accepting) return endpoint.takesEnvelopes;
    return true;
  }

  /** Counts whatever may change which pods accept work, and when they are free. */
  get changes(): number {
    return this.#changes;
  }

  /** Pods of the view without an address or not ready yet: waiting for them may pay. */
  get coming(): number {
    return this.#coming;
  }

  /** Pods of the view without an address. */
  get unreachable(): readonly Pod[] {
    return this.#unreachable;
  }

  /** Each pod with an address was probed at least once. */
  get allProbed(): boolean {
    for (const endpoint of this.#endpoints.values()) if (!endpoint.wasProbed && !endpoint.leaving) return false;
    return true;
  }

  /** Any accepting pod that serves the model (its default version if none is named), except the one with this UID. */
  forModel(model: string, version: string | undefined, exceptUid?: string): Endpoint | undefined {
    for (const endpoint of this.#accepting) {
      if (endpoint.uid !== exceptUid && endpoint.hasModel(model, version)) return endpoint;
    }
    return undefined;
  }

  /**
   * Why no pod answers requests for the model, by the word of one of them; null if a pod does, or none accepts work at all,
   * which is no matter of the model.
   */
  unservedReason(model: string): string | null {
    if (this.isUnloaded(model)) return unloadedReason;
    if (this.#accepting.size === 0 || this.forModel(model, undefined) !== undefined) return null;
    for (const endpoint of this.#accepting) {
      const reason = endpoint.unservedReason(model);
      if (reason !== undefined) return `${endpoint.name}: ${reason.slice(0, maxReasonLength)}`;
    }
    return 'it is not ready at any pod';
  }

  /** Whether the pool has it that someone has unloaded the model. */
  isUnloaded(model: string): boolean {
    return this.#defaults.isUnloaded(model);
  }

  /** Follows the default versions that the cluster shows. */
  applyVersions(models: readonly PoolModel[]): void {
    this.#defaults.follow(models, this.#clock.nowMs);
    this.#changes += 1;
    this.#settleVersions();
  }

  /** Adopts new default versions once the pods have them, and sees which pods have the present ones. */
  #settleVersions(): void {
    this.#versionsChanged = false;
    const adopted = this.#defaults.settle((model, version) => this.#holdersOf(model, version), this.#clock.nowMs);
    for (const model of adopted) {
      const { version, hash, generation } = this.#defaults.get(model)!;
      this.#log.info({ model, version, hash, generation }, `requests for ${model} that name no version get ${version}`);
    }
    if (adopted.length > 0) this.#events.onChange();
  }

  #holdersOf(model: string, version: VersionId): Holders {
    let [having, listing] = [0, 0];
    for (const endpoint of this.#accepting) {
      const has = endpoint.hasVersion(model, version);
      if (has === null) continue;
      listing += 1;
      if (has) having += 1;
    }
    return { having, listing };
  }

  /** Settles defaults after a change, and reads the lists of pods that lack one: they may have got it since. */
  #followLists(): void {
    const { nowMs } = this.#clock;
    if (this.#versionsChanged || this.#defaults.areComing) this.#settleVersions();
    if (nowMs < this.#listsReadAtMs + (this.#defaults.areComing ? soonReadMs : lateReadMs)) return;
    this.#listsReadAtMs = nowMs;
    const wanted = [...this.#defaults.wanted()];
    for (const endpoint of this.#accepting) {
      if (wanted.some(([model, version]) => endpoint.hasVersion(model, version) === false)) this.#readStatus(endpoint);
    }
  }

  /** Follows the pods that the cluster lists. */
  apply(pods: readonly Pod[]): void {
    const listed = new Set<string>();
    this.#coming = 0;
    for (const pod of pods) {
      listed.add(pod.uid);
      this.#applyPod(pod);
    }
    this.#unreachable = pods.filter((pod) => !this.#endpoints.has(pod.uid));
    for (const endpoint of this.#endpoints.values()) {
      if (listed.has(endpoint.uid)) continue;
      endpoint.onDeleted();
      this.reindex(endpoint);
      this.#forgetIfDone(endpoint);
    }
    this.#events.onChange();
  }

  #applyPod(pod: Pod): void {
    let endpoint = this.#endpoints.get(pod.uid);
    if (endpoint === undefined && pod.origin !== null && pod.phase !== 'Terminating') {
      endpoint = new Endpoint(pod, this.#connect(pod.origin, pod.isPeer === true), this.#defaults);
      this.#endpoints.set(pod.uid, endpoint);
    }
    if ((pod.phase === 'Pending' || pod.phase === 'Running') && typeof pod.draining !== 'string') {
      // A crash-looping pod is not capacity that comes.
      if (endpoint?.health.kind !== 'serving') this.#coming += pod.restarts < hopelessRestarts ? 1 : 0;
      // Unready by the cluster's word alone: no reason to remove the pod, but one to ask it.
      else this.#probe(endpoint);
    }
    if (endpoint === undefined) return;
    const wasLeaving = endpoint.leaving;
    endpoint.onListed(pod, this.#clock.nowMs);
    this.reindex(endpoint);
    if (endpoint.leaving !== wasLeaving) this.#reportReleased(endpoint);
    if (endpoint.health.kind === 'joining') this.#probe(endpoint);
  }

  /** Re-indexes the endpoint after a change of slots or state. */
  reindex(endpoint: Endpoint): void {
    this.#changes += 1;
    const before = this.#accepting.size;
    if (endpoint.accepting) this.#accepting.add(endpoint);
    else this.#accepting.delete(endpoint);
    if (this.#accepting.size !== before) this.#versionsChanged = true;
    this.free.update(endpoint, endpoint.freeSlots(!this.#spec().batching.enabled, this.#clock.nowMs));
  }

  onCallEnd(endpoint: Endpoint): void {
    this.reindex(endpoint);
    this.#reportReleased(endpoint);
    if (endpoint.deleted) this.#forgetIfDone(endpoint);
  }

  /** Gives the endpoint no work for a moment, as its pod says that it is busy. */
  pause(endpoint: Endpoint): void {
    if (!endpoint.pause(this.#clock.nowMs, busyPauseMs)) return;
    this.reindex(endpoint);
    setTimeout(() => {
      this.reindex(endpoint);
      this.#events.onChange();
    }, busyPauseMs + 1);
  }

  /** The pod refused a whole envelope and executed nothing: it is full, or it ends, which its status tells. */
  onEnvelopeRefused(endpoint: Endpoint): void {
    this.pause(endpoint);
    this.#readStatus(endpoint);
  }

  /** The pod refused a request since its model is not ready there: no evidence of sickness, and its list is read again. */
  onModelNotReady(endpoint: Endpoint, { model, version }: { model: string; version: string | undefined }): void {
    endpoint.onModelNotReady(model, version);
    this.#settleVersions();
    this.#changes += 1;
    this.#readStatus(endpoint);
  }

  /** The pod refused the shared secret: no evidence of sickness, and it is sent plain requests from here on. */
  onSecretRefused(endpoint: Endpoint): void {
    if (!endpoint.lacksSecret) this.#reportLackOfSecret(endpoint, 'this gateway was given another one');
    endpoint.onSecretRefused();
    this.reindex(endpoint);
  }

  #reportLackOfSecret({ name }: Endpoint, why: string): void {
    this.#log.warn(
      { podName: name, why },
      `pod ${name} takes envelopes only with its shared secret: it gets requests one by one`,
    );
  }

  recordEvidence(endpoint: Endpoint, event: HealthEvent, detail: string | null = null): void {
    const { health: config } = this.#spec();
    const soft = event.kind === 'evidence' && !isHard(event.evidence);
    const pool = this.#poolHealth(endpoint, soft);
    const before = endpoint.recordEvidence(event, detail, { config, pool, nowMs: this.#clock.nowMs });
    const { health, name } = endpoint;
    if (health.kind !== before.kind) {
      if (health.kind === 'ejected') this.ejections[health.reason] += 1;
      const level = health.kind === 'ejected' ? 'warn' : 'info';
      const why = event.kind === 'evidence' ? { why: endpoint.detail } : {};
      this.#log[level]({ podName: name, was: before.kind, ...why }, `pod ${name} is ${health.kind}`);
    }
    this.reindex(endpoint);
  }

  /** Called several times a second: probes that are due, pods that are slow compared with the others. */
  tick(): void {
    const { nowMs } = this.#clock;
    for (const endpoint of this.#endpoints.values()) {
      if (endpoint.lapseMark(nowMs)) this.#onMarkLapsed(endpoint);
      if (endpoint.isProbeDue(nowMs)) this.#probe(endpoint);
      else if (endpoint.isListDue(nowMs)) this.#readStatus(endpoint);
    }
    for (const endpoint of this.unbatched.due()) this.#readStatus(endpoint);
    this.#followLists();
    const serving = [...this.#endpoints.values()].filter(({ health }) => health.kind === 'serving');
    for (const index of slowPods(
      serving.map(({ pace }) => pace),
      nowMs,
    )) {
      const endpoint = serving[index]!;
      const { ratio, excessMs } = endpoint.pace;
      // Measurements count as evidence once.
      endpoint.restartPace();
      this.recordEvidence(
        endpoint,
        { kind: 'evidence', evidence: 'slow' },
        `${ratio.toFixed(1)} × as predicted, ${excessMs.toFixed(0)} ms over`,
      );
    }
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#endpoints.values(), ({ upstream }) => upstream.close()));
    this.#endpoints.clear();
  }

  #probe(endpoint: Endpoint): void {
    const { drainHolder: before } = endpoint;
    endpoint.probe(this.#clock, (result) => {
      const { name, drainHolder } = endpoint;
      if (drainHolder !== before) {
        const what = drainHolder === null ? 'no longer drains' : `drains for ${quote(drainHolder)}`;
        this.#log.info({ podName: name, drainHolder }, `pod ${name} ${what}`);
      }
      // Later looks find what was reported here or as an envelope was refused.
      if (endpoint.lacksSecret) this.#reportLackOfSecret(endpoint, 'this gateway has none for it');
      this.#onProbed(endpoint, result);
      this.#events.onChange();
    });
  }

  /** Asks a pod for its status that nothing speaks against: no answer is no evidence, and the question is put again. */
  #readStatus(endpoint: Endpoint): void {
    if (endpoint.probing) return this.unbatched.onUnread(endpoint);
    endpoint.probe(this.#clock, (result) => {
      if (result.kind === 'failed') return this.unbatched.onUnread(endpoint);
      this.#onProbed(endpoint, result);
      this.#events.onChange();
    });
  }

  #onProbed(endpoint: Endpoint, result: ProbeResult): void {
    switch (result.kind) {
      case 'ready':
        this.recordEvidence(endpoint, { kind: 'probe-ok' });
        if (result.status === null) break;
        this.unbatched.onStatus(endpoint, result.status);
        this.#versionsChanged = true;
        this.#events.onStatus(result.status);
        break;
      case 'draining':
        this.reindex(endpoint);
        this.#reportReleased(endpoint);
        break;
      case 'loading':
        this.recordEvidence(endpoint, { kind: 'evidence', evidence: 'probe-failed' }, 'not ready');
        break;
      case 'failed':
        this.recordEvidence(endpoint, { kind: 'evidence', evidence: 'probe-failed' }, result.detail);
        break;
    }
  }

  #onMarkLapsed(endpoint: Endpoint): void {
    this.#log.warn(
      { podName: endpoint.name },
      `pod ${endpoint.name}: nobody renewed the mark of its drain, which has lapsed`,
    );
    this.reindex(endpoint);
    this.#events.onChange();
  }

  #reportReleased(endpoint: Endpoint): void {
    if (endpoint.leaving && endpoint.batches.length === 0) this.#events.onReleased();
  }

  #poolHealth(except: Endpoint, soft: boolean): PoolHealth {
    let members = 0;
    let softEjected = 0;
    for (const endpoint of this.#endpoints.values()) {
      const { health } = endpoint;
      if (health.kind === 'joining' || endpoint.leaving) continue;
      members += 1;
      if (endpoint !== except && health.kind === 'ejected' && !health.hard) softEjected += 1;
    }
    return { members, softEjected, irreplaceable: soft && this.#isIrreplaceable(except) };
  }

  #isIrreplaceable(endpoint: Endpoint): boolean {
    const others = [...this.#endpoints.values()].filter(
      (other) => other !== endpoint && !other.leaving && other.health.kind !== 'joining',
    );
    // A pool of one pod has `maxEjectedRatio` to say so.
    if (others.length === 0) return false;
    return this.#spec().models.some(
      (model) => endpoint.hasModel(model, undefined) && !others.some((other) => other.hasModel(model, undefined)),
    );
  }

  #forgetIfDone(endpoint: Endpoint): void {
    if (endpoint.batches.length > 0 || !this.#endpoints.delete(endpoint.uid)) return;
    void endpoint.upstream.close();
  }
}
