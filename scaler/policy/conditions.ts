/**
 * Conditions of a pool, in the manner of Kubernetes; docs/architecture.md has a table of them. `lastTransitionTime` moves only
 * with the status.
 */
import type { PoolCondition } from '../../contract/pool-status.ts';
import { holdReasons, isHoldReason, isPolicyHold, type HoldReason, type ScaleReason } from '../../contract/reasons.ts';
import type { AnswerVerdict } from './answers.ts';

/** Pods of one kind: how many, and the first of them with its reason. */
export interface NamedPods {
  readonly count: number;
  readonly text: string;
}

export interface ConditionInputs {
  /** Obstacle that keeps the pool from being scaled; null if none is known. */
  readonly problem: { readonly reason: string; readonly message: string } | null;
  readonly rollout: 'none' | 'running' | 'stuck';
  /** Error of the last scale write; null if it succeeded. */
  readonly writeFailure: string | null;
  readonly viewStale: boolean;
  readonly mode: 'Active' | 'DryRun' | 'Paused';
  /** Reason of the last decision, as a key of contract/reasons.ts and in words. */
  readonly reason: HoldReason | ScaleReason;
  readonly why: string;
  readonly replicas: number;
  readonly minReplicas: number;
  /** Gateways that can hold requests. */
  readonly gateways: number;
  /** Names of the expected gateways without a fresh report. */
  readonly silent: readonly string[];
  /** Longest time for which one of them has been silent. */
  readonly silentForMs: number;
  /** Pods that serve. */
  readonly serving: number;
  /** Why a pod does not serve, with its name; null if all do, or nothing is known. */
  readonly trouble: string | null;
  /** Models that no pod answers requests for, though pods serve, and why, in words; null for none. */
  readonly unserved: string | null;
  /** Models whose pods answer by different versions, in words; null for none. */
  readonly skewed: string | null;
  /** Versions that failed or are banned, in words; null for none. */
  readonly versionsOut: string | null;
  /** Whether the servers are managed by someone else, so that nothing is to be scaled. */
  readonly external: boolean;
  /** Pods on their way, without a fault so far. */
  readonly starting: number;
  /** Pods that drain by the scaler's will. */
  readonly draining: number;
  /** Pods whose process does not run. */
  readonly failing: NamedPods;
  /** Whether one of them does not run again by itself. */
  readonly needsPerson: boolean;
  /** Pods that run, and get no requests: ejected, never reached, or drained by a stranger. */
  readonly outOfRotation: NamedPods;
  /** Why pods can't be created, such as a quota; null if they can. */
  readonly createFailure: string | null;
  /** Judgement of policy/answers.ts; null while requests are answered. */
  readonly unanswered: AnswerVerdict | null;
  /** Sick and crash-looping pods. */
  readonly sick: number;
  /** Names of the first of them, with their reasons. */
  readonly sickText: string;
  /** Set while too many pods are sick to replace any: the number that would be allowed. */
  readonly panic: { readonly most: number } | null;
}

/** Silence after which the condition names a gateway as missing. */
export const namedAfterMs = 60_000;

const staleViewMessage = 'the view of the cluster is too old';

type ConditionState = Pick<PoolCondition, 'type' | 'status' | 'reason' | 'message'>;

export function conditionsOf(
  inputs: ConditionInputs,
  before: readonly PoolCondition[],
  at: { readonly iso: string; readonly generation: number | undefined },
): PoolCondition[] {
  const states = [
    ready(inputs),
    modelsServed(inputs),
    ableToScale(inputs),
    scalingActive(inputs),
    scalingLimited(inputs),
    reporting(inputs),
    healthy(inputs),
    requestsAnswered(inputs),
    versionSkew(inputs),
    reconciling(inputs),
    stalled(inputs),
  ];
  return states.map((condition) => {
    const same = before.find(({ type, status }) => type === condition.type && status === condition.status);
    const lastTransitionTime = same?.lastTransitionTime ?? at.iso;
    const observed = at.generation === undefined ? {} : { observedGeneration: at.generation };
    return { ...condition, lastTransitionTime, ...observed };
  });
}

