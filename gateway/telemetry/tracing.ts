/**
 * Spans of a request at the gateway, where an OpenTelemetry SDK was preloaded into the process (docs/tracing.md). Without
 * one there is no Tracing, and requests carry no trace of their own.
 *
 *   sluice.request                          from arrival to answer; the client's span is its parent
 *     sluice.queue, again for each try      from the queue to a pod
 *     sluice.envelope, again for each try   out with a pod, whose sluice.run is its child
 */
import { SpanKind, SpanStatusCode, trace, type Context, type Span, type Tracer } from '@opentelemetry/api';
import { formatTraceparent } from '../../contract/traceparent.ts';
import { callerContext, openTracer } from '../../runtime/tracing.ts';

export interface TracedRequest {
  readonly id: string;
  readonly model: string;
  readonly pool: string;
  /** The client's header, where it sent a valid one. */
  readonly traceparent: string | undefined;
  /** Arrival by `performance.now()`. */
  readonly arrivedAtMs: number;
}

/** @returns null where no SDK has registered itself */
export function openTracing(version: string): Tracing | null {
  const tracer = openTracer(version);
  return tracer === null ? null : new Tracing(tracer);
}

export class Tracing {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  begin(request: TracedRequest): RequestTrace {
    const context = callerContext(request.traceparent);
    const attributes = {
      'sluice.pool': request.pool,
      'sluice.model': request.model,
      'sluice.request_id': request.id,
    };
    const options = { kind: SpanKind.SERVER, startTime: request.arrivedAtMs, attributes };
    return new RequestTrace(this.#tracer, this.#tracer.startSpan('sluice.request', options, context), context);
  }
}

/** The trace of one request. Steps are reported in their order; steps after its end are ignored. */
export class RequestTrace {
  readonly #tracer: Tracer;
  readonly #request: Span;
  readonly #context: Context;
  #queue: Span | undefined;
  #envelope: Span | undefined;
  #ended = false;

  constructor(tracer: Tracer, request: Span, parent: Context) {
    this.#tracer = tracer;
    this.#request = request;
    this.#context = trace.setSpan(parent, request);
  }

  get traceparent(): string {
    return traceparentOf(this.#request);
  }

  queued(): void {
    if (!this.#ended) this.#queue ??= this.#tracer.startSpan('sluice.queue', {}, this.#context);
  }

  /** @returns the traceparent that goes to the pod with the request */
  sent(pod: string, requests: number, attempt: number): string {
    this.#queue?.end();
    this.#queue = undefined;
    const attributes = {
      'sluice.pod': pod,
      'sluice.envelope.requests': requests,
      'sluice.attempt': attempt,
    };
    this.#envelope = this.#tracer.startSpan('sluice.envelope', { kind: SpanKind.CLIENT, attributes }, this.#context);
    return traceparentOf(this.#envelope);
  }

  /** @param lost why there is no answer; null where there is one */
  returned(lost: string | null): void {
    if (lost !== null) this.#envelope?.setStatus({ code: SpanStatusCode.ERROR, message: lost });
    this.#envelope?.end();
    this.#envelope = undefined;
  }

  /** @param status the answer's; null: the client has left */
  end(status: number | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue?.end();
    this.#envelope?.end();
    if (status === null) this.#request.setAttribute('sluice.cancelled', true);
    else this.#request.setAttribute('http.response.status_code', status);
    if (status !== null && status >= 500) this.#request.setStatus({ code: SpanStatusCode.ERROR });
    this.#request.end();
  }
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return formatTraceparent({ traceId, spanId, flags: traceFlags });
}
