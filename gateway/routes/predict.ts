/**
 * POST …/infer (Open Inference Protocol v2) and POST /v1/models/M:predict (KServe V1): a body goes into the queue of its
 * model as bytes, and what a pod made of it comes back as bytes. Nothing here looks inside a tensor.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Protocol } from '../../contract/envelope.ts';
import { errorBody, SluiceError } from '../../contract/errors.ts';
import { headers as names } from '../../contract/headers.ts';
import { traceIdOf } from '../../contract/traceparent.ts';
import { sendError } from '../../runtime/http/errors.ts';
import { readBody, type Body } from '../../runtime/http/read-body.ts';
import { requestIdOf, traceparentOf } from '../../runtime/http/request-ids.ts';
import { route } from '../../runtime/http/routes.ts';
import type { Pools } from '../pools.ts';
import type { RequestOutcome, PendingRequest } from '../queue/request.ts';
import type { RequestTrace, Tracing } from '../telemetry/tracing.ts';
import { readSchedule } from './schedule.ts';

export interface PredictDeps {
  readonly pools: Pools;
  readonly now: () => number;
  readonly log: Logger;
  readonly newRequestId: () => string;
  readonly tracing: Tracing | null;
  /** Once the process is ending, answers ask the client to close its connection. */
  readonly isEnding: () => boolean;
}

const oneWriteBytes = 16 * 1024;

export function predictRoutes(app: FastifyInstance, deps: PredictDeps): void {
  let sequence = 0;

  const predict = (
    request: FastifyRequest,
    reply: FastifyReply,
    protocol: Protocol,
    model: string,
    version: string | undefined,
  ): void => {
    reply.hijack();
    const { raw: message } = request;
    const { raw: response } = reply;
    const arrivedAtMs = deps.now();
    const id = requestIdOf(message) ?? deps.newRequestId();
    const traceparent = traceparentOf(message);
    let traced: RequestTrace | null = null;
    const refuse = (error: unknown): void => {
      const ids = { requestId: id, traceId: traceIdOf(traced?.traceparent ?? traceparent) };
      const status = sendError(response, error, { log: deps.log, ids, close: deps.isEnding() });
      traced?.end(status);
    };

    const queue = (body: Body): void => {
      const { pool, modelQueue } = deps.pools.find(model);
      const schedule = readSchedule(message.headers, body.parts, pool.spec.requests.timeoutMs);
      const { headers } = message;
      traced = deps.tracing?.begin({ id, model, pool: pool.name, traceparent, arrivedAtMs }) ?? null;
      const trace = traced;
      const pending: PendingRequest = pool.accept(modelQueue, {
        id,
        model,
        version,
        protocol,
        contentType: headers['content-type'],
        contentEncoding: headers['content-encoding'],
        inferenceHeaderLength: single(headers[names.inferenceHeaderLength]),
        traceparent: trace?.traceparent ?? traceparent,
        trace,
        body: body.parts,
        bytes: body.bytes,
        priority: schedule.priority,
        arrivedAtMs,
        deadlineAtMs: arrivedAtMs + schedule.timeoutMs,
        sequence: (sequence += 1),
        settle: (outcome) => {
          if (outcome.kind === 'error') return refuse(outcome.error);
          writeAnswer(response, outcome, id, deps.isEnding());
          trace?.end(outcome.status);
        },
      });
      response.on('close', () => {
        pool.cancel(pending);
        trace?.end(null);
      });
    };

    try {
      const { pool, modelQueue } = deps.pools.find(model);
      const room = {
        reserve: (reserved: number, more: number) => pool.reserve(modelQueue, reserved, more),
        release: (bytes: number) => pool.unreserve(bytes),
      };
      readBody(message, room, (error, body) => {
        if (error !== null) return refuse(error);
        try {
          queue(body);
        } catch (cause) {
          refuse(cause);
        }
      });
    } catch (error) {
      refuse(error);
    }
  };

  route(app, '/v2/models/:model/infer', {
    POST: (request, reply) => predict(request, reply, 'oip', param(request, 'model'), undefined),
  });
  route(app, '/v2/models/:model/versions/:version/infer', {
    POST: (request, reply) => predict(request, reply, 'oip', param(request, 'model'), param(request, 'version')),
  });
  route(app, '/v1/models/:target', {
    POST: (request, reply) => {
      const target = param(request, 'target');
      if (!target.endsWith(':predict')) {
        reply.hijack();
        const action = target.includes(':') ? `no action '${target.slice(target.lastIndexOf(':'))}'` : 'no action';
        const error = new SluiceError('route-not-found', `${action}: POST /v1/models/<model>:predict`);
        const requestId = requestIdOf(request.raw) ?? deps.newRequestId();
        const ids = { requestId, traceId: traceIdOf(traceparentOf(request.raw)) };
        return void sendError(reply.raw, error, { log: deps.log, ids, close: deps.isEnding() });
      }
      predict(request, reply, 'v1', target.slice(0, -':predict'.length), undefined);
    },
    GET: (request, reply) => modelStatus(deps.pools, param(request, 'target'), reply),
  });
}

/** KServe V1: whether a model is ready. */
function modelStatus(pools: Pools, model: string, reply: FastifyReply): void {
  const { pool } = pools.find(model);
  const ready = pool.endpoints.forModel(model) !== undefined;
  void reply.code(ready ? 200 : 503).send({ name: model, ready });
}

function writeAnswer(
  response: ServerResponse,
  outcome: RequestOutcome & { kind: 'answer' },
  id: string,
  close: boolean,
): void {
  const { body } = outcome;
  // A pod never answers without a body; a foreign server may, and clients parse every error.
  const bytes = body.length === 0 && outcome.status >= 400 ? errorBody(`the pod answered ${outcome.status}`) : body;
  const headers = ['content-type', outcome.contentType, 'content-length', String(bytes.length)];
  if (outcome.inferenceHeaderLength !== undefined) {
    headers.push(names.inferenceHeaderLength, String(outcome.inferenceHeaderLength));
  }
  headers.push(names.requestId, id, names.pod, outcome.pod);
  if (outcome.runRows !== undefined) headers.push(names.batch, String(outcome.runRows));
  if (outcome.status === 503) headers.push('retry-after', '1');
  if (close) headers.push('connection', 'close');
  response.writeHead(outcome.status, headers);
  // Node joins head and body into one write where the body is a string, and as latin1 each byte stays what it is;
  // beyond this size the copy costs more than the second buffer.
  if (bytes.length <= oneWriteBytes) response.end(bytes.toString('latin1'), 'latin1');
  else response.end(bytes);
}

function param(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string>)[name] ?? '';
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
