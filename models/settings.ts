/** Settings of a model server process. */
import Type from 'typebox';

const mebibyte = 1024 * 1024;

export const ModelServerSettings = Type.Object({
  repository: Type.String({ minLength: 1, description: 'folder of models: <model>/<version>/model.onnx' }),
  models: Type.Optional(
    Type.String({ description: 'comma-separated names to serve; all of the repository without it' }),
  ),
  host: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  port: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 8000,
    description: 'port to listen on; 0 picks a free one',
  }),
  podUid: Type.Optional(Type.String({ minLength: 1, description: 'identity of this pod; random without it' })),
  podName: Type.Optional(
    Type.String({ minLength: 1, description: 'name of this pod in answers and logs; the host name without it' }),
  ),
  maxRows: Type.Integer({ minimum: 1, default: 64, description: 'most rows of one run; 1 switches batching off' }),
  maxRequestRows: Type.Integer({ minimum: 1, default: 1024, description: 'most rows of one request' }),
  maxBodyBytes: Type.Integer({
    minimum: 1,
    default: 64 * mebibyte,
    description: 'largest body of one request, decompressed',
  }),
  maxStagedBytes: Type.Integer({
    minimum: 1,
    default: 256 * mebibyte,
    description: 'most bytes of requests held at once; beyond, the answer is busy',
  }),
  runLimitMs: Type.Integer({ minimum: 1, default: 60_000, description: 'a run that takes longer ends the process' }),
  startDelayMs: Type.Integer({
    minimum: 0,
    default: 0,
    description: 'wait this long before loading models (for tests of cold starts)',
  }),
  drainDelayMs: Type.Integer({
    minimum: 0,
    default: 0,
    description: 'after SIGTERM keep accepting this long, saying "draining"',
  }),
  graceMs: Type.Integer({
    minimum: 0,
    default: 30_000,
    description: 'after SIGTERM exit within this time, whatever is in flight',
  }),
  logLevel: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
    default: 'info',
    description: 'least severe level that is logged',
  }),
});
export type ModelServerSettings = Type.Static<typeof ModelServerSettings>;
