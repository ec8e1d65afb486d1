/** Settings of a scaler process. */
import Type from 'typebox';

export const ScalerSettings = Type.Object({
  host: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  adminPort: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 8082,
    description: 'port for the page, its API, metrics and liveness; 0 picks a free one',
  }),
  gatewayUrl: Type.Optional(
    Type.String({
      pattern: '^https?://[^/?#]+/?$',
      description: "where clients reach a gateway, `http://host:port`, for the page's form; no form without it",
    }),
  ),
  cluster: Type.Enum(['local', 'kubernetes'], {
    default: 'local',
    description: 'what runs the pods: the supervisor that started this process, or Kubernetes',
  }),
  namespace: Type.Optional(
    Type.String({ minLength: 1, description: 'of pools and pods in Kubernetes; that of the credentials without it' }),
  ),
  leaseName: Type.String({
    pattern: '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$',
    default: 'sluice-scaler',
    description: 'Lease in Kubernetes by which the scalers of a namespace agree who leads',
  }),
  podName: Type.Optional(
    Type.String({ minLength: 1, description: 'name of this scaler in its Lease; the host name without it' }),
  ),
  drainLimitMs: Type.Integer({
    minimum: 0,
    default: 60_000,
    description: "a draining pod goes after this time, or the pool's timeoutMs if longer, whatever it holds",
  }),
  podGraceMs: Type.Integer({
    minimum: 1000,
    default: 90_000,
    description: 'a pod that was told to go and is still there after this time is killed',
  }),
  graceMs: Type.Integer({
    minimum: 0,
    default: 5_000,
    description: 'after SIGTERM exit within this time, whatever is being written',
  }),
  logLevel: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
    default: 'info',
    description: 'least severe level that is logged',
  }),
});
export type ScalerSettings = Type.Static<typeof ScalerSettings>;
