/** Settings of a gateway process. */
import Type from 'typebox';
import {
  hostSetting,
  logLevelSetting,
  namespaceSetting,
  portSetting,
  secretSettings,
} from '../contract/shared-settings.ts';
import { allowedHostsSetting, httpSettings } from '../runtime/http/http-settings.ts';

export const GatewaySettings = Type.Object({
  host: hostSetting,
  port: portSetting(8080, 'port for predict requests'),
  adminPort: portSetting(8081, 'port for metrics and health checks'),
  pools: Type.Optional(
    Type.String({ description: 'YAML file of ModelPools; required unless a cluster or supervisor provides the pools' }),
  ),
  cluster: Type.Enum(['local', 'kubernetes'], {
    default: 'local',
    description: 'source of pools and pods: local is a file or supervisor, kubernetes is the API server',
  }),
  namespace: namespaceSetting,
  viewFile: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'file that keeps the last view of a Kubernetes cluster, to start from while its API server is away; none is kept without',
    }),
  ),
  podName: Type.Optional(
    Type.String({ minLength: 1, description: 'name of this gateway in load reports; defaults to the host name' }),
  ),
  drainDelayMs: Type.Integer({
    minimum: 0,
    default: 0,
    description: 'milliseconds to keep accepting requests after SIGTERM, while reporting not ready',
  }),
  graceMs: Type.Integer({
    minimum: 0,
    default: 35_000,
    description: 'milliseconds after SIGTERM until the process exits even with requests in flight',
  }),
  ...httpSettings,
  allowedHosts: allowedHostsSetting,
  ...secretSettings,
  logLevel: logLevelSetting,
});
export type GatewaySettings = Type.Static<typeof GatewaySettings>;
