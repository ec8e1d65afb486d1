/**
 * The scaling policy: one decision for one pool, made each second and when a gateway wakes the scaler.
 *
 *   observe → in doubt:   hold with a reason, at no less than minReplicas
 *           → on traffic: forecast → capacity → need, at least the season's → stabilize → bounds → hold or scale
 *
 * Pure: (config, state, observation, now) → [state, decision]. The state is a plain value; a policy that starts without it
 * removes no pod until it has seen new traffic. The formulas stand above the functions they belong to; their derivation and
 * every constant in docs/scaling-algorithm.md, "From reports to a decision".
 */
import type { PolicyHoldReason } from '../../contract/reasons.ts';
import { applyBounds } from './bounds.ts';
import { adjustHeadroomFactor, correct } from './budget.ts';
import { podCapacity, type PodCapacity } from './capacity.ts';
import { coldStartMs } from './cold-start.ts';
import { followHpa, isDearer, type DefaultHpa } from './default-hpa.ts';
import { needOf, type Need } from './desired.ts';
import { assess, decideInDoubt } from './doubt.ts';
import { coversSeconds, forecast, hasForecastErrors, meanRate, recordArrivals, type Forecast } from './forecast.ts';
import { updateTrial } from './gain.ts';
import { readTraffic, type KnownTraffic, type Observation } from './observation.ts';
import { restartIdleClocks, type Decision, type DecisionInputs } from './policy-state.ts';
import type { PolicyConfig, PolicyState } from './policy-state.ts';
import { learnSeason, seasonalFloor, type SeasonalFloor } from './seasonal.ts';
import { idlenessOf, recordWrite, stabilize, type Proposal, type StabilizerTerms } from './stabilize.ts';

/** Traffic that must be remembered before its absence scales a pool to zero: 90 s, and two cold starts. */
const minHistoryForZeroS = 90;
const minColdStartsForZero = 2;

/** Share of a second's requests from which missing them is worth a write for a single pod. */
const manyMissed = 0.1;

export function decide(
  config: PolicyConfig,
  before: PolicyState,
  observation: Observation,
  nowMs: number,
): readonly [state: PolicyState, decision: Decision] {
  const { replicas } = observation;
  const [baselines, traffic] = readTraffic(before.baselines, observation, nowMs);
  const observed: PolicyState = { ...before, decidedAtMs: nowMs, baselines, expectedReplicas: replicas };
  const evidence = assess(config, before, observation, traffic, nowMs);
  const [state, decision] =
    evidence.kind === 'doubted'
      ? decideInDoubt(config, observed, replicas, evidence, nowMs)
      : decideOnTraffic(config, learn(config, observed, observation, evidence.traffic, nowMs), {
          observation,
          traffic: evidence.traffic,
          nowMs,
        });
  if (decision.kind === 'hold') return [state, decision];
  const stabilizer = recordWrite(state.stabilizer, nowMs);
  return [
    { ...state, stabilizer, expectedReplicas: config.mode === 'Active' ? decision.replicas : replicas },
    decision,
  ];
}

