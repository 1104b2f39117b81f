import {
  type AnyOperation,
  type Call,
  isFailure,
  type Mail,
  mailOf,
  type OperationName,
  traceIdOf,
} from "@postern/protocol";
import type { Logger } from "@postern/service";
import type { WorkerMetrics } from "./metrics.ts";

/** The same mail, with a log line for each call and its waits and cache counted. */
export function observeMail(mail: Mail, log: Logger, metrics: WorkerMetrics): Mail {
  return mailOf((name) => {
    const perform = mail[name] as AnyOperation;
    return async (input, call, body) => {
      const began = performance.now();
      let failure: string | undefined;
      try {
        return await perform(input, call, body);
      } catch (error) {
        failure = isFailure(error) ? error.code : "internal";
        throw error;
      } finally {
        metrics.called(name, failure);
        metrics.waited(call.report.waitMs);
        metrics.cache(call.report.cacheHits, call.report.cacheMisses);
        log.info(lineOf(name, input, call, Math.round(performance.now() - began), failure), "call");
      }
    };
  });
}

/** What was done for whom and what it took: never what was asked for, which may be somebody's mail. */
function lineOf(operation: OperationName, input: unknown, call: Call, ms: number, failure: string | undefined) {
  const { account } = input as { account?: unknown };
  return {
    operation,
    ...(typeof account === "string" && { account }),
    requestId: call.requestId,
    traceId: traceIdOf(call.traceparent),
    actor: call.actor,
    ms,
    waitMs: Math.round(call.report.waitMs),
    imapCommands: call.report.commands,
    imapBytes: call.report.bytes,
    ...(failure !== undefined && { failure }),
  };
}
