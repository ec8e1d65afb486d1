/** Plain predict requests of either protocol: read, accept, schedule, answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { quote, SluiceError } from '../../contract/errors.ts';
import { headers } from '../../contract/headers.ts';
import type { Protocol } from '../../contract/envelope.ts';
import { traceIdOf } from '../../contract/traceparent.ts';
import { noSuchPath, sendError, type ErrorLog } from '../../runtime/http/errors.ts';
import { readBody, type BodyRoom } from '../../runtime/http/read-body.ts';
import { requestIdOf, traceparentOf } from '../../runtime/http/request-ids.ts';
import { route } from '../../runtime/http/routes.ts';
import { accept, clientOutputs, convertInputs, convertOutputs, render, type Accepted } from '../accept.ts';
import { isHeavyAnswer, isHeavyBody } from '../bodies/heavy.ts';
import { bodyTooLargeError, busyError, finishingError, type PodState } from '../pod-state.ts';
import type { Answer, RequestBody } from '../protocol/call.ts';
import type { ModelRequest } from '../model-request.ts';
import type { ServedModel } from '../repository/served-model.ts';
import type { Tensors } from '../tensor.ts';

/** Time that a request may take where its client sets no limit. */
const defaultTimeoutMs = 300_000;

interface Params {
  readonly model: string;
  readonly version?: string;
}

const predictVerb = ':predict';

export function predictRoutes(app: FastifyInstance, pod: PodState, log: ErrorLog): void {
  for (const model of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    route(app, `${model}/infer`, {
      right: 'predict',
      POST: (request, reply) => {
        reply.hijack();
        const { model, version } = request.params as Params;
        servePredict(
          { pod, log, request: request.raw, response: reply.raw },
          { protocol: 'oip', name: model, version },
        );
      },
    });
  }
  // In KServe V1 the name of the model and the verb share a segment of the path.
  route(app, '/v1/models/:model', {
    right: { GET: 'observe', POST: 'predict' },
    GET: (request, reply) => {
      const { name } = pod.models.find((request.params as Params).model);
      return reply.send({ name, ready: true });
    },
    POST: (request, reply) => {
      const { model: target } = request.params as Params;
      if (!target.endsWith(predictVerb)) throw noSuchPath(request.method, request.url);
      reply.hijack();
      const name = target.slice(0, -predictVerb.length);
      servePredict({ pod, log, request: request.raw, response: reply.raw }, { protocol: 'v1', name });
    },
  });
}