function decideOnTraffic(
  config: PolicyConfig,
  state: PolicyState,
  seen: { readonly observation: Observation; readonly traffic: KnownTraffic; readonly nowMs: number },
): readonly [PolicyState, Decision] {
  const { observation, traffic, nowMs } = seen;
  const { replicas, pods } = observation;
  const { queued, complete } = traffic;
  const busy = queued + traffic.inFlight > 0;
  const inputs = { replicas, queued };

  // From zero the first request orders a pod at once: no other number is known yet.
  if (replicas === 0 && (busy || traffic.arrivals > 0) && config.maxReplicas > 0) {
    return [state, { kind: 'scale', replicas: Math.max(1, config.minReplicas), reason: 'first-request', inputs }];
  }

  const usage = { current: replicas, busy: busy || !complete, idleForMs: nowMs - state.lastRequestAtMs };
  const capacity = podCapacity(traffic.costs, config.objectiveMs, config.maxRows);
  if (capacity === null) {
    const bounded = applyBounds(replicas, config, usage);
    if (bounded.limit !== null) {
      return [state, { kind: 'scale', replicas: bounded.replicas, reason: bounded.limit, inputs }];
    }
    return [restartIdleClocks(state, replicas, nowMs), { kind: 'hold', reason: 'no-fit', inputs: { replicas } }];
  }

  const horizonMs = coldStartMs(observation.startedInMs, pods.startingSinceMs, nowMs);
  // A pod that will not become ready counts as one that was created just now (merge.ts).
  const starting = pods.startingSinceMs.filter((sinceMs) => sinceMs < nowMs).length;
  const pool = { replicas, started: replicas - starting, podPerS: capacity.slowestPerS, coldStartMs: horizonMs, nowMs };
  const hpa = followHpa(state.hpa, traffic, pool, config);
  const dear = config.objectiveMs !== null && isDearer(hpa);
  const expected = forecast(state.history.seconds, wholeSeconds(horizonMs), {
    budget: config.violationBudget,
    correction: dear ? 0 : state.correction.deviations,
    factor: state.headroomFactor,
    dear,
  });
  // Incomplete reports are kept out of the history, yet the rate they show is a rate that was seen.
  const reportedPerS = complete || traffic.longestGapMs === 0 ? 0 : (1000 * traffic.arrivals) / traffic.longestGapMs;
  const estimate = needOf({
    forecast: { ...expected, nowPerS: Math.max(expected.nowPerS, reportedPerS) },
    headroomFactor: state.headroomFactor,
    capacity,
    missed: pods.startingSinceMs.length === 0 && traffic.violations > manyMissed * traffic.arrivals,
    queued,
    ready: pods.ready,
    ejected: pods.ejected,
    startingSinceMs: pods.startingSinceMs,
    coldStartMs: horizonMs,
    objectiveMs: config.objectiveMs ?? 0,
    nowMs,
  });
  const floor = config.seasonal ? seasonalFloor(state.season, capacity, horizonMs, nowMs) : null;
  // Incomplete reports are a lower bound, so every existing pod may be needed.
  const need = {
    ...estimate,
    least: Math.max(estimate.least, floor?.least ?? 0),
    most: Math.max(estimate.most, floor?.most ?? 0, complete ? 0 : replicas),
  };
  const terms = { coldStartMs: horizonMs, dear, nowMs };
  const allowed = dear ? Math.max(replicas, hpa.readyAtMs.length + pods.ejected, floor?.least ?? 0) : Infinity;
  const ordered = { ...need, least: Math.min(need.least, allowed) };
  const [stabilizer, stabilized] = stabilize(state.stabilizer, ordered, replicas, terms);
  const stays = usage.busy || floor !== null;
  const idle = idleOf(config, { ...state, stabilizer }, { current: replicas, stays, ...terms });
  const all = { ...inputsOf(seen, state, need, { ...expected, capacity, horizonMs, floor, hpa, dear }), ...idle };

  // At zero only a request or a season starts a pod: the forecast still remembers the traffic for whose end the last pod left.
  const proposal: Proposal = replicas === 0 && floor === null ? { kind: 'hold', reason: 'steady' } : stabilized;
  const { completions, elapsedMs } = traffic;
  const period = { backlogged: need.backlogged, ready: pods.ready, completions, elapsedMs };
  const trial = updateTrial(state.trial, period, nowMs);
  const next: PolicyState = { ...state, stabilizer, trial, hpa };

  const rememberedS = Math.max(minHistoryForZeroS, minColdStartsForZero * wholeSeconds(horizonMs));
  const mayBeZero = applyBounds(0, config, usage).replicas === 0;
  if (mayBeZero && replicas > 0 && floor === null && coversSeconds(state.history, rememberedS)) {
    return [next, { kind: 'scale', replicas: 0, reason: 'unused', inputs: all }];
  }
  if (trial !== null && trial.failedAtMs !== null && need.least > replicas) {
    return [next, { kind: 'hold', reason: 'no-gain', inputs: all }];
  }
  const proposed = proposal.kind === 'scale' ? proposal.replicas : replicas;
  const bounded = applyBounds(proposed, config, usage);
  if (bounded.replicas === replicas) {
    const cutShort = ordered.least < need.least && ordered.least <= replicas;
    return [next, { kind: 'hold', reason: holdReason(proposal, replicas, cutShort, config), inputs: all }];
  }
  // A bound that turns the proposal round is the reason itself: minReplicas was raised, or maxReplicas lowered.
  const turned = Math.sign(bounded.replicas - replicas) !== Math.sign(proposed - replicas) ? bounded.limit : null;
  if (turned === null && proposal.kind === 'scale' && proposal.reason === 'demand' && need.least > estimate.least) {
    return [next, { kind: 'scale', replicas: bounded.replicas, reason: 'seasonal', inputs: all }];
  }
  const reason = turned ?? (proposal.kind === 'scale' ? proposal.reason : (bounded.limit ?? 'demand'));
  return [next, { kind: 'scale', replicas: bounded.replicas, reason, inputs: all }];
}

/** @param cutShort whether more pods are needed than may be ordered */
function holdReason(
  proposal: Proposal,
  replicas: number,
  cutShort: boolean,
  { maxReplicas }: PolicyConfig,
): PolicyHoldReason {
  if (proposal.kind === 'scale') return proposal.replicas < replicas ? 'at-minimum' : 'at-maximum';
  if (!cutShort) return proposal.reason;
  return replicas < maxReplicas ? 'too-dear' : 'at-maximum';
}