/** Status and reason only: messages contain numbers that change each second. */
export function conditionsDiffer(a: readonly PoolCondition[], b: readonly PoolCondition[]): boolean {
  const key = (conditions: readonly PoolCondition[]) =>
    conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`).join('\n');
  return key(a) !== key(b);
}

/** Whether requests are answered: what `kubectl wait`, and tools that know the status of Kubernetes objects, look at. */
function ready(inputs: ConditionInputs): ConditionState {
  const type = 'Ready';
  const { problem, viewStale, replicas, serving, rollout } = inputs;
  if (problem?.reason === 'InvalidSpec') return { type, status: 'False', ...problem };
  if (viewStale) return { type, status: 'Unknown', reason: 'ViewStale', message: staleViewMessage };
  if (rests(inputs)) {
    return { type, status: 'True', reason: 'ScaledToZero', message: 'no pod is needed now; a request starts one' };
  }
  // A rollout has more pods for a while than the pool asks for.
  const count = `${serving} of ${Math.max(serving, replicas)} pods serve`;
  const trouble = rollout === 'stuck' ? stuckBy(inputs) : inputs.trouble;
  const message = trouble === null ? count : `${count}; ${trouble}`;
  if (serving === 0) return { type, status: 'False', reason: notServing(inputs), message };
  if (rollout === 'stuck') return { type, status: 'False', reason: 'RolloutStuck', message };
  return { type, status: 'True', reason: 'PodsServe', message };
}

/** Whether a pool that may go to zero is there, or its last pods drain on the way to it: a request ends the drain, or starts a pod. */
function rests({ serving, replicas, minReplicas, draining }: ConditionInputs): boolean {
  return serving === 0 && minReplicas === 0 && draining >= replicas;
}

/** Why a rollout does not go on: a pod that does not serve, or one that serves its other models and lacks one that is required. */
function stuckBy({ trouble, versionsOut }: ConditionInputs): string | null {
  return trouble ?? versionsOut;
}

function notServing({ needsPerson, createFailure, failing, starting }: ConditionInputs): string {
  if (needsPerson || createFailure !== null) return 'PodsFailing';
  return starting > 0 || failing.count > 0 ? 'PodsStarting' : 'NoPodServes';
}

/**
 * Whether the pool is on its way to what its spec asks for. With Stalled and Ready it makes the status that kstatus computes: kpt,
 * Flux, and whoever waits for one. A change of size by load is no such way: a pool that scales is current all the while.
 */
function reconciling(inputs: ConditionInputs): ConditionState {
  const type = 'Reconciling';
  if (stalledBy(inputs) === null) {
    if (inputs.rollout === 'running') {
      return { type, status: 'True', reason: 'RolloutRunning', message: 'pods of another template are replaced' };
    }
    if (inputs.serving === 0 && inputs.starting > 0) {
      return {
        type,
        status: 'True',
        reason: 'PodsStarting',
        message: `${inputs.starting} pods start, none serves yet`,
      };
    }
  }
  return { type, status: 'False', reason: 'Settled', message: 'nothing is under way but what load asks for' };
}

/** Whether it goes on only once a person has acted. */
function stalled(inputs: ConditionInputs): ConditionState {
  const type = 'Stalled';
  const by = stalledBy(inputs);
  if (by !== null) return { type, status: 'True', ...by };
  return { type, status: 'False', reason: 'NotStalled', message: 'nothing waits for a person' };
}

function stalledBy(inputs: ConditionInputs): { readonly reason: string; readonly message: string } | null {
  const { problem, rollout, serving, replicas, needsPerson, failing, createFailure } = inputs;
  if (problem !== null) return problem;
  if (rollout === 'stuck') {
    return { reason: 'RolloutStuck', message: stuckBy(inputs) ?? 'the rollout is past its deadline' };
  }
  if (serving > 0 || replicas === 0) return null;
  if (createFailure !== null) return { reason: 'CannotCreatePods', message: createFailure };
  return needsPerson ? { reason: 'PodsFailing', message: failing.text } : null;
}

function requestsAnswered({ unanswered }: ConditionInputs): ConditionState {
  const type = 'RequestsAnswered';
  if (unanswered !== null) return { type, status: 'False', ...unanswered };
  return { type, status: 'True', reason: 'Answered', message: 'requests are answered, or none came in the last 10 s' };
}

/** Whether each model has a pod that answers for it. Knows nothing of models while no pod serves at all. */
function modelsServed(inputs: ConditionInputs): ConditionState {
  const type = 'ModelsServed';
  const { serving, replicas, unserved } = inputs;
  if (unserved !== null) return { type, status: 'False', reason: 'NotServed', message: unserved };
  if (serving === 0 && replicas > 0 && !rests(inputs)) {
    return { type, status: 'Unknown', reason: 'NoPodServes', message: 'no pod serves; Ready says why' };
  }
  return {
    type,
    status: 'True',
    reason: 'AllServed',
    message: 'each model has a pod, or gets one with its next request',
  };
}

/** Whether the answer to one request depends on the pod that gets it. */
function versionSkew({ skewed, versionsOut }: ConditionInputs): ConditionState {
  const type = 'VersionSkew';
  if (skewed !== null) return { type, status: 'True', reason: 'PodsDiffer', message: skewed };
  if (versionsOut !== null) return { type, status: 'False', reason: 'VersionOut', message: versionsOut };
  return { type, status: 'False', reason: 'VersionsAgree', message: 'pods answer by the same versions of models' };
}

function ableToScale(inputs: ConditionInputs): ConditionState {
  const type = 'AbleToScale';
  if (inputs.problem !== null) return { type, status: 'False', ...inputs.problem };
  if (inputs.external) {
    const message = 'its servers are managed by someone else (spec.endpoints): there is nothing to scale';
    return { type, status: 'False', reason: 'External', message };
  }
  if (inputs.viewStale) {
    return { type, status: 'Unknown', reason: 'ViewStale', message: staleViewMessage };
  }
  if (inputs.writeFailure !== null)
    return { type, status: 'False', reason: 'WriteFailed', message: inputs.writeFailure };
  if (inputs.rollout === 'running') {
    const message = 'a rollout is running: the pool may scale up, and scales down only after it';
    return { type, status: 'True', reason: 'RolloutRunning', message };
  }
  return { type, status: 'True', reason: 'ReadyForNewScale', message: 'nothing keeps the pool from being scaled' };
}

function scalingActive({ mode, reason, why }: ConditionInputs): ConditionState {
  const type = 'ScalingActive';
  if (mode === 'Paused') return { type, status: 'False', reason: 'Paused', message: 'spec.scaling.mode is Paused' };
  if (isPolicyHold(reason) && holdReasons[reason].unsure === true) {
    return { type, status: 'False', reason: camel(reason), message: `${why}; the pool is not scaled down` };
  }
  if (mode === 'DryRun') {
    return {
      type,
      status: 'False',
      reason: 'DryRun',
      message: 'spec.scaling.mode is DryRun: decisions are made and not carried out',
    };
  }
  return {
    type,
    status: 'True',
    reason: 'ValidReports',
    message: 'the reports of the gateways are complete enough to decide on',
  };
}

function scalingLimited({ reason, why, replicas, minReplicas }: ConditionInputs): ConditionState {
  const type = 'ScalingLimited';
  const limit = limitOf(reason);
  if (limit !== null) return { type, status: 'True', reason: limit, message: why };
  if (reason === 'not-idle-yet' && replicas <= minReplicas) {
    return { type, status: 'True', reason: 'AtMinimum', message: `minReplicas is ${minReplicas}` };
  }
  return { type, status: 'False', reason: 'WithinLimits', message: 'the pool has as many pods as it needs' };
}

function limitOf(reason: HoldReason | ScaleReason): string | null {
  if (reason === 'maximum') return 'AtMaximum';
  if (reason === 'minimum') return 'AtMinimum';
  return isHoldReason(reason) && holdReasons[reason].limited === true ? camel(reason) : null;
}

function reporting({ gateways, silent, silentForMs }: ConditionInputs): ConditionState {
  const type = 'GatewaysReporting';
  if (gateways === 0) return { type, status: 'False', reason: 'NoGateways', message: 'there is no gateway' };
  if (silent.length === 0) return { type, status: 'True', reason: 'AllReporting', message: 'all gateways report' };
  const message = `no report from ${silent.join(', ')}`;
  if (silentForMs < namedAfterMs) return { type, status: 'Unknown', reason: 'Waiting', message };
  return { type, status: 'False', reason: 'Missing', message: `${message} for over ${namedAfterMs / 1000} s` };
}

function healthy(inputs: ConditionInputs): ConditionState {
  const type = 'PodsHealthy';
  const { sick, panic, failing, outOfRotation, createFailure, external, replicas } = inputs;
  const no = (reason: string, message: string): ConditionState => ({ type, status: 'False', reason, message });
  const of = ({ count }: NamedPods): string => `${count} of ${Math.max(count, replicas)} pods`;
  if (createFailure !== null) return no('CannotCreatePods', createFailure);
  if (panic !== null) {
    const limit = `${sick} pods are sick, more than the ${panic.most} that maxEjectedRatio allows: none is drained`;
    return no('TooManySick', failing.count === 0 ? limit : `${limit}; ${failing.text}`);
  }
  if (failing.count > 0) return no('PodsFailing', `${of(failing)} not running: ${failing.text}`);
  if (external && outOfRotation.count > 0) {
    return no('EndpointDown', `${of(outOfRotation)} not answering: ${outOfRotation.text}`);
  }
  // Gateways learn of a lost server by a request; the scaler asks it all the while, and nobody here replaces it.
  if (external && sick > 0) return no('EndpointDown', `not answering the scaler: ${inputs.sickText}`);
  if (sick > 0)
    return no('Replacing', `${sick} sick ${sick === 1 ? 'pod is' : 'pods are'} being replaced: ${inputs.sickText}`);
  if (outOfRotation.count > 0) {
    return no('OutOfRotation', `${of(outOfRotation)} without requests: ${outOfRotation.text}`);
  }
  return { type, status: 'True', reason: 'NoneSick', message: 'no pod is sick' };
}

function camel(reason: string): string {
  return reason.replaceAll(/(^|-)(\w)/g, (_, _dash, letter: string) => letter.toUpperCase());
}
