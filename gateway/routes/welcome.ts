/** `GET /`: what a person reads who opens the gateway's address in a browser. Plain text, for a terminal too. */
import type { FastifyInstance } from 'fastify';
import { route } from '../../runtime/http/routes.ts';

export interface Welcome {
  readonly version: string;
  /** Names of the models that are answered now. */
  readonly models: readonly string[];
}

const shownModels = 20;

export function welcomeRoute(app: FastifyInstance, read: () => Welcome): void {
  route(app, '/', {
    right: 'observe',
    GET: (_request, reply) => {
      void reply
        .header('content-type', 'text/plain; charset=utf-8')
        .header('cache-control', 'no-store')
        .send(welcomeText(read()));
    },
  });
}

export function welcomeText({ version, models }: Welcome): string {
  const shown = models.slice(0, shownModels).map((name) => `  ${name}`);
  if (models.length > shownModels) shown.push(`  and ${models.length - shownModels} more: GET /v1/models`);
  return [
    `This is Sluice ${version}, an inference gateway. It answers programs; here is what they ask it.`,
    '',
    models.length === 0 ? 'No model answers now.' : 'Models that answer now:',
    ...shown,
    '',
    'GET  /v1/models                the names of all models that answer',
    'GET  /v2/models/MODEL          inputs and outputs of a model',
    'POST /v2/models/MODEL/infer    a prediction, Open Inference Protocol v2',
    'POST /v1/models/MODEL:predict  a prediction, KServe V1',
    'GET  /v2/health/ready          whether every pool is served',
    '',
    'The live page is at the port of the scaler, 8082 unless it was set otherwise.',
    '',
  ].join('\n');
}
