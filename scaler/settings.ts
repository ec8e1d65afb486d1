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
