/**
 * The whole policy: observe → forecast → capacity → desired → stabilize → bounds, once a second and on a wake-up.
 *
 * Pure: (config, state, observation, now) → [state, decision]. The state is a plain value; losing it loses the memory of the
 * traffic, and until there is a new one nothing shrinks. Whatever is not known holds, with its reason, at no less than minReplicas:
 * what a person asked for is known.
 */
import type { PolicyHoldReason, ScaleReason } from '../../contract/reasons.ts';
import { bound, type Bounds } from './bounds.ts';
import { moveFactor } from './budget.ts';
import { capacityOf } from './capacity.ts';
import { coldStartMs } from './cold-start.ts';
import { needOf, type Need } from './desired.ts';
import { forecast, isEnough, meanRate, noHistory, observe, remembers, type History } from './forecast.ts';
import { judgeGain, type Trial } from './gain.ts';
import { clusterIsSane, read, type Heard, type Known, type Observation } from './observation.ts';
import { allNeeded, stabilize, untouched, wrote, type Proposal, type Stability } from './stabilize.ts';

export interface Config extends Bounds {
  readonly mode: 'Active' | 'DryRun' | 'Paused';
  /** Null: the pool has none, and a pod's capacity is that of its largest batch. */
  readonly objectiveMs: number | null;
  readonly maxRows: number;
  /** Share of requests that may be late or shed. */
  readonly violationBudget: number;
}

export interface State {
  /** Of the last decision; -Infinity before the first. */
  readonly atMs: number;
  readonly heard: Heard;
  readonly history: History;
  readonly headroomFactor: number;
  readonly stability: Stability;
  readonly trial: Trial | null;
  /** When the last request was seen. */
  readonly busyAtMs: number;
  /** The replicas that are expected to be observed; null before the first decision. */
  readonly expected: number | null;
}

export const initialState: State = {
  atMs: -Infinity,
  heard: {},
  history: noHistory,
  headroomFactor: 1,
  stability: untouched,
  trial: null,
  busyAtMs: -Infinity,
  expected: null,
};

/** What a decision was made from, for people; rates in requests/s. */
export type Inputs = Readonly<Record<string, number | string | null>>;

export type Decision =
  | { readonly kind: 'scale'; readonly replicas: number; readonly reason: ScaleReason; readonly inputs: Inputs }
  | { readonly kind: 'hold'; readonly reason: PolicyHoldReason; readonly inputs: Inputs };

/** Seconds of traffic, and as many cold starts, before its absence is a reason for no pods at all. */
const leastHistoryS = 90;
const leastColdStarts = 2;

export function decide(
  config: Config,
  before: State,
  seen: Observation,
  nowMs: number,
): readonly [state: State, decision: Decision] {
  const { replicas, pods } = seen;
  const [heard, reading] = read(before.heard, seen, nowMs);
  const state: State = { ...before, atMs: nowMs, heard, expected: replicas };

  // Nothing shrinks on what isn't known: all pods count as needed until now.
  const unsure = (reason: PolicyHoldReason, learned = state): readonly [State, Decision] => [
    { ...learned, stability: allNeeded(learned.stability, clusterIsSane(seen) ? replicas : 0, nowMs), busyAtMs: nowMs },
    { kind: 'hold', reason, inputs: { replicas } },
  ];
  if (!clusterIsSane(seen)) return unsure('bad-cluster-view');
  const jump = clockJump(before.atMs, nowMs);
  if (jump !== null) return unsure(jump, afterJump(state, nowMs));
  const changed = before.expected !== null && before.expected !== replicas;
  if (reading.kind === 'unknown') {
    const { reason } = reading;
    const asked = bound(replicas, config, { current: replicas, busy: true, quietForMs: 0 });
    const [held, hold] = unsure(reason);
    if (config.mode === 'Paused' || changed || asked.limit !== 'minimum') return [held, hold];
    const inputs = { replicas, missing: reason };
    return scale(config, held, { replicas: asked.replicas, reason: asked.limit, inputs }, nowMs);
  }
  if (config.mode === 'Paused') return unsure('paused');
  if (changed) return unsure('replicas-changed');

  const known = learn(config, state, seen, reading, nowMs);
  const { busyAtMs, history } = known;
  const busy = reading.queued + reading.inFlight > 0;
  const apply = (stability: Stability, to: Scale) => scale(config, { ...known, stability }, to, nowMs);

  // From zero nothing else matters, and nothing more is known.
  if (replicas === 0 && (busy || reading.arrivals > 0) && config.maxReplicas > 0) {
    const inputs = { replicas, queued: reading.queued };
    return apply(known.stability, { replicas: Math.max(1, config.minReplicas), reason: 'first-request', inputs });
  }

  const capacity = capacityOf(reading.costs, config.objectiveMs, config.maxRows);
  const limits = { current: replicas, busy: busy || !reading.complete, quietForMs: nowMs - busyAtMs };
  if (capacity === null) {
    const bounded = bound(replicas, config, limits);
    const inputs = { replicas, queued: reading.queued };
    if (bounded.limit === null) return unsure('no-fit', known);
    return apply(known.stability, { replicas: bounded.replicas, reason: bounded.limit, inputs });
  }

  const horizonMs = coldStartMs(seen.startedInMs, pods.startingSinceMs, nowMs);
  const expected = forecast(history.rates, horizonS(horizonMs), config.violationBudget);
  // What is incomplete didn't enter the history; its rate is still one that was seen.
  const atLeast = reading.complete || reading.elapsedMs === 0 ? 0 : (1000 * reading.arrivals) / reading.elapsedMs;
  const need = needOf({
    forecast: { ...expected, now: Math.max(expected.now, atLeast) },
    headroomFactor: known.headroomFactor,
    capacity,
    queued: reading.queued,
    ready: pods.ready,
    ejected: pods.ejected,
    startingSinceMs: pods.startingSinceMs,
    coldStartMs: horizonMs,
    objectiveMs: config.objectiveMs ?? 0,
    nowMs,
  });
  const sure = { ...need, most: reading.complete ? need.most : Math.max(need.most, replicas) };
  const inputs = explain(seen, reading, known, sure, { ...expected, podPerS: capacity.slowest, horizonMs });

  const { completions, elapsedMs } = reading;
  const progress = { backlogged: need.backlogged, ready: pods.ready, completions, elapsedMs };
  const trial = judgeGain(known.trial, progress, nowMs);
  const [stability, stabilized] = stabilize(known.stability, sure, replicas, horizonMs, nowMs);
  // At zero only a request that is there starts a pod: the forecast still remembers those for whom the last one went.
  const proposal: Proposal = replicas === 0 ? { kind: 'hold', reason: 'steady' } : stabilized;
  const next: State = { ...known, stability, trial };

  const warm = remembers(history, Math.max(leastHistoryS, leastColdStarts * horizonS(horizonMs)));
  const quiet = bound(0, config, limits);
  if (quiet.replicas === 0 && replicas > 0 && warm) {
    const [unused, decision] = apply(stability, { replicas: 0, reason: 'unused', inputs });
    return [{ ...unused, trial }, decision];
  }
  if (trial?.failedAtMs !== null && trial !== null && sure.least > replicas) {
    return [next, { kind: 'hold', reason: 'no-gain', inputs }];
  }
  const wanted = proposal.kind === 'scale' ? proposal.replicas : replicas;
  const bounded = bound(wanted, config, limits);
  if (bounded.replicas === replicas) {
    const reason = proposal.kind === 'hold' ? proposal.reason : wanted < replicas ? 'at-minimum' : 'at-maximum';
    return [next, { kind: 'hold', reason, inputs }];
  }
  const reason = proposal.kind === 'scale' ? proposal.reason : (bounded.limit ?? 'demand');
  const [applied, decision] = apply(stability, { replicas: bounded.replicas, reason, inputs });
  return [{ ...applied, trial }, decision];
}

