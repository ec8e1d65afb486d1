/** One plain predict request, of either protocol: read, accept, schedule, answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { quote, SluiceError } from '../../contract/errors.ts';
import { headers } from '../../contract/headers.ts';
import type { Protocol } from '../../contract/envelope.ts';
import { traceIdOf } from '../../contract/traceparent.ts';
import { accept, render } from '../accept.ts';
import { decompress } from '../decompress.ts';
import { busyError, type Pod } from '../pod-state.ts';
import type { ModelRequest } from '../model-request.ts';
import type { ServedModel } from '../repository/served-model.ts';
import { header, readBody, sendAnswer, sendError, toSluiceError, type ErrorLog } from './http.ts';

/** Longest that a request may wait where its client sets no limit. */
const defaultTimeoutMs = 300_000;

export function servePredict(
  pod: Pod,
  log: ErrorLog,
  request: IncomingMessage,
  response: ServerResponse,
  protocol: Protocol,
  name: string,
  version?: string,
): void {
  const arrivedMs = performance.now();
  let held = 0;
  let waiting: ModelRequest | null = null;
  pod.openResponses += 1;
  response.on('close', () => {
    pod.openResponses -= 1;
    if (waiting !== null) pod.scheduler.cancel(waiting);
    pod.staging.release(held);
    held = 0;
  });
  const requestId = header(request, headers.requestId);
  if (requestId !== undefined) response.setHeader(headers.requestId, requestId);
  const traceparent = header(request, headers.traceparent);
  const traceId = traceIdOf(traceparent);
  const refuse = (error: unknown) => {
    const known = toSluiceError(error, log, { requestId, traceId });
    // What was not read of the body would be taken for the next request.
    sendError(response, known, request.complete ? {} : { connection: 'close' });
  };

  let model: ServedModel;
  let deadlineMs: number;
  try {
    deadlineMs = arrivedMs + timeoutOf(request);
    model = pod.models.find(name, version);
  } catch (error) {
    refuse(error);
    return;
  }

  const submit = (body: Buffer) => {
    const parseStartedMs = performance.now();
    try {
      const accepted = accept(model, protocol, {
        body,
        contentType: request.headers['content-type'],
        inferenceHeaderLength: header(request, headers.inferenceHeaderLength),
      });
      const submitted: ModelRequest = {
        model,
        inputs: accepted.inputs,
        rows: accepted.rows,
        arrivedMs,
        deadlineMs,
        parseUs: (performance.now() - parseStartedMs) * 1000,
        requestId,
        traceId,
        runs: [],
        tracked: null,
        done: (outcome) => {
          waiting = null;
          pod.tracing?.answered(submitted, traceparent, outcome.kind === 'failed' ? outcome.error.code : null);
          if (outcome.kind === 'failed') {
            refuse(outcome.error);
            return;
          }
          try {
            sendAnswer(response, 200, render(accepted, outcome.outputs));
          } catch (error) {
            refuse(error);
          }
        },
      };
      waiting = submitted;
      pod.scheduler.submit(submitted);
    } catch (error) {
      refuse(error);
    }
  };

  readBody(request, pod.maxBodyBytes, (error, body) => {
    if (error !== null) {
      refuse(error);
      return;
    }
    if (!pod.staging.tryHold(body.length)) {
      refuse(busyError(pod));
      return;
    }
    held = body.length;
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined) {
      submit(body);
      return;
    }
    decompress(body, encoding, pod.maxBodyBytes)
      .then((plain) => {
        if (response.destroyed) return;
        // Only one of the two is held: the compressed one is not needed any more.
        pod.staging.release(held);
        held = 0;
        if (!pod.staging.tryHold(plain.length)) {
          refuse(busyError(pod));
          return;
        }
        held = plain.length;
        submit(plain);
      })
      .catch(refuse);
  });
}

function timeoutOf(request: IncomingMessage): number {
  const value = header(request, headers.timeoutMs);
  if (value === undefined) return defaultTimeoutMs;
  const timeoutMs = Number(value);
  if (value.trim() !== '' && timeoutMs > 0 && Number.isFinite(timeoutMs)) return timeoutMs;
  throw new SluiceError('invalid-header', `${headers.timeoutMs}: must be a number over 0, was: ${quote(value)}`);
}
