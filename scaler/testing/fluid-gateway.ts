/** Simulated gateway whose requests are a fluid: amounts, of which each pod serves an even share every second. */
import type { LoadReport, PodLoad } from '../../contract/load-report.ts';
import type { GatewayMember } from '../../cluster/scalable.ts';
import type { LastReport } from '../policy/merge.ts';
import type { MemoryPod } from './memory-cluster.ts';

/** Requests/s of one pod: l(b) = 100·b ms, so batches of one meet an objective of 202 ms. */
export const podPerS = 10;
const boundsMs = [100, 1000];

export class FluidGateway {
  readonly uid: string;
  /** Identity of the process, new with each start. */
  instance: string;
  terminating = false;
  wasReady = true;
  ready = true;
  /** Whether the gateway sends no reports. */
  silent = false;
  /** Fault that changes a report before it is sent; null sends an invalid line. */
  distort: (report: LoadReport) => LoadReport | null = (report) => report;
  /** Overrides of the gateway's view of a pod, by UID. */
  readonly viewOverrides = new Map<string, Partial<PodLoad>>();
  /** UIDs of the pods whose requests never finish. */
  readonly stuck = new Set<string>();
  /** Learned cost of a batch; null until a batch was served. */
  fit: LoadReport['pools'][number]['models'][number]['fit'] = { aMs: 0, cMs: 100, samples: 50 };
  /** Outcome of the requests that are served. */
  outcome: keyof NonNullable<LoadReport['pools'][number]['outcomes']> = 'ok';
  queued = 0;
  lastReport: LastReport | null = null;
  /** Requests in flight at each pod, by UID. */
  readonly inFlightByPod = new Map<string, number>();
  #sequence = 0;
  #totals = { arrivals: 0, completions: 0, late: 0 };
  #outcomes = { ok: 0, clientErrors: 0, shed: 0, timeouts: 0, failed: 0 };

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
    this.#outcomes = { ok: 0, clientErrors: 0, shed: 0, timeouts: 0, failed: 0 };
    this.queued = 0;
  }

  /** Passes one second in which `arriving` requests arrive and this gateway has `share` of each pod. */
  step(pods: readonly MemoryPod[], arriving: number, share: number, nowMs: number): void {
    const serving = pods.filter(
      ({ phase, draining, uid }) =>
        phase === 'Ready' && draining === null && this.viewOverrides.get(uid)?.state !== 'ejected',
    );
    const served = Math.min(this.queued + arriving, serving.length * podPerS * share);
    this.queued += arriving - served;
    this.#totals.arrivals += arriving;
    this.#totals.completions += served;
    this.#outcomes[this.outcome] += served;
    this.#totals.late += this.queued > 0 ? served : 0;
    for (const { uid } of pods) {
      const busy = served > 0 && serving.some((pod) => pod.uid === uid);
      if (busy || !this.stuck.has(uid)) this.inFlightByPod.set(uid, busy ? 1 : 0);
    }
    this.#sequence += 1;
    if (this.silent) return;
    const report = this.distort(this.#report(pods));
    this.lastReport = { atMs: nowMs, report };
  }

  #report(pods: readonly MemoryPod[]): LoadReport {
    const whole = (amount: number): number => Math.round(amount);
    const { arrivals, completions, late } = this.#totals;
    const { ok, clientErrors, shed, timeouts, failed } = this.#outcomes;
    const views = pods.map(({ uid, name, phase, draining }) => ({
      ...({
        uid,
        name,
        state: phase === 'Running' ? 'joining' : 'serving',
        failures: 0,
        reason: null,
        hard: false,
      } as const),
      leaving: draining !== null || phase === 'Terminating',
      inFlight: this.inFlightByPod.get(uid) ?? 0,
      ...this.viewOverrides.get(uid),
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
          outcomes: {
            ok: whole(ok),
            clientErrors: whole(clientErrors),
            shed: whole(shed),
            timeouts: whole(timeouts),
            failed: whole(failed),
          },
          durations: { boundsMs, counts: [whole(completions), 0, 0] },
          queued: whole(this.queued),
          queuedBytes: 0,
          oldestMs: this.queued > 0 ? 1000 : 0,
          predictedWaitMs: 50,
          inFlight: views.reduce((sum, { inFlight }) => sum + inFlight, 0),
          models: [{ name: 'm', arrivals: whole(arrivals), rowsPerRequest: 1, maxRows: 64, fit: this.fit }],
          pods: views,
        },
      ],
    };
  }
}
