/**
 * One pod as this gateway knows it: its connection, the batches that are out with it, and its health as seen from here. All
 * of its state changes in this file, by the methods named after what happened; what follows from it is the pool's to decide.
 */
import type { SummaryHead } from '../../contract/envelope.ts';
import type { VersionId } from '../../contract/model-versions.ts';
import type { Pod } from '../../cluster/port.ts';
import { firstConcurrency, learnConcurrency, type Concurrency } from '../policy/concurrency.ts';
import {
  isHard,
  learnPace,
  nextHealth,
  noPace,
  restartedPace,
  type Evidence,
  type HealthConfig,
  type HealthEvent,
  type HealthState,
  type Pace,
  type PoolHealth,
} from '../policy/health.ts';
import type { DefaultVersions } from './default-versions.ts';
import type { LoopClock } from './loop-clock.ts';
import type { LossKind, PodConnection } from './pod-connection.ts';
import { probePod, type ProbeResult } from './probe.ts';
import { ServedList } from './served-list.ts';

/** An envelope, or a plain request, that is out with the pod. */
export interface OutstandingBatch {
  /** Estimated row equivalents. */
  readonly work: number;
  readonly requests: { readonly length: number };
  readonly startedAtMs: number;
  readonly startedLoopMs: number;
  readonly predictedMs: number;
  /** Gives the batch up as lost. */
  abort(kind: LossKind, detail: string): void;
}

/** Position in a list of AvailableEndpoints, which keeps it. */
export interface AvailablePlace {
  list: Endpoint[] | null;
  index: number;
}

/** One envelope that executes and one that is staged. */
const envelopeSlots = 2;
const joiningProbeMs = 50;
const drainingProbeMs = 200;
/** Interval at which a pod is asked for its list while models of it are not ready. */
const unreadyProbeMs = 1_000;
/** Term of a drain's mark in the cluster, from when this gateway saw it change: its holder renews it every few seconds. */
const markTermMs = 15_000;
/** Interval at which a pod that refused the shared secret is sent an envelope again: either side may have been given another one. */
const refusedSecretProbeMs = 5_000;

export class Endpoint {
  readonly uid: string;
  readonly name: string;
  readonly upstream: PodConnection;
  readonly place: AvailablePlace = { list: null, index: -1 };
  readonly #defaults: DefaultVersions | undefined;
  readonly #batches: OutstandingBatch[] = [];
  /** Batches that are overdue, and keep the pod from anything else. */
  readonly #stalled = new Set<OutstandingBatch>();
  #health: HealthState = { kind: 'joining' };
  /** The pod reports that it is draining; cancelled if it reports ready again. */
  #reportsDraining = false;
  /** Mark and lease of its drain in the cluster's annotations; null without a mark. */
  #mark: string | null = null;
  /** When this gateway saw the mark change last; null once it has lapsed. */
  #markSeenAtMs: number | null = null;
  /** Holder of the drain that the pod reports; null without a lease. */
  #drainHolder: string | null = null;
  #terminating = false;
  #deleted = false;
  #takesEnvelopes = true;
  /** The pod takes envelopes with the shared secret only, and this gateway's is missing or another. */
  #lacksSecret = false;
  #models: ServedList | null = null;
  #concurrency: Concurrency = firstConcurrency;
  #queuedRows = 0;
  #pace: Pace = noPace;
  #lastEndLoopMs = 0;
  #pausedUntilMs = 0;
  #nextProbeAtMs = 0;
  #probing = false;
  #lastEvidence: Evidence | null = null;
  #detail: string | null = null;
  #failures = 0;
  #failedHard = false;

  /** @param defaults versions of the pool; without them it answers by its own */
  constructor({ uid, name }: Pick<Pod, 'uid' | 'name'>, upstream: PodConnection, defaults?: DefaultVersions) {
    this.uid = uid;
    this.name = name;
    this.#defaults = defaults;
    this.upstream = upstream;
  }

  get health(): HealthState {
    return this.#health;
  }

  /** Gets no new work: draining (reported or annotated), terminating or deleted. */
  get leaving(): boolean {
    return this.#reportsDraining || this.#markSeenAtMs !== null || this.#terminating || this.#deleted;
  }

