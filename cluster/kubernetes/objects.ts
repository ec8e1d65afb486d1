/** Parts of Kubernetes objects that Sluice reads. Any field may be missing in an answer of the API server. */

export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  /** Grace of this deletion, which may be another than that of the spec. */
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly {
    readonly kind?: string;
    readonly name?: string;
    readonly controller?: boolean;
  }[];
}

export interface KubernetesObject {
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
}

export interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

export interface Terminated {
  readonly reason?: string;
  readonly exitCode?: number;
  readonly signal?: number;
  /** Termination message: what the process wrote for it, or with FallbackToLogsOnError its last lines of log. */
  readonly message?: string;
  readonly finishedAt?: string;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: object;
  readonly terminated?: Terminated;
}

export interface ContainerStatus {
  readonly name?: string;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

export interface PodObject extends KubernetesObject {
  readonly spec?: {
    readonly terminationGracePeriodSeconds?: number;
    readonly containers?: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort?: number }[];
    }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly reason?: string;
    readonly conditions?: readonly Condition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface DeploymentObject extends KubernetesObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
}

/** HorizontalPodAutoscaler, or ScaledObject of KEDA. */
export interface AutoscalerObject extends KubernetesObject {
  readonly spec?: {
    readonly scaleTargetRef?: { readonly kind?: string; readonly name?: string };
  };
}

export interface ModelPoolObject extends KubernetesObject {
  readonly apiVersion?: string;
  readonly spec?: unknown;
  readonly status?: unknown;
}

export function conditionOf(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Part of Sluice itself that a pod or Deployment is by its labels, as the manifests set them; null for anything else. */
export function sluiceComponent(labels: ObjectMeta['labels']): 'gateway' | 'scaler' | null {
  if (labels?.['app.kubernetes.io/name'] !== 'sluice') return null;
  const component = labels['app.kubernetes.io/component'];
  return component === 'gateway' || component === 'scaler' ? component : null;
}

/** Parses an RFC 3339 time to milliseconds; 0 for a missing or invalid one. */
export function timeMs(text: string | undefined): number {
  const value = text === undefined ? NaN : Date.parse(text);
  return Number.isNaN(value) ? 0 : value;
}
