import { type Span, trace, TraceFlags } from "@opentelemetry/api";
import { FastifyOtelInstrumentation } from "@fastify/otel";
import type { FastifyInstance } from "fastify";

/**
 * A span for each request, named as semantic conventions want it. Loaded only where traces are wanted; to be registered before
 * every route. What is put on spans here is looked at once more before it leaves: paths, which have queries, do not.
 */
export async function spanRequests(app: FastifyInstance): Promise<void> {
  const instrumentation = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    recordExceptions: false,
    ignorePaths: ({ url }) => /^\/(livez|readyz|metrics)$/.test(url),
    requestHook: (span, request) => {
      span.updateName(`${request.method} ${request.routeOptions.url ?? ""}`.trim());
      request.spanParent = traceparentOf(span);
    },
  });
  instrumentation.setTracerProvider(trace.getTracerProvider());
  await app.register(instrumentation.plugin());
}

/** For the calls that the request makes (W3C Trace Context section 3.2). */
function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}`;
}
