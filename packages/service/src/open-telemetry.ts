import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { TracesConfig, Tracing } from "./tracing.ts";

/** Loaded by `startTracing` alone, and only where traces are wanted. */
export function openTelemetry({ service, url, sampled, headers }: TracesConfig): Tracing {
  const named = resourceFromAttributes({ "service.name": `postern-${service}`, "service.namespace": "postern" });
  const provider = new TracerProvider({
    resource: detectResources({ detectors: [envDetector] }).merge(named),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampled) }),
    spanProcessors: [new BatchSpanProcessor({ exporter: discreet(new OTLPTraceExporter({ url, headers })) })],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  const tracer = provider.getTracer("postern");
  return {
    within: (name, traceparent, work) => {
      const parent = traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent });
      return tracer.startActiveSpan(name, { kind: SpanKind.SERVER }, parent, async (span) => {
        try {
          return await work((facts) => span.setAttributes(facts));
        } catch (error) {
          span.setStatus({ code: SpanStatusCode.ERROR });
          throw error;
        } finally {
          span.end();
        }
      });
    },
    ended: (name, ms, facts) => {
      // What belongs to no request (keep-alives, logins in advance) would be a trace of its own each time.
      if (trace.getActiveSpan()?.isRecording() === undefined) return;
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, startTime: Date.now() - ms, attributes: facts });
      if (facts["error.type"] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
    bound: () => {
      const open = context.active();
      return (piece) => context.with(open, piece);
    },
    stop: () => provider.shutdown(),
  };
}

const allowed =
  /^(error\.type|http\.(route|request\.method|response\.status_code)|imap\.(command|received_bytes)|postern\.\w+|rpc\.(method|system\.name))$/;

/**
 * Paths with their queries, messages of errors and what else libraries put on spans may be somebody's mail: only what is known
 * not to be goes out.
 */
function discreet(exporter: SpanExporter): SpanExporter {
  const shown = (span: ReadableSpan): ReadableSpan => {
    const attributes = Object.fromEntries(Object.entries(span.attributes).filter(([name]) => allowed.test(name)));
    const own = { attributes, events: [], links: [], status: { code: span.status.code } };
    return Object.create(span, Object.getOwnPropertyDescriptors(own)) as ReadableSpan;
  };
  return {
    export: (spans, done) => exporter.export(spans.map(shown), done),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