type Scale = Omit<Extract<Decision, { kind: 'scale' }>, 'kind'>;

/** @param state of before the write, which expects the replicas that were seen */
function scale({ mode }: Config, state: State, to: Scale, nowMs: number): readonly [State, Decision] {
  const replicas = state.expected!;
  const expected = mode === 'Active' ? to.replicas : replicas;
  const stability = wrote(state.stability, replicas, to.replicas, nowMs);
  return [
    { ...state, stability, expected },
    { kind: 'scale', ...to },
  ];
}

/** Decisions come each second. */
const longestPauseMs = 30_000;

function clockJump(beforeMs: number, nowMs: number): 'clock-went-back' | 'clock-went-forward' | null {
  if (nowMs < beforeMs) return 'clock-went-back';
  return beforeMs > -Infinity && nowMs - beforeMs > longestPauseMs ? 'clock-went-forward' : null;
}

/** Times of before are no measure any more: not of what a report is compared with, nor of how long ago something was. */
function afterJump(state: State, nowMs: number): State {
  const { stability } = state;
  const lastWriteMs = Math.min(stability.lastWriteMs, nowMs);
  return { ...state, heard: {}, trial: null, stability: { ...stability, lastWriteMs } };
}

/** What the reading adds to memory: traffic, and the factor on its headroom. */
function learn(config: Config, state: State, seen: Observation, reading: Known, nowMs: number): State {
  const history = reading.complete ? observe(state.history, reading.arrivals, reading.elapsedMs) : state.history;
  const busy = reading.arrivals > 0 || reading.queued + reading.inFlight > 0 || !reading.complete;
  const busyAtMs = busy || state.busyAtMs === -Infinity ? nowMs : state.busyAtMs;
  const budget = config.violationBudget;
  let { headroomFactor } = state;
  const starting = horizonS(coldStartMs(seen.startedInMs, seen.pods.startingSinceMs, nowMs));
  // Without a pod every request is late, and no headroom would have helped.
  if (reading.complete && seen.pods.ready > 0 && isEnough(history.rates, starting)) {
    const rate = meanRate(history.rates, 60);
    headroomFactor = moveFactor(headroomFactor, { ...reading, rate }, budget);
  }
  return { ...state, history, headroomFactor, busyAtMs };
}

function horizonS(ms: number): number {
  return Math.max(1, Math.round(ms / 1000));
}

function explain(
  { replicas, pods }: Observation,
  reading: Known,
  state: State,
  need: Need,
  terms: { now: number; expected: number; headroom: number; podPerS: number; horizonMs: number },
): Inputs {
  return {
    replicas,
    ready: pods.ready,
    ejected: pods.ejected,
    starting: pods.startingSinceMs.length,
    queued: reading.queued,
    inFlight: reading.inFlight,
    missing: reading.missing,
    ratePerS: terms.now,
    expectedPerS: terms.expected,
    headroomPerS: terms.headroom,
    headroomFactor: state.headroomFactor,
    podPerS: terms.podPerS,
    coldStartMs: terms.horizonMs,
    backlogThen: need.backlogThen,
    needLeast: need.least,
    needMost: need.most,
  };
}
