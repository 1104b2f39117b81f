import type { Report } from "@postern/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/** What every answer says of itself: its request's id, how fresh it is, and what it took. */
export function describeAnswers(app: FastifyInstance): void {
  app.decorateRequest("identity", null);
  app.decorateRequest("call", null);
  app.decorateRequest("explain", false);
  app.addHook("onSend", (request, reply, _, done) => {
    describeAnswer(request, reply);
    done();
  });
}

/** For answers that are sent before a request reaches any hook, too. */
export function describeAnswer(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header("x-request-id", request.id);
  void reply.header("x-content-type-options", "nosniff");
  const report = request.call?.report;
  if (report) describeReport(reply, report);
  void reply.header("server-timing", serverTiming(report, reply.elapsedTime || 0));
}

function describeReport(reply: FastifyReply, report: Report): void {
  if (report.asOf !== null) void reply.header("postern-as-of", isoTime(report.asOf));
  if (report.stale) void reply.header("postern-stale", "true");
}

let lastTime = { at: Number.NaN, text: "" };

/** Those who share a proof share its time. */
function isoTime(at: number): string {
  if (lastTime.at !== at) lastTime = { at, text: new Date(at).toISOString() };
  return lastTime.text;
}

/** https://www.w3.org/TR/server-timing/ */
function serverTiming(report: Report | undefined, elapsed: number): string {
  const total = `total;dur=${elapsed.toFixed(1)}`;
  if (!report) return total;
  const imap = `imap;dur=${report.imapMs.toFixed(1)};desc="${report.commands} commands, ${report.bytes} octets"`;
  const wait = `wait;dur=${report.waitMs.toFixed(1)}`;
  const cache = `cache;desc="${report.cacheHits} hits, ${report.cacheMisses} misses"`;
  return `${imap}, ${wait}, ${cache}, ${total}`;
}
