/** Settings of `sluice up`: the whole system on one machine. */
import Type from 'typebox';
import { portSetting } from '../contract/shared-settings.ts';
import { GatewaySettings } from '../gateway/settings.ts';

const { host, port, adminPort, logLevel, secretFile, secret } = GatewaySettings.properties;

export const LocalSettings = Type.Object({
  repository: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'folder of models, <model>/<version>/model.onnx; defaults to the models that come with Sluice',
    }),
  ),
  models: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'comma-separated names of the models to serve; defaults to the whole repository',
    }),
  ),
  pools: Type.Optional(
    Type.String({ minLength: 1, description: 'YAML file of ModelPools; defaults to one pool that serves all models' }),
  ),
  pods: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 64,
      description:
        'model-server processes that each pool starts with; without --pools also the minimum that the scaler keeps',
    }),
  ),
  host,
  port,
  adminPort,
  scalerPort: portSetting(8082, "port for the scaler's live page, API and metrics"),
  secretFile,
  secret,
  stateFolder: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'folder for what the scaler has learned of days and weeks, and for the versions of models; without it both end with sluice up',
    }),
  ),
  logFormat: Type.Enum(['pretty', 'json'], { default: 'pretty', description: 'log output format' }),
  logLevel,
});
export type LocalSettings = Type.Static<typeof LocalSettings>;
