import type { FailureCode, Outcome, Upstream } from "@postern/protocol";
import { type Failure, failureTable } from "@postern/protocol";

/** The HTTP status of every failure. Exhaustive: a new code does not compile without one. */
export const statusOf: Readonly<Record<FailureCode, number>> = {
  "invalid-request": 400,
  "cursor-mismatch": 400,
  unauthenticated: 401,
  "scope-missing": 403,
  "not-permitted": 403,
  "not-found": 404,
  "method-not-allowed": 405,
  "not-acceptable": 406,
  "request-timeout": 408,
  "account-exists": 409,
  "mailbox-exists": 409,
  "mailbox-has-children": 409,
  "mailbox-not-empty": 409,
  "expunge-withheld": 409,
  "idempotency-key-in-use": 409,
  "outcome-unknown": 409,
  "account-declared": 409,
  "account-disabled": 409,
  "account-reauth-required": 409,
  "message-gone": 410,
  "cursor-expired": 410,
  "state-expired": 410,
  "precondition-failed": 412,
  "payload-too-large": 413,
  "unsupported-media-type": 415,
  "range-not-satisfiable": 416,
  "login-refused": 422,
  "host-not-allowed": 422,
  "not-possible": 422,
  "upstream-limit": 422,
  "idempotency-key-reused": 422,
  "query-too-costly": 422,
  "too-many-requests": 429,
  "headers-too-large": 431,
  cancelled: 499,
  internal: 500,
  "upstream-refused": 502,
  "partly-done": 502,
  "image-unavailable": 502,
  "upstream-protocol": 502,
  "upstream-in-use": 503,
  unavailable: 503,
  "upstream-unreachable": 503,
  "upstream-connection-limit": 503,
  "upstream-timeout": 504,
  "over-quota": 507,
};

/** RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  /** The path that was asked for; never the query, which may hold what somebody looks for. */
  instance: string;
  code: FailureCode;
  retryable: boolean;
  outcome?: Outcome;
  upstream?: Upstream;
  errors?: { path: string; message: string }[];
  current?: Record<string, unknown>;
}

export function problemOf(failure: Failure, path: string): Problem {
  const { code, detail, outcome, upstream, errors, current } = failure;
  return {
    type: `urn:postern:problem:${code}`,
    title: failureTable[code].title,
    status: statusOf[code],
    ...(detail !== null && { detail }),
    instance: path,
    code,
    retryable: failureTable[code].retryable,
    ...(outcome && { outcome }),
    ...(upstream && { upstream }),
    ...(errors && { errors }),
    ...(current !== undefined && { current: current as Record<string, unknown> }),
  };
}
