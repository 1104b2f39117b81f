import { addExplained, type Explained, newExplained } from "./explain.ts";

/**
 * What goes with every call beside its input: who asks, how long they wait, and the report that is filled in on the way.
 */
export interface Call {
  readonly requestId: string;
  /** W3C trace context, handed on as it came. */
  readonly traceparent?: string | undefined;
  /** For the audit log: `admin`, or a token's id. */
  readonly actor: string;
  /** Epoch milliseconds after which nobody waits for the answer any more. */
  readonly deadline: number;
  /** Aborts when the caller gives up. */
  readonly signal: AbortSignal;
  readonly report: Report;
  /** Ids of workers that whoever carries the call has asked in vain. */
  readonly askedInVain?: readonly string[] | undefined;
}

/** What answering took. Mutable: the rooms that do the work add to it. Crosses the wire with the answer. */
export interface Report {
  /** Epoch milliseconds at which the oldest proof of freshness in this answer was sent to the mail server. */
  asOf: number | null;
  /** Nobody looked whether the answer is still true, since the caller allowed it. */
  stale: boolean;
  /** IMAP commands sent. */
  commands: number;
  /** Those among them that may have changed something. */
  changes: number;
  /** Milliseconds spent waiting for the mail server. */
  imapMs: number;
  /** Milliseconds spent waiting for a session to be free. */
  waitMs: number;
  /** Octets received from the mail server. */
  bytes: number;
  cacheHits: number;
  cacheMisses: number;
  /** Null unless the caller asked how the answer came about. */
  explained: Explained | null;
}

export function newReport(explain = false): Report {
  return {
    asOf: null,
    stale: false,
    commands: 0,
    changes: 0,
    imapMs: 0,
    waitMs: 0,
    bytes: 0,
    cacheHits: 0,
    cacheMisses: 0,
    explained: explain ? newExplained() : null,
  };
}

/** Takes a far part of the work into the account: sums add up, the oldest proof counts. */
export function addReport(into: Report, part: Report): void {
  if (part.asOf !== null) noteProof(into, part.asOf);
  into.stale ||= part.stale;
  into.commands += part.commands;
  into.changes += part.changes;
  into.imapMs += part.imapMs;
  into.waitMs += part.waitMs;
  into.bytes += part.bytes;
  into.cacheHits += part.cacheHits;
  into.cacheMisses += part.cacheMisses;
  addExplained(into.explained, part.explained, false);
}

/** The answer is as old as its oldest part. */
export function noteProof(report: Report, sentAt: number): void {
  report.asOf = report.asOf === null ? sentAt : Math.min(report.asOf, sentAt);
}

/** The id of the trace that a `traceparent` is of: all its fields are of one length (W3C Trace Context, section 3.2). */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent?.slice(3, 35);
}
