/**
 * Troubles of a pool: the conditions that are not as they should be, the worst first. The page, `sluice pools` and whoever asks
 * `/api/pools` show this one list, so that none of them calls healthy what another calls broken. Pure.
 */
import type { PoolCondition } from '../../contract/pool-status.ts';
import type { Trouble } from '../../contract/scaler-api.ts';

type Level = Trouble['level'];

/** Time for which pods may start before that is a trouble: the alert SluicePoolNotReady waits as long. */
const startMs = 90_000;

/** Reasons that are as a person wants them, or of no consequence. */
const harmless: ReadonlySet<string> = new Set(['External', 'Paused', 'DryRun', 'NoFit', 'AtMinimum', 'Rollout']);

/** Runbooks by type and reason of the condition, or by its type alone. */
const runbooks: Readonly<Record<string, string>> = {
  Ready: 'SluicePoolNotReady',
  ModelsServed: 'SluiceModelNotServed',
  'RequestsAnswered Rejecting': 'SluiceRequestsRejected',
  RequestsAnswered: 'SluiceErrorRate',
  'PodsHealthy EndpointDown': 'SluiceEndpointDown',
  'PodsHealthy PodsFailing': 'SluicePodsFailing',
  'PodsHealthy CannotCreatePods': 'SluicePodsFailing',
  PodsHealthy: 'SluicePodSick',
  'GatewaysReporting NoGateways': 'SluiceNoGateway',
  GatewaysReporting: 'SluiceGatewayMissing',
  AbleToScale: 'SluicePoolStalled',
  Stalled: 'SluicePoolStalled',
  VersionSkew: 'SluiceVersionSkew',
  ScalingActive: 'SluiceScalerHolding',
  'ScalingLimited AtMaximum': 'SluicePoolAtMaximum',
};

export function troublesOf(conditions: readonly PoolCondition[], nowMs: number): Trouble[] {
  const troubles = conditions.flatMap((condition): Trouble[] => {
    const { type, reason, message } = condition;
    const sinceMs = Date.parse(condition.lastTransitionTime);
    const level = levelOf(condition, nowMs - sinceMs);
    if (level === null) return [];
    const runbook = runbooks[`${type} ${reason}`] ?? runbooks[type] ?? null;
    return [{ condition: type, level, reason, message, sinceMs: Math.max(0, sinceMs), runbook }];
  });
  return troubles.toSorted((one, other) => Number(other.level === 'bad') - Number(one.level === 'bad'));
}

function levelOf({ type, status, reason }: PoolCondition, lastsMs: number): Level | null {
  if (harmless.has(reason)) return null;
  switch (type) {
    case 'Ready':
      if (reason === 'PodsStarting' && lastsMs < startMs) return null;
      return status === 'False' ? 'bad' : status === 'Unknown' ? 'warn' : null;
    case 'PodsHealthy':
      if (status !== 'False') return null;
      return reason === 'Replacing' || reason === 'OutOfRotation' ? 'warn' : 'bad';
    case 'ModelsServed':
    case 'RequestsAnswered':
    case 'GatewaysReporting':
      // Unknown is a moment's wait, or follows from what Ready says.
      return status === 'False' ? 'bad' : null;
    case 'AbleToScale':
      return status === 'False' ? 'bad' : status === 'Unknown' ? 'warn' : null;
    case 'ScalingActive':
      return status === 'False' ? 'warn' : null;
    case 'VersionSkew':
    case 'ScalingLimited':
      return status === 'True' ? 'warn' : null;
    case 'Stalled':
      // Ready and AbleToScale say the same of all else that stalls.
      return status === 'True' && reason === 'RolloutStuck' ? 'bad' : null;
    default:
      return null;
  }
}
