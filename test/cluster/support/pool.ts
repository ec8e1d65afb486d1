/** A Deployment of model servers and the ModelPool that names it, as a test wants them. */
import type { ModelPool } from '../../../contract/model-pool.ts';
import { present, type Release } from './release.ts';
import { modelsConfigMap, repositoryOf, type BadVersion } from './repository.ts';

export const lockedContainer = {
  imagePullPolicy: 'IfNotPresent',
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
} as const;
export const scriptsVolume = { name: 'scripts', configMap: { name: 'scripts' } } as const;

export interface PoolOptions {
  readonly name?: string;
  readonly model?: string;
  /** Models instead of one, all of the same file; the pods are told their names, and so require them. */
  readonly models?: readonly string[];
  /** One of `models` that comes as a version which is no model, in place of its good one. */
  readonly broken?: string;
  /** Versions that each model has in the pods' image, all of the same file; `1` unless given. */
  readonly versions?: readonly string[];
  /** Versions beside those, by what is wrong with them. */
  readonly bad?: Readonly<Record<string, BadVersion>>;
  /** Milliseconds that a run sleeps: a pod then carries a known load without a core to itself. */
  readonly runMs?: number;
  readonly rowMs?: number;
  readonly maxRows?: number;
  /** Rows of one request; as many as of one run unless set. */
  readonly maxRequestRows?: number;
  readonly startDelayMs?: number;
  readonly scaling?: Partial<ModelPool['spec']['scaling']>;
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Puts pods behind the proxy of in-cluster/sick-pod.ts, which can be told to misbehave. */
  readonly sick?: boolean;
  /** Annotation of the pod template; a changed value starts a rollout. */
  readonly annotation?: string;
  /** Time that a pod has to end, in the manifest; the process itself takes 5 s less. */
  readonly graceSeconds?: number;
  /** Time without progress after which Kubernetes calls a rollout failed. */
  readonly progressDeadlineSeconds?: number;
  /** Variables beside those that every pod gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Release whose image the pods run; that of this run unless set. */
  readonly release?: Release;
  /** Shared process namespace, for tests that kill a process: process 1 of a container can't be killed from inside it. */
  readonly shareProcesses?: boolean;
}

/** Objects for `apply`. The model is `simple` of the zoo, under a name of the test's choice. */
export function poolObjects(options: PoolOptions): object {
  const { name = 'simple', model = name, runMs = 20, rowMs = 0, maxRows = 8, startDelayMs = 0 } = options;
  const {
    scaling = {},
    spec = {},
    sick = false,
    annotation = 'first',
    graceSeconds = 30,
    shareProcesses = false,
    models = null,
    broken = null,
    versions = ['1'],
    bad = {},
    progressDeadlineSeconds = 600,
    release = present,
    maxRequestRows = maxRows,
  } = options;
  const repository = repositoryOf(name, { models: models ?? [model], versions, bad, broken }, release);
  const args = models === null ? [] : ['--models', models.join(',')];
  const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': 'model-server' };
  const env = {
    SLUICE_REPOSITORY: '/models',
    SLUICE_DRAIN_DELAY_MS: '3000',
    SLUICE_RUN_LIMIT_MS: '10000',
    SLUICE_GRACE_MS: String(1000 * Math.max(1, graceSeconds - 5)),
    ...(release.hasSecret ? { SLUICE_SECRET_FILE: '/etc/sluice/secret' } : {}),
    SLUICE_START_DELAY_MS: String(startDelayMs),
    ...options.env,
  };
  const probe = (what: string, more: object) => ({ httpGet: { path: `/v2/health/${what}`, port: 'http' }, ...more });
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: {
      selector: { matchLabels: labels },
      progressDeadlineSeconds,
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: '25%' } },
      template: {
        metadata: { labels, annotations: { 'example.org/version': annotation } },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: graceSeconds,
          shareProcessNamespace: shareProcesses,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          initContainers: repository.initContainers,
          containers: [
            {
              ...lockedContainer,
              name: 'model-server',
              image: release.image,
              terminationMessagePolicy: 'FallbackToLogsOnError',
              ...(sick ? { command: ['node', '/scripts/sick-pod.ts'] } : { args: ['model-server', ...args] }),
              env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
              ports: [{ name: 'http', containerPort: 8000 }],
              // Pods that start slowly, since many start at once, are not to be killed and to start anew.
              startupProbe: probe('live', { periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 600 }),
              readinessProbe: probe('ready', { periodSeconds: 1, timeoutSeconds: 2 }),
              livenessProbe: probe('live', { periodSeconds: 10, timeoutSeconds: 5 }),
              resources: { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '512Mi' } },
              volumeMounts: [
                { name: 'models', mountPath: '/models' },
                { name: 'scripts', mountPath: '/scripts' },
                { name: 'secret', mountPath: '/etc/sluice', readOnly: true },
              ],
            },
          ],
          volumes: [...repository.volumes, { name: 'secret', secret: { secretName: 'sluice' } }, scriptsVolume],
        },
      },
    },
  };
  const pool = {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name },
    spec: {
      models: models ?? [model],
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      scaling: { minReplicas: 1, maxReplicas: 8, ...scaling },
      batching: { maxRows },
      ...spec,
    },
  };
  const budget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name },
    spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: { matchLabels: labels } },
  };
  const config = `maxRows: ${maxRows}\nmaxRequestRows: ${maxRequestRows}\ndelay: { runMs: ${runMs}, rowMs: ${rowMs} }\n`;
  return { apiVersion: 'v1', kind: 'List', items: [modelsConfigMap(name, config), deployment, budget, pool] };
}

export const podsOf = (name: string): string =>
  `app.kubernetes.io/name=${name},app.kubernetes.io/component=model-server`;
