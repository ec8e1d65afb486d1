/**
 * Timeline of one pool under the policy: `line.at(60, load(40), expect(5))` decides each second up to second 60 under
 * 40 requests/s and then checks the replicas. Pods start in `coldStartS` and complete 10 requests/s; queues are a fluid.
 */
import assert from 'node:assert/strict';
import { decide } from '../policy/decide.ts';
import { initialState, type PolicyConfig, type Decision, type PolicyState } from '../policy/policy-state.ts';
import type { GatewayReport, Observation } from '../policy/observation.ts';
import { initialSeason, type SeasonalState } from '../policy/seasonal.ts';

export const podPerS = 10;
/** Batch cost with l(1) = 100 ms, so that b* = 1 and a pod completes 10 requests/s within 202 ms. */
const cost = { a: 0, c: 100 };

export const config: PolicyConfig = {
  mode: 'Active',
  objectiveMs: 202,
  maxRows: 8,
  minReplicas: 0,
  maxReplicas: 100,
  idleMs: 300_000,
  violationBudget: 0.004,
  seasonal: true,
};

type Load = (seconds: number) => number;
export const load =
  (perS: number): Load =>
  () =>
    perS;

type Check = (replicas: number, decision: Decision) => void;
export const expect =
  (least: number, most = least): Check =>
  (replicas) =>
    assert.ok(replicas >= least && replicas <= most, `expected ${least} to ${most} replicas, was: ${replicas}`);
export const expectReason =
  (reason: Decision['reason']): Check =>
  (_, decision) =>
    assert.equal(decision.reason, reason);

/** Fault that changes an observation on its way to the policy. */
export type Distortion = (seen: Observation, nowMs: number) => Observation;

interface TimelineOptions extends Partial<PolicyConfig> {
  readonly replicas?: number;
  readonly coldStartS?: number;
  /** Wall clock at second 0, seconds since 1970. */
  readonly startS?: number;
  readonly season?: SeasonalState;
}

export function timeline(given: TimelineOptions = {}) {
  const { replicas: initial = 1, coldStartS = 10, startS = 0, season = initialSeason, ...overrides } = given;
  const settings = { ...config, ...overrides };
  let state: PolicyState = { ...initialState, season };
  let second = 0;
  let replicas = initial;
  let ready = initial;
  let starting: number[] = [];
  const startedInMs: number[] = [];
  const totals = { arrivals: 0, completions: 0, shed: 0, late: 0 };
  let queued = 0;
  const writes: { second: number; replicas: number; reason: string }[] = [];

  function step(perS: number, distort: Distortion): Decision {
    second += 1;
    const nowMs = (startS + second) * 1000;
    for (const since of starting.filter((at) => nowMs - at >= coldStartS * 1000)) {
      startedInMs.push(nowMs - since);
      ready += 1;
    }
    starting = starting.filter((at) => nowMs - at < coldStartS * 1000);
    const served = Math.min(queued + perS, ready * podPerS);
    queued += perS - served;
    totals.arrivals += perS;
    totals.completions += served;
    totals.late += queued > 0 ? served : 0;
    const report: GatewayReport = { id: 'g', atMs: nowMs, ...totals, queued, inFlight: served / podPerS, cost };
    const pods = { ready, ejected: 0, startingSinceMs: starting };
    const seen = { reports: [report], gatewaysExpected: 1, replicas, pods, startedInMs: [...startedInMs] };
    const distorted = distort(seen, nowMs);
    const [next, decision] = decide(settings, state, distorted, nowMs);
    state = next;
    replicas = distorted.replicas;
    if (decision.kind === 'scale') apply(decision, nowMs);
    return decision;
  }

  function apply(decision: Extract<Decision, { kind: 'scale' }>, nowMs: number): void {
    writes.push({ second, replicas: decision.replicas, reason: decision.reason });
    if (settings.mode !== 'Active') return;
    replicas = decision.replicas;
    while (ready + starting.length < replicas) starting = [...starting, nowMs];
    while (ready + starting.length > replicas && starting.length > 0) starting = starting.slice(0, -1);
    ready = Math.min(ready, replicas);
  }

  return {
    writes,
    get state() {
      return state;
    },
    /** Requests that were served late so far. */
    get lateTotal() {
      return totals.late;
    },
    /** Starts a new scaler process: the policy's state is lost, the pool is as it was. */
    restart() {
      state = initialState;
    },
    at(until: number, arriving: Load, check: Check, distort: Distortion = (seen) => seen) {
      let decision: Decision | null = null;
      while (second < until) decision = step(arriving(second), distort);
      // The state is a plain value: a round trip through JSON loses nothing.
      state = JSON.parse(JSON.stringify(state, infinite), finite) as PolicyState;
      check(replicas, decision ?? assert.fail(`second ${until} is not after ${second}`));
    },
  };
}

const infinite = (_: string, value: unknown): unknown => (value === -Infinity ? '-Infinity' : value);
const finite = (_: string, value: unknown): unknown => (value === '-Infinity' ? -Infinity : value);
