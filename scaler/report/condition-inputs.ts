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
import { doesServe } from './pod-reports.ts';

export function conditionInputs(
  { snapshot, merged, decision, verdicts, plan, versions }: Cycle,
  acrossCycles: Pick<ConditionInputs, 'writeFailure' | 'silentForMs'>,
  seen: {
    readonly pods: readonly PodReport[];
    readonly unserved: PoolReport['unserved'];
    readonly answers: AnswerRates | null;
    readonly limitedBy: string | null;
  },
): ConditionInputs {
  const { pods: podReports, unserved, answers, limitedBy } = seen;
  const { pool, target, problem, gateways, pods } = snapshot;
  const external = target === null && isExternal(pool);
  const unfit = [...verdicts].filter(([, verdict]) => verdict === 'sick' || verdict === 'crash-looping');
  const sick = new Set(unfit.map(([uid]) => uid));
  const troubled = podReports.find(
    ({ state, reason }) => !doesServe(state) && state !== 'terminating' && reason !== null,
  );
  const noTarget = { reason: 'TargetNotFound', message: 'there is nothing whose replicas could be set' };
  return {
    ...acrossCycles,
    problem: problem ?? (target === null && !external ? noTarget : null),
    external,
    unserved: inWords(unserved),
    skewed: skewOf(versions),
    versionsOut: versionsOut(versions),
    rollout: target?.rollout ?? 'none',
    viewStale: unmetPrecondition(snapshot) === 'stale-view',
    mode: pool.spec.scaling.mode,
    reason: decision.reason,
    why: whyOf(decision, limitedBy),
    replicas: target?.replicas ?? pods.length,
    serving: podReports.filter(({ state }) => doesServe(state)).length,
    trouble: troubled === undefined ? null : `${troubled.name}: ${troubled.reason}`,
    starting: podReports.filter(({ state }) => state === 'pending' || state === 'starting').length,
    failing: namedPods(podReports.filter(({ failure }) => failure !== undefined)),
    needsPerson: podReports.some(({ failure }) => failure !== undefined && failure.reason !== 'Restarting'),
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

/** Holds whose words say that nothing more is needed: what limits the pool goes before them. */
const contentHolds: ReadonlySet<string> = new Set(['steady', 'small-step', 'too-soon', 'not-idle-yet']);

/** Words of a decision that don't contradict what limits the pool. */
function whyOf(decision: GuardedDecision, limitedBy: string | null): string {
  if (limitedBy === null || decision.kind !== 'hold' || !contentHolds.has(decision.reason)) return reasonText(decision);
  return `no change: ${limitedBy}`;
}

/** Pods that a message names. */
const maxNamedPods = 2;

function namedPods(pods: readonly PodReport[]): NamedPods {
  const texts = pods.slice(0, maxNamedPods).map(({ name, failure, reason, state }) => {
    const why = failure === undefined ? (reason ?? state) : joined(failure.reason, failure.message);
    return `${name}: ${why}`;
  });
  const more = pods.length > maxNamedPods ? [`and ${pods.length - maxNamedPods} more`] : [];
  return { count: pods.length, text: [...texts, ...more].join('; ') };
}

function joined(reason: string, message: string): string {
  return message === '' ? reason : `${reason}: ${message}`;
}

/** Models whose pods differ in the version that they answer by, in words; null for none. */
function skewOf(versions: readonly PoolModel[]): string | null {
  const skewed = versions.filter((model) => model.skewed === true);
  if (skewed.length === 0) return null;
  return listed(skewed.map(({ name, version }) => `${name}: not every pod has version ${version}`));
}

/** Versions that were tried and stay out, in words; null for none. */
function versionsOut(versions: readonly PoolModel[]): string | null {
  const out = versions.flatMap(({ name, unsettled = [] }) =>
    unsettled.filter(staysOut).map(({ version, state, reason }) => `${name} ${version} is ${state}: ${reason ?? ''}`),
  );
  return out.length === 0 ? null : listed(out);
}

/** Number of models that a message names. */
const maxNamedModels = 3;

function inWords(unserved: PoolReport['unserved']): string | null {
  const names = Object.keys(unserved).sort();
  if (names.length === 0) return null;
  return listed(names.map((name) => `${name}: ${unserved[name]!}`));
}

function listed(texts: readonly string[]): string {
  const more = texts.length > maxNamedModels ? [`and ${texts.length - maxNamedModels} more`] : [];
  return [...texts.slice(0, maxNamedModels), ...more].join('; ');
}

export function reasonText(decision: GuardedDecision): string {
  return decision.kind === 'hold' ? holdReasons[decision.reason].text : scaleReasons[decision.reason].text;
}
