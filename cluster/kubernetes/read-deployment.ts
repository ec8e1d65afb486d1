/** What is kept of a Deployment, and of what else may resize it. */
import { conditionOf, type AutoscalerObject, type DeploymentObject, type KubernetesObject } from './objects.ts';

export interface DeploymentRecord {
  readonly name: string;
  readonly uid: string;
  readonly version: string;
  /** Asked for. */
  readonly replicas: number;
  /** Its controller has yet to see the last change, or pods of an older template are there. */
  readonly changing: boolean;
  readonly deadlineExceeded: boolean;
}

export function readDeployment(object: KubernetesObject): DeploymentRecord {
  const { metadata = {}, spec = {}, status = {} } = object as DeploymentObject;
  const progressing = conditionOf(status.conditions, 'Progressing');
  return {
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
    version: metadata.resourceVersion ?? '',
    replicas: spec.replicas ?? 1,
    changing:
      (status.observedGeneration ?? 0) < (metadata.generation ?? 0) ||
      (status.replicas ?? 0) > (status.updatedReplicas ?? 0),
    deadlineExceeded: progressing?.status === 'False' && progressing.reason === 'ProgressDeadlineExceeded',
  };
}

export interface AutoscalerRecord {
  readonly kind: 'HorizontalPodAutoscaler' | 'ScaledObject';
  readonly name: string;
  readonly targetKind: string;
  readonly targetName: string;
}

export function readAutoscaler(kind: AutoscalerRecord['kind'], object: KubernetesObject): AutoscalerRecord {
  const { metadata, spec } = object as AutoscalerObject;
  const target = spec?.scaleTargetRef ?? {};
  return {
    kind,
    name: metadata?.name ?? '',
    // What KEDA takes where none is given.
    targetKind: target.kind ?? 'Deployment',
    targetName: target.name ?? '',
  };
}
