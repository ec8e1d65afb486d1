/** The paths for gateways, scaler and operators: the pod's status, its drain and its metrics. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { quote, SluiceError } from '../../contract/errors.ts';
import { paths } from '../../contract/headers.ts';
import { route } from '../../runtime/http/routes.ts';
import type { ModelMetrics } from '../metrics.ts';
import type { PodState } from '../pod-state.ts';
import { maxTtlMs, unknownHolder, type LeaseHolder } from '../policy/drain-lease.ts';

export function controlRoutes(app: FastifyInstance, pod: PodState, metrics: ModelMetrics): void {
  route(app, paths.podStatus, { right: 'observe', GET: (_request, reply) => reply.send(pod.status()) });
  route(app, paths.drain, {
    right: 'operate',
    POST: (request, reply) => {
      const ttlMs = wholeNumber(request, 'ttlMs', { least: 1, otherwise: maxTtlMs });
      pod.drain.hold({ ...(holderOf(request) ?? { holder: unknownHolder, generation: 0 }), ttlMs });
      return reply.send(pod.status());
    },
    DELETE: (request, reply) => {
      pod.drain.release(holderOf(request));
      return reply.send(pod.status());
    },
  });
  route(app, '/metrics', {
    right: 'observe',
    GET: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  });
}

/** Printable ASCII, since the holder is shown in logs, events and on the page. */
const holderForm = /^[\x20-\x7e]{1,200}$/;

/** Holder that the query names; null if it names none. */
function holderOf(request: FastifyRequest): LeaseHolder | null {
  const { holder } = request.query as Record<string, unknown>;
  if (holder === undefined) return null;
  if (typeof holder !== 'string' || !holderForm.test(holder)) {
    throw new SluiceError('invalid-request', `holder: must be 1 to 200 printable characters, was: ${quote(holder)}`);
  }
  return { holder, generation: wholeNumber(request, 'generation', { least: 0, otherwise: 0 }) };
}

function wholeNumber(
  request: FastifyRequest,
  name: string,
  { least, otherwise }: { readonly least: number; readonly otherwise: number },
): number {
  const text = (request.query as Record<string, unknown>)[name];
  if (text === undefined) return otherwise;
  const value = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= least) return value;
  throw new SluiceError('invalid-request', `${name}: must be a whole number of at least ${least}, was: ${quote(text)}`);
}
