/**
 * Reasons of the scaler's decisions: the one table from which texts, conditions, alerts and metric labels are made.
 *
 * A new hold reason is a row here and the line of the policy that returns it. Its key is the value of the label `reason`,
 * and in CamelCase the reason of a condition, so it is never renamed lightly.
 */
interface HoldRow {
  /** Explanation in words, as `sluice explain` and the page show it after "held:". */
  readonly text: string;
  /** Reports or cluster view cannot be believed: counts towards the alert SluiceScalerHolding. */
  readonly blind?: true;
  /** Knowledge too poor to let a pod go: drained pods wait. */
  readonly unsure?: true;
  /** Proposal cut short by a limit: the condition ScalingLimited is True. */
  readonly limited?: true;
}

/** Holds that the policy decides. Of these the unsure ones also turn the condition ScalingActive to False. */
const policyHolds = {
  steady: { text: 'it has the pods that it needs' },
  'small-step': { text: 'the change it needs is too small to be worth a write' },
  'too-soon': { text: 'the replica count was written only moments ago' },
  'not-idle-yet': { text: 'it may need fewer pods, but none has been idle for long enough' },
  'no-report': { text: 'a gateway has not reported', blind: true, unsure: true },
  'stale-report': { text: 'the last report of a gateway is too old', blind: true, unsure: true },
  'bad-number': { text: 'a report contains an impossible number', blind: true, unsure: true },
  'counter-went-back': { text: 'a counter of a gateway went back', blind: true, unsure: true },
  'clock-went-back': { text: 'the clock went back', blind: true, unsure: true },
  'clock-went-forward': {
    text: 'the clock went forward, or the scaler was suspended',
    blind: true,
    unsure: true,
  },
  'bad-cluster-view': { text: 'the cluster reported impossible numbers', blind: true, unsure: true },
  'replicas-changed': { text: 'somebody else changed the replica count', unsure: true },
  paused: { text: 'spec.scaling.mode is Paused', unsure: true },
  'no-fit': { text: 'no batch was served yet, so the capacity of a pod is unknown', unsure: true },
  'no-gain': {
    text: 'the pods added last did not raise completions: the bottleneck is elsewhere',
    limited: true,
  },
  'too-dear': {
    text: 'an HPA at its defaults would miss less at hardly more pod-seconds, and would have no more pods now',
    limited: true,
  },
  'at-minimum': { text: 'it needs fewer pods than minReplicas requires', limited: true },
  'at-maximum': { text: 'it needs more pods than maxReplicas allows', limited: true },
} as const satisfies Readonly<Record<string, HoldRow>>;

/** Holds that the scaler imposes around the policy; AbleToScale explains the unsure ones, not ScalingActive. */
const processHolds = {
  'stale-view': { text: 'the view of the cluster is too old', blind: true, unsure: true },
  external: { text: 'its servers are managed by someone else (spec.endpoints), who scales them', unsure: true },
  'cannot-scale': { text: 'the pool cannot be scaled; the condition AbleToScale says why', unsure: true },
  rollout: { text: 'a rollout is running; the pool scales down only after it', unsure: true },
  'pods-failing': { text: 'the existing pods crash, and more pods would crash too', limited: true },
} as const satisfies Readonly<Record<string, HoldRow>>;

const scaleRows = {
  backlog: { text: 'more waits than the pods can serve in time' },
  demand: { text: 'more requests are expected than the pods can serve' },
  seasonal: { text: 'a rush is expected that comes at this time of the day or week' },
  idle: { text: 'pods have been idle for long enough' },
  'rush-over': { text: 'a rush was over before the pods that were ordered for it were ready' },
  'first-request': { text: 'a request arrived at a pool without pods' },
  unused: { text: 'no request arrived for idleSeconds' },
  minimum: { text: 'minReplicas requires more pods' },
  maximum: { text: 'maxReplicas allows no more pods' },
} as const;

export type PolicyHoldReason = keyof typeof policyHolds;
export type HoldReason = PolicyHoldReason | keyof typeof processHolds;
export type ScaleReason = keyof typeof scaleRows;

/** Policy holds whose cause is a report or a cluster view that cannot be believed. */
export type BlindReason = {
  [Reason in PolicyHoldReason]: (typeof policyHolds)[Reason] extends { readonly blind: true } ? Reason : never;
}[PolicyHoldReason];

export const holdReasons: Readonly<Record<HoldReason, HoldRow>> = { ...policyHolds, ...processHolds };
export const scaleReasons: Readonly<Record<ScaleReason, { readonly text: string }>> = scaleRows;

export function isHoldReason(reason: string): reason is HoldReason {
  return Object.hasOwn(holdReasons, reason);
}

export function isPolicyHold(reason: string): reason is PolicyHoldReason {
  return Object.hasOwn(policyHolds, reason);
}
