/** Spans of runs, where an OpenTelemetry SDK was preloaded into the process (docs/tracing.md). */
import { SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import { callerContext, openTracer } from '../runtime/tracing.ts';
import type { ModelRequest } from './model-request.ts';

/** @returns null where no SDK has registered itself */
export function openRunTracing(version: string): RunTracing | null {
  const tracer = openTracer(version);
  return tracer === null ? null : new RunTracing(tracer);
}

export class RunTracing {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /**
   * A span `sluice.run` for each run that the request was part of, from the run's start to the answer.
   * @param traceparent the caller's header, valid or not
   * @param failed why there is no result; null where there is one
   */
  answered(request: ModelRequest, traceparent: string | undefined, failed: string | null): void {
    const { model, runs, arrivedMs, requestId = '' } = request;
    const context = callerContext(traceparent);
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
