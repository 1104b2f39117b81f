import { Failure } from "@postern/protocol";
import type { ImapFlow } from "imapflow";
import { loginRefusal, printable } from "./failures.ts";
import type { ConnectOptions } from "./session.ts";

/** What ImapFlow and Node put on errors. */
interface ConnectError extends Error {
  code?: string;
  authenticationFailed?: boolean;
  serverResponseCode?: string;
  responseStatus?: string;
  responseText?: string;
}

/** Why a connection did not come to be. `cause`: an error of the socket that came before the one thrown. */
export function connectFailure(
  thrown: unknown,
  cause: Error | null,
  client: ImapFlow,
  options: ConnectOptions,
): Failure {
  if (thrown instanceof Failure) return thrown;
  const error: ConnectError = thrown instanceof Error ? thrown : new Error("unknown", { cause: thrown });
  if (error.responseStatus === "NO" || error.responseStatus === "BAD") return refused(error, error.responseStatus);
  if (client.byeReason !== undefined || error.responseStatus === "BYE") {
    const text = printable(client.byeReason ?? error.responseText ?? "");
    return loginRefusal({ status: "BYE", code: error.serverResponseCode ?? null, text });
  }
  return withoutAnswer(error) ?? broken(error, cause, options);
}

function refused(error: ConnectError, status: "NO" | "BAD"): Failure {
  const text = printable(error.responseText ?? "");
  return loginRefusal({ status, code: error.serverResponseCode ?? null, text });
}

/** ImapFlow did not ask, since the server had said that it would be in vain. */
function withoutAnswer(error: ConnectError): Failure | null {
  if (/Login is disabled/.test(error.message)) {
    return new Failure("login-refused", {
      detail: "The mail server takes no password on this connection (LOGINDISABLED).",
    });
  }
  if (/Unsupported authentication mechanism|No matching authentication/.test(error.message)) {
    return new Failure("login-refused", { detail: "The mail server offers no way to log in with these credentials." });
  }
  if (error.authenticationFailed || error.code === "InvalidStringValue") {
    return new Failure("login-refused", { detail: "These credentials cannot be sent to a mail server." });
  }
  return null;
}

function broken(error: ConnectError, cause: ConnectError | null, options: ConnectOptions): Failure {
  const told = [error, cause].find((candidate) => explain(candidate, options) !== null) ?? error;
  const fallback = `The connection to the mail server could not be made${error.code ? ` (${error.code})` : ""}`;
  const detail = `${explain(told, options) ?? fallback}.`;
  if (isTimeout(told)) return new Failure("upstream-timeout", { detail, retryAfter: 5, cause: told });
  const code = told.code !== undefined && tooLarge.has(told.code) ? "upstream-protocol" : "upstream-unreachable";
  return new Failure(code, { detail, retryAfter: 5, cause: told });
}

const tooLarge = new Set(["LineTooLarge", "LiteralTooLarge", "ResponseTooLarge", "MaxResponseTokens", "TooManyTokens"]);

function isTimeout({ code }: ConnectError): boolean {
  return code === "CONNECT_TIMEOUT" || code === "GREETING_TIMEOUT" || code === "ETIMEOUT" || code === "ETIMEDOUT";
}

const unknownAuthority = "The mail server's certificate is not signed by a known authority";

const explanations: Record<string, string> = {
  ECONNREFUSED: "The mail server refused the connection",
  ECONNRESET: "The mail server cut the connection",
  EPIPE: "The mail server cut the connection",
  EHOSTUNREACH: "There is no route to the mail server",
  ENETUNREACH: "There is no route to the mail server",
  ETIMEDOUT: "The mail server could not be reached in time",
  CONNECT_TIMEOUT: "The mail server could not be reached in time",
  GREETING_TIMEOUT: "No greeting of the mail server in time",
  STARTTLS_INJECTION: "The mail server sent data before TLS was in place",
  DEPTH_ZERO_SELF_SIGNED_CERT: "The mail server's certificate is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  CERT_UNTRUSTED: unknownAuthority,
  CERT_HAS_EXPIRED: "The mail server's certificate has expired",
  CERT_NOT_YET_VALID: "The mail server's certificate is not valid yet",
  CERT_REVOKED: "The mail server's certificate has been revoked",
  ERR_TLS_CERT_ALTNAME_INVALID: "The mail server's certificate is for another name",
  LineTooLarge: "The mail server sent a line without end",
  LiteralTooLarge: "The mail server sent more than a login can need",
  ResponseTooLarge: "The mail server sent more than a login can need",
  MaxResponseTokens: "The mail server sent more than a login can need",
  TooManyTokens: "The mail server sent more than a login can need",
  ClosedAfterConnectTLS: "The mail server closed the connection before the login was done",
  ClosedAfterConnectText: "The mail server closed the connection before the login was done",
  NoConnection: "The mail server closed the connection before the login was done",
};

/** No text of a library or a server here: it may repeat what was sent. Null: nothing is known about it. */
function explain(error: ConnectError | null, options: ConnectOptions): string | null {
  if (error === null) return null;
  const { code = "", message } = error;
  const known = explanations[code];
  if (known !== undefined) return known;
  if (options.security === "starttls" && /PREAUTH/.test(message)) return "The mail server skipped TLS and the login";
  if (options.security === "starttls" && /STARTTLS/i.test(message)) return "The mail server does not offer STARTTLS";
  if (code.startsWith("ERR_OSSL")) return "The account's certificate authority cannot be read";
  if (code.startsWith("ERR_SSL") || code === "EPROTO") return "The mail server does not speak TLS on this port";
  return null;
}
