/** Settings of a gateway process. */
import Type from 'typebox';

export const GatewaySettings = Type.Object({
  host: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  port: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 8080,
    description: 'port for predict requests; 0 picks a free one',
  }),
  adminPort: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 8081,
    description: 'port for metrics and liveness; 0 picks a free one',
  }),
  pools: Type.Optional(Type.String({ description: 'YAML file of ModelPools; needed where no cluster gives them' })),
  cluster: Type.Enum(['local', 'kubernetes'], {
    default: 'local',
    description: 'who knows pools and pods: a file or a supervisor, or the API server of Kubernetes',
  }),
  namespace: Type.Optional(
    Type.String({ minLength: 1, description: 'of pools and pods in Kubernetes; that of the credentials without it' }),
  ),
  podName: Type.Optional(
    Type.String({ minLength: 1, description: 'name of this gateway in load reports; the host name without it' }),
  ),
  drainDelayMs: Type.Integer({
    minimum: 0,
    default: 0,
    description: 'after SIGTERM keep accepting this long, saying not ready',
  }),
  graceMs: Type.Integer({
    minimum: 0,
    default: 35_000,
    description: 'after SIGTERM exit within this time, whatever is in flight',
  }),
  logLevel: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
    default: 'info',
    description: 'least severe level that is logged',
  }),
});
export type GatewaySettings = Type.Static<typeof GatewaySettings>;
