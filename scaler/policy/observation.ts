/**
 * Observation of one pool, and the traffic that can be believed of it.
 *
 *   traffic = Σ over believed gateways of (totals now − totals of that gateway's report before)
 *   elapsed = mean over them of the time between these two reports
 *
 * A gateway that is missing, stale, restarted or reports impossible numbers makes the sum a lower bound: it may raise a pool,
 * never lower it. A gateway that is late holds up the totals of all for some seconds, so that they are of the same time.
 * With no gateway to believe the traffic is unknown, with a reason. All times are of one clock, the scaler's.
 * Derivation: docs/scaling-algorithm.md, "Reading the traffic".
 */
import type { PoolLoad } from '../../contract/load-report.ts';
import type { BlindReason } from '../../contract/reasons.ts';

/** Learned duration of a batch of b requests at a pod: l(b) = a + c·b, ms. */
export interface BatchCost {
  readonly a: number;
  readonly c: number;
}

/** Numbers of one pool in a gateway's last load report; the totals count requests since that gateway's start. */
export interface GatewayReport extends Readonly<
  Pick<PoolLoad, 'arrivals' | 'completions' | 'late' | 'queued' | 'inFlight'>
> {
  readonly id: string;
  /** Time at which the scaler received the report. */
  readonly atMs: number;
  /** Total of shed requests, for all reasons. */
  readonly shed: number;
  /** Null until a batch was served. */
  readonly cost: BatchCost | null;
}

export interface Observation {
  readonly reports: readonly GatewayReport[];
  /** Gateways that should report, whether or not they did. */
  readonly gatewaysExpected: number;
  /** Replica count that the cluster's target asks for. */
  readonly replicas: number;
  readonly pods: {
    /** Ready pods that do not drain. */
    readonly ready: number;
    /** Ready pods that most gateways ejected. */
    readonly ejected: number;
    /** Creation times of the pods that are not ready yet. */
    readonly startingSinceMs: readonly number[];
  };
  /** Cold starts seen, from creation to ready, ms; oldest first. */
  readonly startedInMs: readonly number[];
}

export type Traffic =
  | { readonly kind: 'unknown'; readonly reason: BlindReason }
  | {
      readonly kind: 'known';
      /** False if a gateway could not be counted, because of `missing`: the numbers are then lower bounds. */
      readonly complete: boolean;
      readonly missing: BlindReason | null;
      /** Mean time between the two reports of each gateway, which report at times of their own. */
      readonly elapsedMs: number;
      /** Longest time that is counted of one gateway: over it, arrivals are a rate that is not too high. */
      readonly longestGapMs: number;
      readonly arrivals: number;
      readonly completions: number;
      /** Requests that were late or shed. */
      readonly violations: number;
      readonly queued: number;
      readonly inFlight: number;
      readonly costs: readonly BatchCost[];
    };
export type KnownTraffic = Extract<Traffic, { kind: 'known' }>;

/** Report of each gateway with which its next one is compared: the last that was believed, or that began a new count. */
export type Baselines = Readonly<Record<string, GatewayReport>>;

/** Age up to which a report is current: reports come each second, and three in a row may be lost. */
export const freshForMs = 4_000;
/** Time that a gateway lags behind the others when it was not counted, its last report having been too old. */
const silentForMs = freshForMs - 1_000;
/** Age from which a report's successor is late, and time in which each gateway should have told something new. */
const lateAfterMs = 1_200;
const newWithinMs = 900;

/** Report of a gateway, and the one that it is compared with. */
interface Compared {
  readonly report: GatewayReport;
  readonly before: GatewayReport;
}