interface Exchange {
  readonly pod: PodState;
  readonly log: ErrorLog;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface PredictTarget {
  readonly protocol: Protocol;
  readonly name: string;
  readonly version?: string | undefined;
}

function servePredict({ pod, log, request, response }: Exchange, { protocol, name, version }: PredictTarget): void {
  const arrivedMs = performance.now();
  let held = 0;
  let used: ServedModel | null = null;
  let waiting: ModelRequest | null = null;
  /** Stops the body while it waits to be read beside the event loop; null where it doesn't. */
  let reading: AbortController | null = null;
  const requestId = requestIdOf(request);
  if (requestId !== undefined) response.setHeader(headers.requestId, requestId);
  const traceparent = traceparentOf(request);
  const ids = { requestId, traceId: traceIdOf(traceparent) };
  if (pod.isFinishing) {
    response.setHeader(headers.notReady, 'true');
    sendError(response, finishingError(), { log, ids });
    return;
  }
  pod.openResponses += 1;
  response.on('close', () => {
    pod.openResponses -= 1;
    reading?.abort();
    if (waiting !== null) pod.scheduler.cancel(waiting);
    pod.staging.release(held);
    held = 0;
    if (used !== null) used.users -= 1;
  });
  const refuse = (error: unknown) => {
    if (error instanceof SluiceError && error.code === 'model-not-ready') response.setHeader(headers.notReady, 'true');
    sendError(response, error, { log, ids });
  };

  let model: ServedModel;
  let deadlineMs: number;
  try {
    deadlineMs = arrivedMs + timeoutOf(request);
    const asked = version ?? header(request, headers.modelVersion);
    used = model = pod.models.find(name, asked, asked === undefined ? undefined : header(request, headers.modelHash));
    used.users += 1;
  } catch (error) {
    refuse(error);
    return;
  }

  const send = (accepted: Accepted, computed: Tensors) => {
    try {
      const outputs = clientOutputs(accepted, computed);
      if (!isHeavyAnswer(accepted.call, outputs)) {
        sendAnswer(response, 200, render(accepted, outputs));
        return;
      }
      pod.bodies.write(accepted, outputs, (error, answer) => {
        if (response.destroyed) return;
        if (answer === null) refuse(error);
        else sendAnswer(response, 200, answer);
      });
    } catch (error) {
      refuse(error);
    }
  };

  const submit = (accepted: Accepted, inputs: Tensors, parseStartedMs: number) => {
    const submitted: ModelRequest = {
      model,
      inputs,
      rows: accepted.rows,
      arrivedMs,
      deadlineMs,
      parseUs: (performance.now() - parseStartedMs) * 1000,
      ...ids,
      runs: [],
      tracked: null,
      done: (outcome) => {
        waiting = null;
        pod.tracing?.answered(submitted, traceparent, outcome.kind === 'failed' ? outcome.error.code : null);
        if (outcome.kind === 'failed') {
          refuse(outcome.error);
        } else if (accepted.transform === null) {
          send(accepted, outcome.outputs);
        } else {
          convertOutputs(accepted, outcome.outputs, (error, outputs) => {
            if (response.destroyed) return;
            if (error === null) send(accepted, outputs);
            else refuse(error);
          });
        }
      },
    };
    waiting = submitted;
    pod.scheduler.submit(submitted);
  };

  const proceed = (accepted: Accepted, parseStartedMs: number) => {
    if (accepted.transform === null) {
      submit(accepted, accepted.call.inputs, parseStartedMs);
      return;
    }
    convertInputs(accepted, (error, inputs) => {
      if (response.destroyed) return;
      if (error !== null) {
        refuse(error);
        return;
      }
      try {
        submit(accepted, inputs, performance.now());
      } catch (defect) {
        refuse(defect);
      }
    });
  };

  const readBeside = (body: RequestBody, owned: boolean) => {
    reading = new AbortController();
    const contentEncoding = request.headers['content-encoding'];
    const { signal } = reading;
    pod.bodies.read({ model, protocol, request: body, contentEncoding, owned, deadlineMs, signal }, (error, read) => {
      if (read === null) {
        refuse(error);
        return;
      }
      // The body is not needed any more: its reservation makes room for that of its tensors.
      pod.staging.release(held);
      held = 0;
      if (!pod.staging.tryHold(read.bytes)) {
        refuse(busyError(pod));
        return;
      }
      held = read.bytes;
      try {
        proceed(read.accepted, performance.now() - read.tookMs);
      } catch (defect) {
        refuse(defect);
      }
    });
  };

  readBody(request, roomOf(pod), (error, { parts, bytes }) => {
    if (error !== null) {
      refuse(error);
      return;
    }
    if (!pod.staging.tryHold(bytes)) {
      refuse(busyError(pod));
      return;
    }
    held = bytes;
    const body: RequestBody = {
      body: parts.length === 1 ? parts[0]! : Buffer.concat(parts, bytes),
      contentType: request.headers['content-type'],
      inferenceHeaderLength: header(request, headers.inferenceHeaderLength),
    };
    const isCompressed = request.headers['content-encoding'] !== undefined;
    try {
      if (isCompressed || isHeavyBody(body, protocol, model.surfaces)) {
        readBeside(body, parts.length > 1);
        return;
      }
      const parseStartedMs = performance.now();
      proceed(accept(model, protocol, body), parseStartedMs);
    } catch (error) {
      refuse(error);
    }
  });
}

/** Bounds each body by the pod's limit; the staging area counts it once it is whole. */
function roomOf(pod: PodState): BodyRoom {
  const check = (bodyBytes: number): void => {
    if (bodyBytes > pod.maxBodyBytes) throw bodyTooLargeError(pod, bodyBytes);
  };
  return { check, reserve: check, release: () => undefined };
}

function timeoutOf(request: IncomingMessage): number {
  const value = header(request, headers.timeoutMs);
  if (value === undefined) return defaultTimeoutMs;
  const timeoutMs = Number(value);
  if (value.trim() !== '' && timeoutMs > 0 && Number.isFinite(timeoutMs)) return timeoutMs;
  throw new SluiceError('invalid-header', `${headers.timeoutMs}: must be a number over 0, was: ${quote(value)}`);
}

function sendAnswer(response: ServerResponse, status: number, answer: Answer): void {
  let length = 0;
  for (const part of answer.body) length += part.length;
  const fields: Record<string, string | number> = { 'content-type': answer.contentType, 'content-length': length };
  if (answer.inferenceHeaderLength !== undefined) {
    fields[headers.inferenceHeaderLength] = answer.inferenceHeaderLength;
  }
  response.writeHead(status, fields);
  if (answer.body.length === 1) {
    response.end(answer.body[0]);
    return;
  }
  response.cork();
  for (const part of answer.body) response.write(part);
  response.end();
  response.uncork();
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
