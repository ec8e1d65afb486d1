/**
 * POST …/infer (Open Inference Protocol v2) and POST /v1/models/M:predict (KServe V1). Bodies are submitted as bytes, and
 * what a pod made of them comes back as bytes: nothing here looks inside a tensor.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Protocol } from '../../contract/envelope.ts';
import { errorBody, SluiceError } from '../../contract/errors.ts';
import { headers as names } from '../../contract/headers.ts';
import { traceIdOf } from '../../contract/traceparent.ts';
import { refuseForm } from '../../runtime/http/browsers.ts';
import { connectionOf } from '../../runtime/http/connection.ts';
import { sendError } from '../../runtime/http/errors.ts';
import { readBody, type Body } from '../../runtime/http/read-body.ts';
import { requestIdOf, traceparentOf } from '../../runtime/http/request-ids.ts';
import { route } from '../../runtime/http/routes.ts';
import type { ModelPlace, Pools } from '../pools.ts';
import type { RequestOutcome } from '../queue/request.ts';
import { Submissions } from '../submit.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { arrivingPriority, readSchedule } from './schedule.ts';

export interface PredictDeps {
  readonly pools: Pools;
  readonly now: () => number;
  readonly log: Logger;
  readonly newRequestId: () => string;
  readonly tracing: Tracing | null;
  /** Whether the process is ending: answers then ask the client to close its connection. */
  readonly isEnding: () => boolean;
}

const oneWriteBytes = 16 * 1024;

export function predictRoutes(app: FastifyInstance, deps: PredictDeps): void {
  const submissions = new Submissions({ pools: deps.pools, tracing: deps.tracing });

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
    const refuse = (error: unknown, ownTraceparent = traceparent): void => {
      const ids = { requestId: id, traceId: traceIdOf(ownTraceparent) };
      sendError(response, error, { log: deps.log, ids, close: deps.isEnding() });
    };

    const submit = (place: ModelPlace, body: Body): void => {
      const { headers } = message;
      const schedule = readSchedule(headers, body.parts, place.pool.spec.requests);
      const connection = connectionOf(message);
      const answerTurn = connection?.openRequest() ?? 1;
      let answer: Buffer | null = null;
      const cancel = submissions.submit(place, {
        id,
        model,
        version,
        protocol,
        contentType: headers['content-type'],
        contentEncoding: headers['content-encoding'],
        inferenceHeaderLength: single(headers[names.inferenceHeaderLength]),
        traceparent,
        body: body.parts,
        bytes: body.bytes,
        priority: schedule.priority,
        answerRoom: connection,
        answerTurn,
        arrivedAtMs,
        deadlineAtMs: arrivedAtMs + schedule.timeoutMs,
        settle: (outcome, ownTraceparent) => {
          if (outcome.kind === 'error') return refuse(outcome.error, ownTraceparent);
          answer = outcome.body;
          connection?.answerRequest(answer.length);
          connection?.ownAnswer(answer);
          writeAnswer(response, outcome, id, deps.isEnding());
        },
      });
      connection?.cancelAtEnd(cancel);
      response.on('close', () => {
        connection?.closeRequest(answer?.length ?? 0, cancel);
        if (answer !== null && response.writableFinished) connection?.freeAnswer(answer);
        cancel();
      });
    };

    try {
      const place = submissions.find(model);
      refuseForm(message.headers);
      const room = place.room(arrivingPriority(message.headers, place.pool.spec.requests));
      readBody(message, room, (error, body) => {
        if (error !== null) return refuse(error);
        try {
          submit(place, body);
        } catch (cause) {
          refuse(cause);
        }
      });
    } catch (error) {
      refuse(error);
    }
  };

  route(app, '/v2/models/:model/infer', {
    right: 'predict',
    hijacks: ['POST'],
    POST: (request, reply) => predict(request, reply, 'oip', param(request, 'model'), undefined),
  });
  route(app, '/v2/models/:model/versions/:version/infer', {
    right: 'predict',
    hijacks: ['POST'],
    POST: (request, reply) => predict(request, reply, 'oip', param(request, 'model'), param(request, 'version')),
  });
  route(app, '/v1/models/:target', {
    right: { GET: 'observe', POST: 'predict' },
    hijacks: ['POST'],
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

/** Readiness of a model, as KServe V1 has it. */
function modelStatus(pools: Pools, model: string, reply: FastifyReply): void {
  const { pool } = pools.find(model);
  const ready = pool.endpoints.forModel(model, undefined) !== undefined;
  void reply.code(ready ? 200 : 503).send({ name: model, ready });
}

function writeAnswer(
  response: ServerResponse,
  outcome: RequestOutcome & { kind: 'answer' },
  id: string,
  close: boolean,
): void {
  const { body } = outcome;
  // Foreign servers may answer without a body, but clients parse every error.
  const bytes = body.length === 0 && outcome.status >= 400 ? errorBody(`the pod answered ${outcome.status}`) : body;
  const headers = ['content-type', outcome.contentType, 'content-length', String(bytes.length)];
  if (outcome.inferenceHeaderLength !== undefined) {
    headers.push(names.inferenceHeaderLength, String(outcome.inferenceHeaderLength));
  }
  headers.push(names.requestId, id, names.pod, outcome.pod);
  if (outcome.runRows !== undefined) headers.push(names.batch, String(outcome.runRows));
  if (outcome.retryAfter !== undefined) headers.push('retry-after', outcome.retryAfter);
  else if (outcome.status === 503) headers.push('retry-after', '1');
  if (close) headers.push('connection', 'close');
  response.writeHead(outcome.status, headers);
  // Node joins head and body into one write if the body is a string; latin1 keeps each byte as it is. Beyond this size the
  // copy costs more than a second write.
  if (bytes.length <= oneWriteBytes) response.end(bytes.toString('latin1'), 'latin1');
  else response.end(bytes);
}

function param(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string>)[name] ?? '';
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