export function readTraffic(
  baselines: Baselines,
  observation: Observation,
  nowMs: number,
): readonly [Baselines, Traffic] {
  const next: Record<string, GatewayReport> = {};
  const compared: Compared[] = [];
  const costs: BatchCost[] = [];
  const now = { queued: 0, inFlight: 0, costs };
  let missing: BlindReason | null = null;
  let believed = 0;
  for (const report of observation.reports) {
    const before = baselines[report.id];
    const defect = defectOf(report, before, nowMs);
    // Totals that went back count anew from here; a stale or impossible report leaves the baseline as it was.
    const restarts = defect === 'counter-went-back' || defect === 'clock-went-back';
    const baseline = defect === null || restarts ? report : before;
    if (baseline !== undefined) next[report.id] = baseline;
    if (defect !== null) {
      missing ??= defect;
      continue;
    }
    believed += 1;
    now.queued += report.queued;
    now.inFlight += report.inFlight;
    if (report.cost !== null) costs.push(report.cost);
    // A gateway's first report does not tell how much of its totals is recent.
    if (before === undefined) missing ??= 'no-report';
    else compared.push({ report, before });
  }
  if (believed === 0) return [next, { kind: 'unknown', reason: missing ?? 'no-report' }];
  if (believed < observation.gatewaysExpected) missing ??= 'no-report';
  const passedMs = passedOf(compared);
  const isLate = ({ report, before }: Compared): boolean =>
    nowMs - report.atMs > lateAfterMs || (report.atMs === before.atMs && passedMs >= newWithinMs);
  // Counted when it comes, a late report would look like a rush of several seconds in one. Of many gateways one may always be late.
  const waits = missing === null && passedMs <= freshForMs && compared.some(isLate);
  const totals = sumOf(waits ? [] : compared, passedMs);
  return [waits ? baselines : next, { kind: 'known', complete: missing === null, missing, ...now, ...totals }];
}

/** Time from the newest report that was counted before to the newest now. */
function passedOf(compared: readonly Compared[]): number {
  let [newestMs, newestBeforeMs] = [0, 0];
  for (const { report, before } of compared) {
    newestMs = Math.max(newestMs, report.atMs);
    newestBeforeMs = Math.max(newestBeforeMs, before.atMs);
  }
  return newestMs - newestBeforeMs;
}

/** Requests between the two reports of each gateway, added. */
function sumOf(
  compared: readonly Compared[],
  passedMs: number,
): Pick<KnownTraffic, 'elapsedMs' | 'longestGapMs' | 'arrivals' | 'completions' | 'violations'> {
  const sum = { elapsedMs: 0, longestGapMs: 0, arrivals: 0, completions: 0, violations: 0 };
  for (const { report, before } of compared) {
    const gapMs = report.atMs - before.atMs;
    // While a gateway was silent, what the others told was a lower bound that nobody remembers: of its requests only those of now count.
    const share = gapMs > passedMs + silentForMs ? passedMs / gapMs : 1;
    sum.elapsedMs += (share * gapMs) / compared.length;
    sum.longestGapMs = Math.max(sum.longestGapMs, share * gapMs);
    sum.arrivals += share * (report.arrivals - before.arrivals);
    sum.completions += share * (report.completions - before.completions);
    sum.violations += share * (report.late - before.late + report.shed - before.shed);
  }
  return sum;
}

function defectOf(report: GatewayReport, before: GatewayReport | undefined, nowMs: number): BlindReason | null {
  const { atMs, arrivals, completions, shed, late, queued, inFlight, cost } = report;
  const numbers = [arrivals, completions, shed, late, queued, inFlight, cost?.a ?? 0, cost?.c ?? 0];
  if (!Number.isFinite(atMs) || numbers.some((value) => !(Number.isFinite(value) && value >= 0))) return 'bad-number';
  if (atMs > nowMs) return 'clock-went-back';
  if (nowMs - atMs > freshForMs) return 'stale-report';
  if (before === undefined) return null;
  if (atMs < before.atMs) return 'clock-went-back';
  const wentBack =
    arrivals < before.arrivals || completions < before.completions || shed < before.shed || late < before.late;
  return wentBack ? 'counter-went-back' : null;
}

/** Whether the cluster's numbers are possible at all; a decision on impossible ones would be noise. */
export function isPlausible({ replicas, pods, startedInMs }: Observation): boolean {
  const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0;
  return (
    isCount(replicas) &&
    isCount(pods.ready) &&
    isCount(pods.ejected) &&
    pods.startingSinceMs.every(Number.isFinite) &&
    startedInMs.every((ms) => Number.isFinite(ms) && ms >= 0)
  );
}