  /** Gets new work: healthy, or on probation, and not leaving. */
  get accepting(): boolean {
    return !this.leaving && (this.#health.kind === 'serving' || this.#health.kind === 'probing');
  }

  /** The cluster no longer lists it. */
  get deleted(): boolean {
    return this.#deleted;
  }

  /** Whether it takes envelopes; plain requests otherwise. Known from the first probe. */
  get takesEnvelopes(): boolean {
    return this.#takesEnvelopes;
  }

  /** Whether it gets no envelopes only since the shared secret is missing here or is another one there. */
  get lacksSecret(): boolean {
    return this.#lacksSecret;
  }

  /** A few: two envelopes, or as many plain requests as the pod is known to work on at once. */
  get batches(): readonly OutstandingBatch[] {
    return this.#batches;
  }

  /** Rows that the pod last reported as waiting there, over all gateways. */
  get queuedRows(): number {
    return this.#queuedRows;
  }

  /** Holder of the drain that the pod reports; null without one, or if it names none. */
  get drainHolder(): string | null {
    return this.#drainHolder;
  }

  get pace(): Pace {
    return this.#pace;
  }

  get probing(): boolean {
    return this.#probing;
  }

  /** A probe has come to an end at least once. */
  get wasProbed(): boolean {
    return this.#nextProbeAtMs > 0;
  }

  /** Last failure: its code. */
  get lastEvidence(): Evidence | null {
    return this.#lastEvidence;
  }

  /** Last failure, for people. */
  get detail(): string | null {
    return this.#detail;
  }

  /** Failures, hard or soft, since the pod was first ready. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether the last failure was hard. */
  get failedHard(): boolean {
    return this.#failedHard;
  }

  /** Requests that are out with it. */
  get inFlight(): number {
    let requests = 0;
    for (const batch of this.#batches) requests += batch.requests.length;
    return requests;
  }

  /**
   * Whether it answers for the model as the pool does, by its own list: for a request that names no version it needs the pool's
   * default. A server that lists no models is taken to serve any.
   */
  hasModel(model: string, version: string | undefined): boolean {
    if (this.#defaults?.isUnloaded(model) === true) return false;
    const list = this.#models;
    if (list === null) return true;
    const byDefault = version === undefined ? this.#defaults?.get(model) : undefined;
    if (byDefault === undefined) return list.serves(model, version);
    return list.has(model, byDefault) || (byDefault.isLoose && list.servesAny(model));
  }

  /** The pool's default of the model, if it has it; null where it answers by a version of its own, or lists none. */
  defaultOf(model: string): VersionId | null {
    const byDefault = this.#defaults?.get(model);
    return byDefault !== undefined && this.#models?.has(model, byDefault) === true ? byDefault : null;
  }

  /** Whether it has the version; null if it lists none of the model. */
  hasVersion(model: string, version: VersionId): boolean | null {
    return this.#models === null || !this.#models.lists(model) ? null : this.#models.has(model, version);
  }

  /** Why it does not serve the model, in the pod's words; undefined if it gave none. */
  unservedReason(model: string): string | undefined {
    return this.#models?.reasonOf(model);
  }

  /** Envelopes (or plain requests) that it may still be given. */
  freeSlots(unlimited: boolean, nowMs: number): number {
    if (this.leaving || nowMs < this.#pausedUntilMs || this.stalled) return 0;
    const out = this.#batches.length;
    // On probation: one at a time.
    if (this.#health.kind === 'probing') return out === 0 ? 1 : 0;
    if (this.#health.kind !== 'serving') return 0;
    if (unlimited) return Infinity;
    return Math.max(0, (this.#takesEnvelopes ? envelopeSlots : Math.floor(this.#concurrency.limit)) - out);
  }

  /** Predicted milliseconds until it has finished what this gateway gave it. */
  remainingMs(nowMs: number): number {
    let remaining = 0;
    for (const batch of this.#batches) remaining += Math.max(0, batch.predictedMs - (nowMs - batch.startedAtMs));
    return remaining;
  }

  /** When it will have finished what this gateway gave it, in loop time; each run takes `overheadMs` on top. */
  freeAtLoopMs(overheadMs: number): number {
    let atMs = this.#lastEndLoopMs;
    for (const batch of this.#batches) atMs = Math.max(atMs, batch.startedLoopMs) + batch.predictedMs + overheadMs;
    return atMs;
  }

  /** Row equivalents that are out with it. */
  workAhead(): number {
    let work = 0;
    for (const batch of this.#batches) work += batch.work;
    return work;
  }

  /** Whether it is late with a batch that keeps it from anything else. */
  get stalled(): boolean {
    return this.#stalled.size > 0;
  }

  /** Whether the pod should be asked for its status now: it is joining, ejected, or its drain may have been cancelled. */
  isProbeDue(nowMs: number): boolean {
    if (this.#deleted || this.#terminating) return false;
    if (this.#reportsDraining && nowMs >= this.#nextProbeAtMs + drainingProbeMs) return true;
    if (this.#health.kind === 'joining') return nowMs >= this.#nextProbeAtMs;
    return this.#health.kind === 'ejected' && nowMs >= this.#health.probeAtMs;
  }

  /** Whether its list should be read again, since a model of it wasn't ready or its secret was another: it may have changed. */
  isListDue(nowMs: number): boolean {
    if (!this.accepting) return false;
    if (this.#lacksSecret && nowMs >= this.#nextProbeAtMs + refusedSecretProbeMs) return true;
    return this.#models?.complete === false && nowMs >= this.#nextProbeAtMs + unreadyProbeMs;
  }

  /** The pod refused an envelope for its secret, and executed nothing: it gets plain requests, which need none. */
  onSecretRefused(): void {
    this.#takesEnvelopes = false;
    this.#lacksSecret = true;
  }

  /** The pod answered that a model is not ready, and executed nothing. */
  onModelNotReady(model: string, version: string | undefined): void {
    this.#models?.refused(model, version);
  }

  /** The cluster lists the pod. */
  onListed({ phase, draining, drainLease }: Pick<Pod, 'phase' | 'draining' | 'drainLease'>, nowMs: number): void {
    this.#deleted = false;
    const mark = typeof draining === 'string' ? `${draining} ${drainLease ?? ''}` : null;
    if (mark !== this.#mark) this.#markSeenAtMs = mark === null ? null : nowMs;
    this.#mark = mark;
    if (phase === 'Terminating') this.#terminating = true;
  }

  /** Ends a mark that nobody has renewed for its term. @returns whether it lapses now */
  lapseMark(nowMs: number): boolean {
    if (this.#markSeenAtMs === null || nowMs < this.#markSeenAtMs + markTermMs) return false;
    this.#markSeenAtMs = null;
    return true;
  }

  /** The cluster no longer lists the pod. */
  onDeleted(): void {
    this.#deleted = true;
  }

  onBatchSent(batch: OutstandingBatch): void {
    this.#batches.push(batch);
  }

  /** The batch is overdue, and the pod gets on with nothing else until it has ended. */
  onBatchStalled(batch: OutstandingBatch): void {
    this.#stalled.add(batch);
  }

  onBatchEnded(batch: OutstandingBatch): void {
    this.#stalled.delete(batch);
    const at = this.#batches.indexOf(batch);
    if (at >= 0) this.#batches.splice(at, 1);
  }

  /**
   * An envelope was answered whole.
   * @param predictedMs time that its rows should have taken
   * @returns loop time from the moment when the pod could begin with it: a staged envelope began when the one before ended
   */
  onEnvelopeAnswered(
    { startedLoopMs }: OutstandingBatch,
    { queuedRows, draining }: SummaryHead,
    predictedMs: number,
    { loopMs, lagMs, nowMs }: Pick<LoopClock, 'loopMs' | 'lagMs' | 'nowMs'>,
  ): number {
    const tookMs = loopMs - Math.max(startedLoopMs, this.#lastEndLoopMs);
    this.#queuedRows = queuedRows;
    this.#pace = learnPace(this.#pace, { measuredMs: tookMs, predictedMs, lagMs, nowMs });
    this.#lastEndLoopMs = loopMs;
    if (draining) this.#reportsDraining = true;
    return tookMs;
  }

  /** A plain request was answered, and is no longer among the batches. @returns requests the pod worked on meanwhile */
  onPlainAnswered(latencyMs: number): number {
    const concurrent = this.#batches.length + 1;
    this.#concurrency = learnConcurrency(this.#concurrency, latencyMs, concurrent);
    return concurrent;
  }

  /** Pauses new work. @returns false if it is paused already */
  pause(nowMs: number, forMs: number): boolean {
    if (nowMs < this.#pausedUntilMs) return false;
    this.#pausedUntilMs = nowMs + forMs;
    return true;
  }

  /** Starts the measurement of its pace again: what was measured has been judged. */
  restartPace(): void {
    this.#pace = restartedPace(this.#pace);
  }

  /** Applies evidence for or against the pod. @returns the state of its health before */
  recordEvidence(
    event: HealthEvent,
    detail: string | null,
    { config, pool, nowMs }: { config: HealthConfig; pool: PoolHealth; nowMs: number },
  ): HealthState {
    const before = this.#health;
    if (event.kind === 'evidence') {
      this.#lastEvidence = event.evidence;
      this.#detail = `${event.evidence}${detail === null ? '' : `: ${detail}`}`;
      if (before.kind !== 'joining') this.#failures += 1;
      this.#failedHard = before.kind !== 'joining' && isHard(event.evidence);
    }
    this.#health = nextHealth(before, event, config, pool, nowMs);
    // Failures while loading are not evidence.
    if (before.kind === 'joining' && this.#health.kind !== 'joining') this.#detail = null;
    return before;
  }

  /** Asks the pod for its status; `done` is called once, within the timeout. A probe that is under way is enough. */
  probe(clock: LoopClock, done: (result: ProbeResult) => void): void {
    if (this.#probing || this.#deleted) return;
    this.#probing = true;
    probePod(this.upstream, clock, (result) => {
      this.#probing = false;
      this.#nextProbeAtMs = clock.nowMs + joiningProbeMs;
      this.#onProbed(result);
      done(result);
    });
  }

  #onProbed(result: ProbeResult): void {
    if (result.kind === 'draining') {
      this.#reportsDraining = true;
      this.#drainHolder = result.status.drain?.holder ?? null;
    } else if (result.kind === 'ready') {
      this.#reportsDraining = false;
      this.#drainHolder = null;
      if (result.status === null) {
        this.#takesEnvelopes = false;
      } else {
        // A secret that was refused is tried again after each look.
        this.#lacksSecret = result.status.requiresSecret === true && !this.upstream.sendsSecret;
        this.#takesEnvelopes = !this.#lacksSecret;
        this.#models = new ServedList(result.status.models);
        this.#queuedRows = result.status.queuedRows;
      }
    }
  }
}
