/** Reads Deployments, and autoscalers that may compete for them, into records. */
import {
  conditionOf,
  sluiceComponent,
  type AutoscalerObject,
  type DeploymentObject,
  type KubernetesObject,
} from './objects.ts';

export interface DeploymentRecord {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly version: string;
  /** Requested replicas. */
  readonly replicas: number;
  /** Whether the controller has not yet seen the last change, or pods of an older template remain. */
  readonly changing: boolean;
  readonly deadlineExceeded: boolean;
  /** Why the API server refuses its pods, such as a quota; null if it does not. */
  readonly createFailure: string | null;
  /** Whether it runs gateways or scalers of Sluice, which no pool may resize. */
  readonly isSluice: boolean;
}

export function readDeployment(object: KubernetesObject): DeploymentRecord {
  const { metadata = {}, spec = {}, status = {} } = object as DeploymentObject;
  const refused = conditionOf(status.conditions, 'ReplicaFailure');
  const progressing = conditionOf(status.conditions, 'Progressing');
  return {
    name: metadata.name ?? '',
    namespace: metadata.namespace ?? '',
    uid: metadata.uid ?? '',
    version: metadata.resourceVersion ?? '',
    replicas: spec.replicas ?? 1,
    changing:
      (status.observedGeneration ?? 0) < (metadata.generation ?? 0) ||
      (status.replicas ?? 0) > (status.updatedReplicas ?? 0),
    deadlineExceeded: progressing?.status === 'False' && progressing.reason === 'ProgressDeadlineExceeded',
    createFailure: refused?.status === 'True' ? (refused.message ?? refused.reason ?? 'ReplicaFailure') : null,
    isSluice: sluiceComponent(metadata.labels) !== null,
  };
}

export interface AutoscalerRecord {
  readonly kind: 'HorizontalPodAutoscaler' | 'ScaledObject';
  readonly name: string;
  readonly namespace: string;
  readonly targetKind: string;
  readonly targetName: string;
}

export function readAutoscaler(kind: AutoscalerRecord['kind'], object: KubernetesObject): AutoscalerRecord {
  const { metadata, spec } = object as AutoscalerObject;
  const target = spec?.scaleTargetRef ?? {};
  return {
    kind,
    name: metadata?.name ?? '',
    namespace: metadata?.namespace ?? '',
    // KEDA's default kind.
    targetKind: target.kind ?? 'Deployment',
    targetName: target.name ?? '',
  };
}
