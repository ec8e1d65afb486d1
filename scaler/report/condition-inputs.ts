/** Inputs of a pool's conditions, from one cycle. Pure. */
import { staysOut, type PoolModel } from '../../contract/model-versions.ts';
import { holdReasons, scaleReasons } from '../../contract/reasons.ts';
import type { AnswerRates, PodReport, PoolReport } from '../../contract/scaler-api.ts';
import type { Cycle } from '../cycle.ts';
import { isExternal, unmetPrecondition, type GuardedDecision } from '../observe/preconditions.ts';
import type { ConditionInputs, NamedPods } from '../policy/conditions.ts';
import { judgeAnswers } from '../policy/answers.ts';
import { budgetOf } from '../policy/budget.ts';
import { canHoldRequests } from '../policy/merge.ts';
import { doesServe, servingOf } from './pod-reports.ts';

export function conditionInputs(
  { snapshot, merged, decision, verdicts, plan, versions }: Cycle,
  acrossCycles: Pick<ConditionInputs, 'writeFailure' | 'silentForMs'>,
  seen: {
    readonly pods: readonly PodReport[];
    /** Pods that are gone, whose failure holds until the fresh ones in their place are past their start. */
    readonly replaced: readonly PodReport[];
    readonly unserved: PoolReport['unserved'];
    readonly answers: AnswerRates | null;
    readonly limitedBy: string | null;
  },
): ConditionInputs {
  const { pods: podReports, replaced, unserved, answers, limitedBy } = seen;
  const { pool, target, problem, gateways, pods } = snapshot;
  const external = target === null && isExternal(pool);
  const unfit = [...verdicts].filter(([, verdict]) => verdict === 'sick' || verdict === 'crash-looping');
  const sick = new Set(unfit.map(([uid]) => uid));
  const troubled = podReports.find(
    ({ state, reason }) => !doesServe(state) && state !== 'terminating' && reason !== null,
  );
  const failing = [...podReports.filter(({ failure }) => failure !== undefined), ...replaced];
  const noTarget = { reason: 'TargetNotFound', message: 'there is nothing whose replicas could be set' };
  return {
    ...acrossCycles,
    problem: problem ?? (target === null && !external ? noTarget : null),
    external,
    unserved: listedOrNone(unservedIn(unserved)),
    skewed: listedOrNone(skewIn(versions)),
    versionsOut: listedOrNone(versionsOut(versions)),
    rollout: target?.rollout ?? 'none',
    viewStale: unmetPrecondition(snapshot) === 'stale-view',
    mode: pool.spec.scaling.mode,
    reason: decision.reason,
    why: whyOf(decision, limitedBy),
    replicas: target?.replicas ?? pods.length,
    serving: servingOf(podReports),
    trouble: troubleOf(troubled, replaced[0]),
    starting: podReports.filter(({ state }) => state === 'pending' || state === 'starting').length,
    draining: podReports.filter(({ state }) => state === 'draining').length,
    failing: namedPods(failing),
    needsPerson: failing.some(({ failure }) => failure?.reason !== 'Restarting'),
    outOfRotation: namedPods(
      podReports.filter(
        ({ state, failure, reason }) =>
          failure === undefined &&
          (state === 'ejected' || state === 'foreign-drain' || (state === 'joining' && reason !== null)),
      ),
    ),
    createFailure: target?.createFailure ?? null,
    unanswered: judgeAnswers(answers, budgetOf(pool.spec.objective?.percentile ?? 99)),
    minReplicas: pool.spec.scaling.minReplicas,
    gateways: gateways.filter((gateway) => canHoldRequests(gateway)).length,
    silent: merged.silent,
    sick: sick.size,
    sickText: namedPods(podReports.filter(({ uid }) => sick.has(uid))).text,
    panic: plan.kind === 'panic' ? { most: plan.most } : null,
  };
}

/** A fresh pod that merely starts says less than the failure of the one before it. */
function troubleOf(troubled: PodReport | undefined, replaced: PodReport | undefined): string | null {
  if (replaced !== undefined && troubled?.failure === undefined) return namedPods([replaced]).text;
  return troubled === undefined ? null : `${troubled.name}: ${troubled.reason}`;
}

/** Holds whose words say that nothing more is needed: what limits the pool goes before them. */
const contentHolds: ReadonlySet<string> = new Set(['steady', 'small-step', 'too-soon', 'not-idle-yet']);

/** Reason of a decision as text that does not contradict what limits the pool. */
function whyOf(decision: GuardedDecision, limitedBy: string | null): string {
  if (limitedBy === null || decision.kind !== 'hold' || !contentHolds.has(decision.reason)) return reasonText(decision);
  return `no change: ${limitedBy}`;
}

/** Pods and models that a message names. */
const maxNamedPods = 2;
const maxNamedModels = 3;

function namedPods(pods: readonly PodReport[]): NamedPods {
  const texts = pods.map(({ name, failure, reason, state }) => {
    const why = failure === undefined ? (reason ?? state) : joined(failure.reason, failure.message);
    return `${name}: ${why}`;
  });
  return { count: pods.length, text: listed(texts, maxNamedPods) };
}

function joined(reason: string, message: string): string {
  return message === '' ? reason : `${reason}: ${message}`;
}

/** Models whose pods differ in the version that they answer by, in words. */
function skewIn(versions: readonly PoolModel[]): string[] {
  const skewed = versions.filter((model) => model.skewed === true);
  return skewed.map(({ name, version }) => `${name}: not every pod has version ${version}`);
}

/** Versions that were tried and stay out, in words. */
function versionsOut(versions: readonly PoolModel[]): string[] {
  return versions.flatMap(({ name, unsettled = [] }) =>
    unsettled.filter(staysOut).map(({ version, state, reason }) => `${name} ${version} is ${state}: ${reason ?? ''}`),
  );
}

function unservedIn(unserved: PoolReport['unserved']): string[] {
  const names = Object.keys(unserved).sort();
  return names.map((name) => `${name}: ${unserved[name]!}`);
}

/** The first texts, and how many more there are. */
function listed(texts: readonly string[], most: number): string {
  const more = texts.length > most ? [`and ${texts.length - most} more`] : [];
  return [...texts.slice(0, most), ...more].join('; ');
}

function listedOrNone(texts: readonly string[]): string | null {
  return texts.length === 0 ? null : listed(texts, maxNamedModels);
}

export function reasonText(decision: GuardedDecision): string {
  return decision.kind === 'hold' ? holdReasons[decision.reason].text : scaleReasons[decision.reason].text;
}