/** Since when pods are idle, and when fewer may be decided on, as inputs for people; the last pod leaves after `idleMs`. */
function idleOf(
  config: PolicyConfig,
  { stabilizer, lastRequestAtMs }: Pick<PolicyState, 'stabilizer' | 'lastRequestAtMs'>,
  at: StabilizerTerms & { readonly current: number; readonly stays: boolean },
): DecisionInputs {
  const { current, stays } = at;
  if (current <= config.minReplicas) return {};
  if (current === 1) {
    return stays ? {} : { idleSinceMs: lastRequestAtMs, mayShrinkAtMs: lastRequestAtMs + config.idleMs };
  }
  const idle = idlenessOf(stabilizer, at);
  return idle === null ? {} : { idleSinceMs: idle.sinceMs, mayShrinkAtMs: idle.untilMs };
}

/** Adds the traffic to what is remembered: the history of rates, the headroom factor, the last time of use. */
function learn(
  config: PolicyConfig,
  state: PolicyState,
  { startedInMs, pods }: Observation,
  traffic: KnownTraffic,
  nowMs: number,
): PolicyState {
  const { complete, arrivals, violations, elapsedMs } = traffic;
  const horizonS = wholeSeconds(coldStartMs(startedInMs, pods.startingSinceMs, nowMs));
  const history = complete ? recordArrivals(state.history, traffic, horizonS) : state.history;
  const busy = arrivals > 0 || traffic.queued + traffic.inFlight > 0 || !complete;
  const lastRequestAtMs = busy || state.lastRequestAtMs === -Infinity ? nowMs : state.lastRequestAtMs;
  let { headroomFactor, correction } = state;
  // Without a pod every request is late, and no headroom would have helped.
  if (complete && pods.ready > 0) {
    const period = { violations, arrivals, ratePerS: meanRate(history.seconds.ratesPerS, 60), elapsedMs };
    const learns = hasForecastErrors(history.seconds.ratesPerS, horizonS);
    if (learns) headroomFactor = adjustHeadroomFactor(headroomFactor, period, config.violationBudget);
    correction = correct(correction, period, config.violationBudget, learns);
  }
  const season = config.seasonal && complete ? learnSeason(state.season, { arrivals, elapsedMs }, nowMs) : state.season;
  return { ...state, history, headroomFactor, correction, season, lastRequestAtMs };
}

function wholeSeconds(ms: number): number {
  return Math.max(1, Math.round(ms / 1000));
}

function inputsOf(
  { observation: { replicas, pods }, traffic }: { readonly observation: Observation; readonly traffic: KnownTraffic },
  state: PolicyState,
  need: Need,
  terms: Forecast & {
    readonly capacity: PodCapacity;
    readonly horizonMs: number;
    readonly floor: SeasonalFloor | null;
    readonly hpa: DefaultHpa;
    readonly dear: boolean;
  },
): DecisionInputs {
  // A rise is shown for a minute, beside the decisions that it may explain.
  const recentRise = terms.rise !== null && terms.rise.agoS <= 60 ? terms.rise : null;
  return {
    replicas,
    ready: pods.ready,
    ejected: pods.ejected,
    starting: pods.startingSinceMs.length,
    queued: traffic.queued,
    inFlight: traffic.inFlight,
    missing: traffic.missing,
    ratePerS: terms.nowPerS,
    expectedPerS: terms.expectedPerS,
    headroomPerS: terms.headroomPerS,
    headroomFactor: state.headroomFactor,
    correctionDeviations: terms.dear ? 0 : state.correction.deviations,
    riseWindowS: recentRise?.windowS ?? null,
    risePerS: recentRise?.ratePerS ?? null,
    staysShare: recentRise === null ? null : terms.staysShare,
    podPerS: terms.capacity.slowestPerS,
    runMs: terms.capacity.slowestCost.a,
    requestMs: terms.capacity.slowestCost.c,
    coldStartMs: terms.horizonMs,
    backlogged: need.backlogged ? 1 : 0,
    backlogThen: need.backlogThen,
    clearedWithinMs: need.clearedWithinMs,
    needLeast: need.least,
    needMost: need.most,
    hpaPods: terms.dear ? terms.hpa.readyAtMs.length : null,
    seasonalSlot: terms.floor?.slot ?? null,
    seasonalPerS: terms.floor?.perS ?? null,
    seasonalCoverage: terms.floor?.coverage ?? null,
    seasonalPods: terms.floor?.most ?? null,
  };
}
