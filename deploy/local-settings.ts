/** Settings of `sluice up`: the whole system on one machine. */
import Type from 'typebox';
import { GatewaySettings } from '../gateway/settings.ts';

const { host, port, adminPort, logLevel } = GatewaySettings.properties;

export const LocalSettings = Type.Object({
  repository: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'folder of models: <model>/<version>/model.onnx; the models that come with Sluice without it',
    }),
  ),
  models: Type.Optional(
    Type.String({ minLength: 1, description: 'comma-separated names to serve; all of the repository without it' }),
  ),
  pools: Type.Optional(
    Type.String({ minLength: 1, description: 'YAML file of ModelPools; without it one pool serves all models' }),
  ),
  pods: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 64,
      description:
        'model-server processes that each pool starts with, and the least of the pool without a file; its minReplicas without it',
    }),
  ),
  host,
  port,
  adminPort,
  scalerPort: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 8082,
    description: "port for the scaler's page, API and metrics; 0 picks a free one",
  }),
  logFormat: Type.Enum(['pretty', 'json'], { default: 'pretty', description: 'how log lines are written' }),
  logLevel,
});
export type LocalSettings = Type.Static<typeof LocalSettings>;
