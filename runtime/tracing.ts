/** Opens the OpenTelemetry SDK that was preloaded into a process (docs/tracing.md), and continues a caller's trace. */
import { ROOT_CONTEXT, trace, type Context, type Tracer, type TracerProvider } from '@opentelemetry/api';
import { parseTraceparent } from '../contract/traceparent.ts';

/** @returns null where no SDK has registered itself */
export function openTracer(version: string): Tracer | null {
  // The API hands out a stand-in until an SDK registers; only the stand-in has this method, and it tells whether one has.
  const provider = trace.getTracerProvider() as TracerProvider & {
    getDelegateTracer?: (name: string, version: string) => Tracer | undefined;
  };
  if (provider.getDelegateTracer === undefined) return trace.getTracer('sluice', version);
  return provider.getDelegateTracer('sluice', version) ?? null;
}

/**
 * The context in which spans become children of the caller's span.
 * @param traceparent as the caller sent it; an absent or invalid one begins a new trace
 */
export function callerContext(traceparent: string | undefined): Context {
  const parent = parseTraceparent(traceparent);
  if (parent === null) return ROOT_CONTEXT;
  const { traceId, spanId, flags } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags, isRemote: true });
}
