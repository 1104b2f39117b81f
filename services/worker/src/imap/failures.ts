import { Failure, type FailureCode, type Upstream } from "@postern/protocol";
import { ProtocolError, type StatusResponse } from "./response.ts";

/** Response codes (RFC 9051 section 7.1, RFC 5530) that say more than NO does. */
const byCode: Record<string, FailureCode> = {
  AUTHENTICATIONFAILED: "login-refused",
  AUTHORIZATIONFAILED: "login-refused",
  EXPIRED: "login-refused",
  PRIVACYREQUIRED: "login-refused",
  WEBALERT: "login-refused",
  LIMIT: "upstream-connection-limit",
  UNAVAILABLE: "upstream-unreachable",
  INUSE: "upstream-unreachable",
  SERVERBUG: "upstream-refused",
  OVERQUOTA: "over-quota",
};

/** What they mean when a command that changes something is refused. */
const byCodeOfChange: Record<string, FailureCode> = {
  NOPERM: "not-permitted",
  CANNOT: "not-possible",
  ALREADYEXISTS: "mailbox-exists",
  NONEXISTENT: "not-found",
  TRYCREATE: "not-found",
  LIMIT: "upstream-limit",
  INUSE: "upstream-in-use",
  // RFC 4469 section 4.2: what APPENDLIMIT (RFC 7889) is told by as well.
  TOOBIG: "payload-too-large",
};

/** Servers without response codes say it in words; only these are sure enough. */
const tooMany = /too many|maximum number of connections|connection limit|simultaneous/i;
const unavailable = /temporar|try again|unavailable|internal error|server (is )?busy|timeout/i;
const exists = /already exists|mailbox exists/i;
const tooBig = /(message|literal)( size)?( is)? too (large|big)/i;
const overQuota = /over ?quota|quota exceeded|mailbox (is )?full/i;

export function upstreamOf(response: StatusResponse): Upstream {
  const status =
    response.status === "NO" || response.status === "BAD" || response.status === "BYE" ? response.status : null;
  return { status, code: response.code, text: printable(response.text) };
}

/** A NO or BAD to a command after the login. */
export function refusal(command: string, response: StatusResponse, changes = false): Failure {
  const upstream = upstreamOf(response);
  const ofChange = changes ? byChange(upstream) : undefined;
  const code = ofChange ?? known(upstream) ?? "upstream-refused";
  // A login can hardly be refused any more; whoever says so means that the user may not do this.
  const kept = code === "login-refused" ? "upstream-refused" : code;
  return new Failure(kept, { detail: `The mail server refused ${command}: ${upstream.text}`, upstream });
}

function byChange({ code, text }: Upstream): FailureCode | undefined {
  if (code !== null) return byCodeOfChange[code];
  if (tooBig.test(text)) return "payload-too-large";
  return exists.test(text) ? "mailbox-exists" : undefined;
}

function known(upstream: Upstream): FailureCode | undefined {
  const named = upstream.code === null ? undefined : byCode[upstream.code];
  if (named) return named;
  if (tooMany.test(upstream.text)) return "upstream-connection-limit";
  if (overQuota.test(upstream.text)) return "over-quota";
  return undefined;
}

/**
 * A NO or BAD to the login, or a BYE before it. Wrong credentials must not be told from words that a busy server may use
 * as well: an account would be taken out of service for nothing.
 */
export function loginRefusal(upstream: Upstream): Failure {
  const named = upstream.code === null ? undefined : byCode[upstream.code];
  const options = { detail: `The mail server refused the login: ${upstream.text}`, upstream };
  if (tooMany.test(upstream.text)) return new Failure("upstream-connection-limit", { ...options, retryAfter: 30 });
  if (named === "login-refused") return new Failure("login-refused", options);
  if (named === "upstream-connection-limit") return new Failure(named, { ...options, retryAfter: 30 });
  if (named === "upstream-unreachable" || unavailable.test(upstream.text) || upstream.status === "BYE") {
    return new Failure("upstream-unreachable", { ...options, retryAfter: 30 });
  }
  return new Failure("login-refused", options);
}

export function timeoutFailure(waitedFor: string, ms: number): Failure {
  return new Failure("upstream-timeout", { detail: `No answer to ${waitedFor} within ${seconds(ms)}.` });
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

export function closedFailure(command: string | null, bye: StatusResponse | null, cause?: unknown): Failure {
  const during = command === null ? "" : ` during ${command}`;
  if (bye) {
    const upstream = upstreamOf(bye);
    const code = known(upstream) === "upstream-connection-limit" ? "upstream-connection-limit" : "upstream-unreachable";
    return new Failure(code, {
      detail: `The mail server said goodbye${during}: ${upstream.text}`,
      upstream,
      retryAfter: 1,
    });
  }
  return new Failure("upstream-unreachable", { detail: `The connection was lost${during}.`, retryAfter: 1, cause });
}

export function unreadable(command: string | null, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const during = command === null ? "" : ` during ${command}`;
  const what = error instanceof ProtocolError ? error.message : "something unexpected";
  return new Failure("upstream-protocol", {
    detail: `The mail server broke the protocol${during}: ${what}.`,
    cause: error,
  });
}

/** Server text goes into answers and logs: no control characters, no novels. */
export function printable(text: string): string {
  return Buffer.from(text, "latin1")
    .toString("utf8")
    .replace(/[\p{Cc}\p{Cf}]+/gu, " ")
    .trim()
    .slice(0, 500);
}
