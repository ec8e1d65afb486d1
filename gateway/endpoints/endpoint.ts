/**
 * One pod as this gateway knows it: its connections, what is out with it, and how healthy it looks from here.
 * Decides nothing by itself; the pool feeds it events and asks what it may take.
 */
import { paths } from '../../contract/headers.ts';
import { readPodProbe } from '../../contract/pod-probe.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import { LoopTimeout, type LoopClock } from './loop-clock.ts';
import { firstConcurrency, type Concurrency } from '../policy/concurrency.ts';
import { noPace, type Evidence, type HealthState, type Pace } from '../policy/health.ts';
import { Upstream, type Call } from './upstream.ts';

/** An envelope, or a plain request, that is out with the pod. */
export interface Outstanding {
  readonly rows: number;
  readonly requests: { readonly length: number };
  readonly startedAtMs: number;
  /** The same in our own time. */
  readonly startedLoopMs: number;
  readonly predictedMs: number;
  call: Call | undefined;
}

export type ProbeResult =
  | { readonly kind: 'ready'; readonly status: PodStatus | null }
  | { readonly kind: 'draining'; readonly status: PodStatus }
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly detail: string };

/** One executing and one staged. */
const envelopeSlots = 2;
const probeTimeoutMs = 1_000;

export class Endpoint {
  readonly uid: string;
  readonly name: string;
  readonly origin: string;
  readonly upstream: Upstream;
  health: HealthState = { kind: 'joining' };
  /** It says so: it finishes what it has and gets no more, unless its drain is cancelled. */
  draining = false;
  /** The cluster says that it drains. */
  marked = false;
  /** The cluster is ending it. */
  terminating = false;
  /** The cluster removed it. */
  gone = false;
  /** Whether it takes envelopes; plain requests otherwise. Known from the first probe. */
  takesEnvelopes = true;
  /** Models that it serves; null for a server that doesn't say. */
  models: ReadonlySet<string> | null = null;
  /** A few: two envelopes, or as many plain requests as it is known to work on at once. */
  readonly outstanding: Outstanding[] = [];
  concurrency: Concurrency = firstConcurrency;
  /** Rows that it last said were waiting there, over all gateways. */
  queuedRows = 0;
  pace: Pace = noPace;
  /** When its last envelope ended, in our own time. */
  lastEndLoopMs = 0;
  /** It said busy: nothing before this time. */
  busyUntilMs = 0;
  nextProbeAtMs = 0;
  probing = false;
  /** Last evidence against it; beside it, for people. */
  evidence: Evidence | null = null;
  detail: string | null = null;
  /** Pieces of evidence against it, hard or soft, since it served first; and whether the last was hard. */
  failures = 0;
  failedHard = false;
  /** Place in the pool's list of free pods; kept by FreePods. */
  freeList: Endpoint[] | null = null;
  freeIndex = -1;

  constructor(uid: string, name: string, origin: string) {
    this.uid = uid;
    this.name = name;
    this.origin = origin;
    this.upstream = new Upstream(origin);
  }

  /** It gets nothing new: it drains, by its own word or the cluster's, or it is being ended, or was. */
  get leaving(): boolean {
    return this.draining || this.marked || this.terminating || this.gone;
  }

  /** Requests that are out with it. */
  get inFlight(): number {
    let requests = 0;
    for (const one of this.outstanding) requests += one.requests.length;
    return requests;
  }

  /** Envelopes (or plain requests) that it may still be given. */
  freeSlots(unlimited: boolean, nowMs: number): number {
    if (this.leaving || nowMs < this.busyUntilMs) return 0;
    const out = this.outstanding.length;
    if (this.health.kind === 'probing') return out === 0 ? 1 : 0;
    if (this.health.kind !== 'serving') return 0;
    if (unlimited) return Infinity;
    return Math.max(0, (this.takesEnvelopes ? envelopeSlots : Math.floor(this.concurrency.limit)) - out);
  }

  serves(model: string): boolean {
    return this.models === null || this.models.has(model);
  }

  ownRemainingMs(nowMs: number): number {
    let remaining = 0;
    for (const one of this.outstanding) remaining += Math.max(0, one.predictedMs - (nowMs - one.startedAtMs));
    return remaining;
  }

  /** When it will have done what it has of ours, in our own time, if each turn takes `lagMs` more than its run. */
  freeAtMs(lagMs: number): number {
    let atMs = this.lastEndLoopMs;
    for (const one of this.outstanding) atMs = Math.max(atMs, one.startedLoopMs) + one.predictedMs + lagMs;
    return atMs;
  }

  rowsAhead(): number {
    let rows = 0;
    for (const one of this.outstanding) rows += one.rows;
    return rows;
  }

  /** Asks the pod how it is; `done` is called once, within the time limit. */
  probe(loopClock: LoopClock, done: (result: ProbeResult) => void): void {
    this.#get(paths.podStatus, loopClock, done, (status, body) => {
      const probe = readPodProbe(status, body.toString());
      if (probe.kind === 'foreign') {
        this.#get(paths.ready, loopClock, done, (ready) => {
          if (ready !== 200) return done({ kind: 'loading' });
          this.takesEnvelopes = false;
          done({ kind: 'ready', status: null });
        });
      } else if (probe.kind === 'failed') {
        done(probe);
      } else if (probe.status.state === 'loading') {
        done({ kind: 'loading' });
      } else {
        done({ kind: probe.status.state, status: probe.status });
      }
    });
  }

  #get(
    path: string,
    loopClock: LoopClock,
    done: (result: ProbeResult) => void,
    take: (status: number, body: Buffer) => void,
  ): void {
    const call = this.upstream.get(path, {
      onAnswer: (answer) => {
        limit.clear();
        take(answer.status, answer.body);
      },
      onLost: (kind, detail) => {
        limit.clear();
        done({ kind: 'failed', detail: `${path}: ${kind}: ${detail}` });
      },
    });
    const limit = new LoopTimeout(probeTimeoutMs, loopClock, () =>
      call.abort('hung', `no answer in ${probeTimeoutMs} ms`),
    );
  }
}
