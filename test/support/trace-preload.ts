/** Preloaded into each process of a system: an OpenTelemetry SDK that writes its spans to $TRACE_FILE, a line each. */
import { appendFileSync } from 'node:fs';
import { trace } from '@opentelemetry/api';
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base';

/** A span as the file has it. */
export interface WrittenSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly ms: number;
}

const file = process.env['TRACE_FILE'];
if (file !== undefined) {
  const provider = new BasicTracerProvider({
    spanProcessors: [
      {
        onStart: () => undefined,
        onEnd: (span) => appendFileSync(file, `${JSON.stringify(written(span))}\n`),
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve(),
      },
    ],
  });
  trace.setGlobalTracerProvider(provider);
}

function written(span: ReadableSpan): WrittenSpan {
  const { traceId, spanId } = span.spanContext();
  const [seconds, nanoseconds] = span.duration;
  return {
    name: span.name,
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId ?? null,
    attributes: span.attributes,
    ms: seconds * 1000 + nanoseconds / 1e6,
  };
}
