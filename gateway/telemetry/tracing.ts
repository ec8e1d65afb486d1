/**
 * Spans of a request at the gateway, for an OpenTelemetry SDK that was preloaded into the process (docs/tracing.md). The
 * only importer of its API here. Without an SDK there is no Tracing, and requests carry nothing of it.
 *
 *   sluice.request                          from arrival to answer; the client's span is its parent
 *     sluice.queue, again for each try      from the queue to a pod
 *     sluice.envelope, again for each try   out with a pod, whose sluice.run is its child
 */
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import { formatTraceparent, parseTraceparent } from '../../contract/traceparent.ts';

export interface TracedRequest {
  readonly id: string;
  readonly model: string;
  readonly pool: string;
  /** As the client sent it. */
  readonly traceparent: string | undefined;
  /** As `performance.now()`. */
  readonly arrivedAtMs: number;
}

/** @returns null where no SDK has registered itself */
export function openTracing(version: string): Tracing | null {
  // The API stands in for a provider that is registered later; whether there is one it tells by this alone.
  const provider = trace.getTracerProvider() as TracerProvider & {
    getDelegateTracer?: (name: string, version: string) => Tracer | undefined;
  };
  if (provider.getDelegateTracer === undefined) return new Tracing(trace.getTracer('sluice', version));
  const tracer = provider.getDelegateTracer('sluice', version);
  return tracer === undefined ? null : new Tracing(tracer);
}

export class Tracing {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  begin(request: TracedRequest): RequestTrace {
    const parent = parseTraceparent(request.traceparent);
    const context =
      parent === null
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, {
            traceId: parent.traceId,
            spanId: parent.spanId,
            traceFlags: parent.flags,
            isRemote: true,
          });
    const attributes = {
      'sluice.pool': request.pool,
      'sluice.model': request.model,
      'sluice.request_id': request.id,
    };
    const options = { kind: SpanKind.SERVER, startTime: request.arrivedAtMs, attributes };
    return new RequestTrace(this.#tracer, this.#tracer.startSpan('sluice.request', options, context), context);
  }
}

/** Told of each step in its order; after its end of nothing. */
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

  /** @returns the traceparent that goes with it to the pod */
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

  /** @param status of the answer; null: the client has left */
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
