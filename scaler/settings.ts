/** Settings of a scaler process. */
import Type from 'typebox';
import {
  hostSetting,
  logLevelSetting,
  namespaceSetting,
  ownNamespaceSetting,
  portSetting,
  secretSettings,
} from '../contract/shared-settings.ts';
import { allowedHostsSetting } from '../runtime/http/http-settings.ts';

export const ScalerSettings = Type.Object({
  host: hostSetting,
  adminPort: portSetting(8082, 'port for the live page, its API, metrics and health checks'),
  gatewayUrl: Type.Optional(
    Type.String({
      pattern: '^https?://[^/?#\\s]+/?$',
      allowed: 'http://host:port',
      description:
        'gateway address for clients, http://host:port; the live page shows its request form only when this is set',
    }),
  ),
  cluster: Type.Enum(['local', 'kubernetes'], {
    default: 'local',
    description:
      'what runs the pods: local is the supervisor that started this process, kubernetes is a cluster with Deployments',
  }),
  namespace: namespaceSetting,
  ownNamespace: ownNamespaceSetting,
  leaseName: Type.String({
    pattern: '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$',
    allowed: 'a DNS name: a-z, 0-9, - and .',
    default: 'sluice-scaler',
    description: 'Kubernetes Lease by which the scalers of an installation elect a leader',
  }),
  podName: Type.Optional(
    Type.String({ minLength: 1, description: 'name of this scaler in the Lease; defaults to the host name' }),
  ),
  drainLimitMs: Type.Integer({
    minimum: 0,
    default: 60_000,
    description:
      'milliseconds after which a draining pod is removed even with requests in flight; at least timeoutMs of its pool and its ' +
      'own grace period',
  }),
  podGraceMs: Type.Integer({
    minimum: 1000,
    default: 90_000,
    description:
      'least milliseconds after which a pod that was asked to terminate is killed; never before 30 s after its own grace period',
  }),
  graceMs: Type.Integer({
    minimum: 0,
    default: 5_000,
    description: 'milliseconds after SIGTERM until the process exits even with writes in flight',
  }),
  allowedHosts: allowedHostsSetting,
  ...secretSettings,
  logLevel: logLevelSetting,
});
export type ScalerSettings = Type.Static<typeof ScalerSettings>;
