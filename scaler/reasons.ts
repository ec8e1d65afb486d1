/**
 * Every reason that a decision can have, in words for people. The policy's, and those of the process around it, which keep a
 * decision from being made or carried out. The keys are the closed set of the label `reason`.
 */
import type { Decision } from './policy/decide.ts';

/** What the process holds for, whatever the policy would say. */
export const processHolds = {
  'no-view': 'nothing is known of the cluster yet',
  'stale-view': 'what is known of the cluster is too old',
  'cannot-scale': 'the condition AbleToScale says why the pool cannot be scaled',
  rollout: 'a rollout runs; nothing shrinks until it is done',
  'pods-failing': 'the pods that are there crash, and more of them would too',
} as const;
type ProcessHold = keyof typeof processHolds;

export type HoldReason = Extract<Decision, { kind: 'hold' }>['reason'] | ProcessHold;
export type ScaleReason = Extract<Decision, { kind: 'scale' }>['reason'];

export const holdReasons: Readonly<Record<HoldReason, string>> = {
  steady: 'it has the pods that it needs',
  'small-step': 'it needs a few pods more or less, too few to be worth a write',
  'too-soon': 'the last write was a moment ago',
  'not-idle-yet': 'it may need fewer pods; they have not been idle for long enough',
  'no-report': 'a gateway has not reported',
  'stale-report': 'the last report of a gateway is too old',
  'bad-number': 'a report has a number that cannot be',
  'counter-went-back': 'a counter of a gateway went back',
  'clock-went-back': 'the clock went back',
  'clock-went-forward': 'the clock went forward, or this process did not run for long',
  'bad-cluster-view': 'the cluster gave numbers that cannot be',
  'replicas-changed': 'somebody else changed the replica count',
  paused: 'mode: Paused',
  'no-fit': 'no batch was served yet, so what a pod can do is not known',
  'no-gain': 'the pods that were added last raised no completions; the bottleneck is elsewhere',
  'at-minimum': 'it needs fewer pods than minReplicas asks for',
  'at-maximum': 'it needs more pods than maxReplicas allows',
  ...processHolds,
};

export const scaleReasons: Readonly<Record<ScaleReason, string>> = {
  backlog: 'more waits than the pods can serve in time',
  demand: 'more is expected than the pods can serve',
  idle: 'pods were not needed for long enough',
  'first-request': 'a request came to a pool without pods',
  unused: 'no request came for idleSeconds',
  minimum: 'minReplicas asks for more',
  maximum: 'maxReplicas allows no more',
};
