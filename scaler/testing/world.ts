/**
 * World around one scaler on virtual time: a cluster in memory with one pool, and gateways whose requests are a fluid.
 * `await world.run(30, 40)` lets 30 seconds pass at 40 requests/s.
 */
import assert from 'node:assert/strict';
import { pino } from 'pino';
import type { PoolReport } from '../../contract/scaler-api.ts';
import type { PodDrain } from '../../contract/pod-status.ts';
import type { DecisionRecord } from '../../contract/scaler-api.ts';
import type { Clock } from '../clock.ts';
import { ScalerMetrics } from '../metrics.ts';
import type { VersionWish } from '../../contract/model-versions.ts';
import type { VersionAnswer } from '../actuate/version-calls.ts';
import type { DrainAnswer, PodCalls, ProbeAnswer } from '../actuate/pod-calls.ts';
import type { LeaseOwner } from '../policy/drain-lease.ts';
import { Scaler } from '../scaler.ts';
import { FluidGateway } from './fluid-gateway.ts';
import { MemoryCluster } from './memory-cluster.ts';

export interface WorldOptions {
  readonly spec?: object;
  readonly replicas?: number;
  readonly coldStartS?: number;
  readonly gateways?: number;
}

const startMs = Date.UTC(2026, 0, 1);

export class World {
  readonly cluster: MemoryCluster;
  gateways: FluidGateway[];
  scaler: Scaler;
  metrics: ScalerMetrics;
  /** Offset of the wall clock from the time that has passed. */
  jumpMs = 0;
  /** Time that each reading of the wall clock takes, ms: more than zero on a busy machine. */
  readingMs = 0;
  second = 0;
  /** Probe answers of unhealthy pods, by UID. */
  readonly probes = new Map<string, ProbeAnswer>();
  /** Answers of pods on their versions, by UID; servers of another make without. */
  readonly versionAnswers = new Map<string, VersionAnswer>();
  /** Wish that each pod heeds, by UID: the latest by its term and generation. */
  readonly wishes = new Map<string, VersionWish>();
  /** Answers to drain calls other than success, by UID. */
  readonly drainAnswers = new Map<string, DrainAnswer>();
  /** Drain calls to pods, in order and without renewals: `POST p-1`. */
  readonly drainCalls: string[] = [];
  /** UIDs of the pods whose drain was renewed, one for each renewal. */
  readonly drainRenewals: string[] = [];
  /** Lines of the scaler's log, of warnings and errors. */
  readonly warnings: string[] = [];
  /** Requests in flight at pods when they were terminated. */
  lost = 0;
  readonly #leases = new Map<string, PodDrain & { readonly untilMs: number }>();
  #drains = 0;
  readonly clock: Clock = {
    wallMs: () => startMs + 1000 * this.second + (this.jumpMs += this.readingMs),
    steadyMs: () => 1000 * this.second,
  };
  #identity = 'a';

  constructor({ spec = {}, replicas = 1, coldStartS = 10, gateways = 1 }: WorldOptions = {}) {
    this.cluster = new MemoryCluster({ spec, replicas, coldStartS, nowMs: startMs });
    this.gateways = Array.from({ length: gateways }, (_, index) => new FluidGateway(`g-${index + 1}`));
    this.cluster.onTermination = ({ uid }) => {
      for (const gateway of this.gateways) this.lost += gateway.inFlightByPod.get(uid) ?? 0;
    };
    [this.scaler, this.metrics] = this.#start();
  }

  /** Lets another scaler process take over; the one before stops without a last write. */
  replaceScaler(identity: string): void {
    this.#identity = identity;
    this.cluster.holder = identity;
    this.cluster.transitions += 1;
    [this.scaler, this.metrics] = this.#start();
  }

  get pool(): PoolReport {
    return this.scaler.report().pools[0] ?? assert.fail('nothing is known of the pool');
  }

  get decisions(): readonly DecisionRecord[] {
    return this.scaler.decisions('m') ?? [];
  }

  get last(): DecisionRecord {
    return this.decisions.findLast(({ kind }) => kind === 'scale' || kind === 'hold') ?? assert.fail('no decision');
  }

