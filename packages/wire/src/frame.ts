import { type Call, newExplained, type Report } from "@postern/protocol";

/**
 * How a call crosses: `POST /mail/{operation}` with `{input, call}`. The answer's body is the output itself, or the octets
 * of a stream, so that neither has to be unpacked on the way; what belongs beside it goes in headers. So does the frame of
 * an upload, whose body is what is uploaded.
 */
export const mailPath = "/mail/";

/** Of a body that is octets. */
export const octetsType = "application/octet-stream";

/** The report as JSON. */
export const reportHeader = "postern-report";
/** A stream's head, or an upload's frame: JSON as base64url, since file names are not confined to what a header can hold. */
export const headHeader = "postern-head";
/** Present when the body is a `FailureJson`. */
export const failureHeader = "postern-failure";

export interface CallFrame {
  requestId: string;
  traceparent?: string | undefined;
  actor: string;
  /** Milliseconds left: clocks differ between machines, durations do not. */
  budgetMs: number;
  askedInVain?: readonly string[] | undefined;
  /** The report is to tell how the answer came about. */
  explain?: boolean | undefined;
}

export function frameOf(call: Call): CallFrame {
  return {
    requestId: call.requestId,
    ...(call.traceparent !== undefined && { traceparent: call.traceparent }),
    actor: call.actor,
    budgetMs: Math.max(0, call.deadline - Date.now()),
    ...(call.askedInVain && { askedInVain: call.askedInVain }),
    ...(call.report.explained && { explain: true }),
  };
}

export function callOf(frame: CallFrame, signal: AbortSignal, report: Report): Call {
  const { budgetMs, explain = false, ...rest } = frame;
  if (explain) report.explained = newExplained();
  return { ...rest, deadline: Date.now() + budgetMs, signal, report };
}

export function packHead(head: unknown): string {
  return Buffer.from(JSON.stringify(head)).toString("base64url");
}

export function unpackHead(text: string): unknown {
  return JSON.parse(Buffer.from(text, "base64url").toString());
}
