/**
 * Spans of runs, for an OpenTelemetry SDK that was preloaded into the process (docs/tracing.md). The only importer of its
 * API here. Without an SDK there is no RunTracing.
 */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Tracer, type TracerProvider } from '@opentelemetry/api';
import { parseTraceparent } from '../contract/traceparent.ts';
import type { ModelRequest } from './scheduler.ts';

/** @returns null where no SDK has registered itself */
export function openRunTracing(version: string): RunTracing | null {
  // The API stands in for a provider that is registered later; whether there is one it tells by this alone.
  const provider = trace.getTracerProvider() as TracerProvider & {
    getDelegateTracer?: (name: string, version: string) => Tracer | undefined;
  };
  if (provider.getDelegateTracer === undefined) return new RunTracing(trace.getTracer('sluice', version));
  const tracer = provider.getDelegateTracer('sluice', version);
  return tracer === undefined ? null : new RunTracing(tracer);
}

export class RunTracing {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /**
   * A span `sluice.run` for each run that the request was part of, from the run's start to the answer.
   * @param traceparent of the caller, valid or not
   * @param failed why there is no result; null where there is one
   */
  answered(request: ModelRequest, traceparent: string | undefined, failed: string | null): void {
    const { model, runs, arrivedMs, requestId = '' } = request;
    const parent = parseTraceparent(traceparent);
    const context =
      parent === null
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, {
            traceId: parent.traceId,
            spanId: parent.spanId,
            traceFlags: parent.flags,
            isRemote: true,
          });
    for (const { run, rows } of runs) {
      const attributes = {
        'sluice.model': model.name,
        'sluice.model.version': model.version,
        'sluice.request_id': requestId,
        'sluice.run.rows': run.rows,
        'sluice.run.own_rows': rows,
        'sluice.run.queue_ms': run.startedMs - arrivedMs,
      };
      const span = this.#tracer.startSpan(
        'sluice.run',
        { kind: SpanKind.SERVER, startTime: run.startedMs, attributes },
        context,
      );
      if (failed !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: failed });
      span.end();
    }
  }
}