  condition(type: string): string {
    const found = this.pool.conditions.find((one) => one.type === type);
    return `${found?.status} ${found?.reason}`;
  }

  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
    const found = (await this.metrics.registry.getMetricsAsJSON()).find((one) => one.name === name);
    assert.ok(found !== undefined, `no metric ${name}`);
    const values = found.values as readonly { labels: Record<string, unknown>; value: number }[];
    return values.find((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))?.value;
  }

  async run(seconds: number, perS = 0): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 1) await this.#pass(perS);
  }

  /** @returns seconds until the condition held */
  async until(what: string, condition: () => boolean, perS = 0, limitS = 300): Promise<number> {
    for (let passed = 0; passed < limitS; passed += 1) {
      if (condition()) return passed;
      await this.#pass(perS);
    }
    throw new assert.AssertionError({ message: `not within ${limitS} s: ${what}` });
  }

  /** Lease by which a pod drains, as its status shows it. */
  leaseOf(uid: string): PodDrain | null {
    const lease = this.#leases.get(uid);
    if (lease === undefined) return null;
    const { untilMs, ...drain } = lease;
    const remainingMs = untilMs - this.clock.steadyMs();
    if (remainingMs > 0) return { ...drain, remainingMs };
    this.#leases.delete(uid);
    return null;
  }

  /** Drains a pod as its `POST /drain` does. @returns false if another holds the drain */
  drainPod(uid: string, { holder, generation }: LeaseOwner, ttlMs = 15_000): boolean {
    const held = this.leaseOf(uid);
    if (held !== null && (held.holder !== holder || held.generation > generation)) return false;
    const id = held?.id ?? `drain-${(this.#drains += 1)}`;
    const untilMs = this.clock.steadyMs() + ttlMs;
    this.#leases.set(uid, { id, holder, generation, remainingMs: ttlMs, untilMs });
    return true;
  }

  /** Ends a pod's drain, whoever holds it. */
  undrainPod(uid: string): void {
    this.#leases.delete(uid);
  }

  async #pass(perS: number): Promise<void> {
    this.second += 1;
    const { cluster, gateways } = this;
    const nowMs = this.clock.wallMs();
    cluster.step(nowMs);
    const open = gateways.filter(({ terminating }) => !terminating);
    // Gateways hear of a drain by the pod's answers: without traffic they don't.
    const pods = [...cluster.pods.values()].map((pod) => ({
      ...pod,
      draining: pod.draining ?? (perS > 0 ? this.leaseOf(pod.uid)?.holder : null) ?? null,
    }));
    for (const gateway of gateways) {
      gateway.step(pods, gateway.terminating ? 0 : perS / open.length, 1 / open.length, nowMs);
    }
    cluster.gateways = gateways.map(({ member }) => member);
    this.scaler.see(cluster.view);
    this.scaler.tick();
    // Answers of calls may start further calls, so several rounds settle.
    for (let round = 0; round < 4; round += 1) {
      await this.scaler.settled();
      this.scaler.see(cluster.view);
      await new Promise(setImmediate);
    }
  }

  #start(): [Scaler, ScalerMetrics] {
    const metrics = new ScalerMetrics('test', { refused: 0, accepted: 0 });
    const scaler = new Scaler({
      clock: this.clock,
      metrics,
      log: pino({ level: 'warn' }, { write: (line: string) => void this.warnings.push(line) }),
      calls: this.#calls(),
      versionCalls: {
        read: (origin) =>
          Promise.resolve(this.versionAnswers.get(origin.slice('http://'.length)) ?? { kind: 'foreign' }),
        wish: (origin, wish) => {
          const uid = origin.slice('http://'.length);
          const kept = this.wishes.get(uid);
          const isLater = kept === undefined || wish.term > kept.term;
          if (isLater || (wish.term === kept.term && wish.generation >= kept.generation)) this.wishes.set(uid, wish);
          return Promise.resolve(this.versionAnswers.get(uid) ?? { kind: 'foreign' });
        },
      },
      cluster: this.cluster.connect(this.#identity),
      gateways: {
        follow: () => undefined,
        lastReportOf: (uid) => this.gateways.find((gateway) => gateway.uid === uid)?.lastReport ?? null,
      },
      limits: { drainLimitMs: 60_000, podGraceMs: 90_000 },
    });
    return [scaler, metrics];
  }

  #calls(): PodCalls {
    const uidOf = (origin: string): string => origin.slice('http://'.length);
    return {
      probe: (origin) => {
        const uid = uidOf(origin);
        const inFlight = this.gateways.reduce((sum, gateway) => sum + (gateway.inFlightByPod.get(uid) ?? 0), 0);
        const drain = this.leaseOf(uid);
        const state = drain === null ? 'ready' : 'draining';
        return Promise.resolve(this.probes.get(uid) ?? { kind: 'status', state, inFlight, drain: drain ?? undefined });
      },
      drain: (origin, owner, ttlMs) => {
        const uid = uidOf(origin);
        if (this.leaseOf(uid)?.holder === owner.holder) this.drainRenewals.push(uid);
        else this.drainCalls.push(`POST ${uid}`);
        const answer = this.drainAnswers.get(uid);
        if (answer !== undefined) return Promise.resolve(answer);
        if (!this.drainPod(uid, owner, ttlMs)) return Promise.resolve({ kind: 'held' });
        return Promise.resolve({ kind: 'done', drain: this.leaseOf(uid) ?? undefined });
      },
      resume: (origin, { holder, generation }) => {
        const uid = uidOf(origin);
        this.drainCalls.push(`DELETE ${uid}`);
        const answer = this.drainAnswers.get(uid);
        if (answer !== undefined) return Promise.resolve(answer);
        const held = this.leaseOf(uid);
        if (held !== null && (held.holder !== holder || held.generation > generation)) {
          return Promise.resolve({ kind: 'held' });
        }
        this.undrainPod(uid);
        return Promise.resolve({ kind: 'done' });
      },
    };
  }
}
