/** Settings of a model server process. */
import Type from 'typebox';
import { hostSetting, logLevelSetting, portSetting, secretSettings } from '../contract/shared-settings.ts';

const mebibyte = 1024 * 1024;

export const ModelServerSettings = Type.Object({
  repository: Type.String({ minLength: 1, description: 'folder of models: <model>/<version>/model.onnx' }),
  models: Type.Optional(
    Type.String({ description: 'comma-separated names of the models to serve; defaults to the whole repository' }),
  ),
  requiredModels: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        "comma-separated names of the models without which the pod is not ready; defaults to those of --models; 'none' for none",
    }),
  ),
  host: hostSetting,
  port: portSetting(8000, 'port to listen on'),
  podUid: Type.Optional(Type.String({ minLength: 1, description: 'unique id of this pod; defaults to a random one' })),
  podName: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'name of this pod in response headers and logs; defaults to the host name',
    }),
  ),
  maxRows: Type.Integer({ minimum: 1, default: 64, description: 'maximum rows per model run; 1 disables batching' }),
  maxRequestRows: Type.Integer({ minimum: 1, default: 131_072, description: 'maximum rows per request' }),
  maxBodyBytes: Type.Integer({
    minimum: 1,
    default: 64 * mebibyte,
    description: 'maximum size of one request body after decompression, in bytes',
  }),
  maxStagedBytes: Type.Integer({
    minimum: 1,
    default: 256 * mebibyte,
    description: 'maximum bytes of requests held at once; further requests are answered busy',
  }),
  runLimitMs: Type.Integer({
    minimum: 1,
    default: 60_000,
    description: 'milliseconds after which an unfinished model run ends the process',
  }),
  bodyCpuLimitMs: Type.Integer({
    minimum: 1,
    default: 10_000,
    description: 'milliseconds of CPU time that reading one large body, or writing one large answer, may take',
  }),
  watchCpuShare: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.01,
    description:
      'share of CPU time in which batched requests are run again alone, to see that answers agree; 0 for never',
  }),
  verdictFolder: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        "folder that keeps proofs of batching for later starts; 'none' for none; defaults to the user's cache folder",
    }),
  ),
  lastExit: Type.Optional(
    Type.String({
      description:
        "how this pod's process before ended, in its supervisor's words; one that was killed by SIGKILL did not end by what it loaded",
    }),
  ),
  repositoryPollMs: Type.Integer({
    minimum: 0,
    default: 5_000,
    description: 'milliseconds between two looks for changes of the repository; 0 for none after the start',
  }),
  startDelayMs: Type.Integer({
    minimum: 0,
    default: 0,
    description: 'milliseconds to wait before loading models, to test cold starts',
  }),
  drainDelayMs: Type.Integer({
    minimum: 0,
    default: 0,
    description: 'milliseconds to keep accepting requests after SIGTERM, while reporting draining',
  }),
  graceMs: Type.Integer({
    minimum: 0,
    default: 30_000,
    description: 'milliseconds after SIGTERM until the process exits even with requests in flight',
  }),
  ...secretSettings,
  logLevel: logLevelSetting,
});
export type ModelServerSettings = Type.Static<typeof ModelServerSettings>;
