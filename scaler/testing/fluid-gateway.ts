/** A gateway that reports what a fluid would do: requests are amounts, each pod serves so many a second, shared evenly. */
import type { LoadReport, PodLoad } from '../../contract/load-report.ts';
import type { GatewayMember } from '../../cluster/scalable.ts';
import type { LastReport } from '../policy/merge.ts';
import type { MemoryPod } from './memory-cluster.ts';

/** Requests/s of one pod: l(b) = 100·b ms, and batches of one within 202 ms. */
export const podPerS = 10;
const boundsMs = [100, 1000];

export class FluidGateway {
  readonly uid: string;
  /** New with each start. */
  instance: string;
  terminating = false;
  wasReady = true;
  ready = true;
  /** It says nothing. */
  silent = false;
  /** Changes what it says; null is no report at all. */
  says: (report: LoadReport) => LoadReport | null = (report) => report;
  /** What it says of a pod beside its count. */
  readonly opinions = new Map<string, Partial<PodLoad>>();
  /** Pods that don't let go of what they hold. */
  readonly stuck = new Set<string>();
  /** Null: nothing was served yet. */
  fit: LoadReport['pools'][number]['models'][number]['fit'] = { aMs: 0, cMs: 100, samples: 50 };
  queued = 0;
  news: LastReport | null = null;
  readonly holds = new Map<string, number>();
  #sequence = 0;
  #totals = { arrivals: 0, completions: 0, late: 0 };

  constructor(uid: string) {
    this.uid = uid;
    this.instance = `${uid}-1`;
  }

  get member(): GatewayMember {
    const { uid, wasReady, terminating } = this;
    return { uid, name: uid, adminOrigin: `http://${uid}`, wasReady, terminating, createdAtMs: 0 };
  }

  restart(): void {
    this.instance += "'";
    this.#sequence = 0;
    this.#totals = { arrivals: 0, completions: 0, late: 0 };
    this.queued = 0;
  }

  /** One second in which `arriving` requests come; `share` of each pod is this gateway's. */
  step(pods: readonly MemoryPod[], arriving: number, share: number, nowMs: number): void {
    const takes = pods.filter(
      ({ phase, draining, uid }) =>
        phase === 'Ready' && draining === null && this.opinions.get(uid)?.state !== 'ejected',
    );
    const served = Math.min(this.queued + arriving, takes.length * podPerS * share);
    this.queued += arriving - served;
    this.#totals.arrivals += arriving;
    this.#totals.completions += served;
    this.#totals.late += this.queued > 0 ? served : 0;
    for (const { uid } of pods) {
      const busy = served > 0 && takes.some((pod) => pod.uid === uid);
      if (busy || !this.stuck.has(uid)) this.holds.set(uid, busy ? 1 : 0);
    }
    this.#sequence += 1;
    if (this.silent) return;
    const report = this.says(this.#report(pods));
    this.news = { atMs: nowMs, report };
  }

  #report(pods: readonly MemoryPod[]): LoadReport {
    const whole = (amount: number): number => Math.round(amount);
    const { arrivals, completions, late } = this.#totals;
    const said = pods.map(({ uid, name, phase, draining }) => ({
      ...({
        uid,
        name,
        state: phase === 'Running' ? 'joining' : 'serving',
        failures: 0,
        reason: null,
        hard: false,
      } as const),
      leaving: draining !== null || phase === 'Terminating',
      inFlight: this.holds.get(uid) ?? 0,
      ...this.opinions.get(uid),
    }));
    return {
      instance: this.instance,
      name: this.uid,
      sequence: this.#sequence,
      ready: this.ready,
      pools: [
        {
          name: 'm',
          arrivals: whole(arrivals),
          arrivedRows: whole(arrivals),
          arrivedBytes: 0,
          completions: whole(completions),
          late: whole(late),
          shed: {},
          failed: 0,
          durations: { boundsMs, counts: [whole(completions), 0, 0] },
          queued: whole(this.queued),
          queuedBytes: 0,
          oldestMs: this.queued > 0 ? 1000 : 0,
          predictedWaitMs: 50,
          inFlight: said.reduce((sum, { inFlight }) => sum + inFlight, 0),
          models: [{ name: 'm', arrivals: whole(arrivals), rowsPerRequest: 1, maxRows: 64, fit: this.fit }],
          pods: said,
        },
      ],
    };
  }
}
