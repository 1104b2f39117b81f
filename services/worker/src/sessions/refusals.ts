import { Failure, isFailure } from "@postern/protocol";
import type { Counts } from "../pool/index.ts";

/** What callers are told who get no session. */

export function reauthRequired(words: string, refusal?: Failure): Failure {
  return new Failure("account-reauth-required", {
    detail: `The mail server refused the login: ${words}. It is not tried again until the account is changed.`,
    upstream: refusal?.upstream ?? { status: "NO", code: null, text: words },
  });
}

/** For those who come while nobody tries. */
export function wait(last: Error, ms: number): Failure {
  const { code, detail, upstream } = Failure.from(last);
  return new Failure(code, {
    ...(detail !== null && { detail }),
    ...(upstream && { upstream }),
    retryAfter: Math.ceil(ms / 1_000),
  });
}

/** `last`: what came of the latest attempt to connect, if nothing has gone well since. */
export function refuse(why: "deadline" | "queue-full" | "ended", counts: Counts, last: Failure | null): Failure {
  if (why === "queue-full")
    return new Failure("too-many-requests", { detail: "Too many requests wait for this account.", retryAfter: 1 });
  if (why === "ended")
    return new Failure("unavailable", { detail: "The account's sessions are being closed.", retryAfter: 1 });
  const cause = last === null ? "" : ` The latest attempt to connect failed: ${last.message}`;
  return new Failure("upstream-timeout", {
    detail: `${waitedFor(counts)} when the time of the request was over.${cause}`,
    ...(last?.upstream && { upstream: last.upstream }),
    retryAfter: 1,
  });
}

function waitedFor({ lent, opening }: Counts): string {
  if (lent > 0) return `All connections of the account (${lent}) were busy`;
  if (opening > 0) return "The login at the mail server was not done";
  return "No connection to the mail host was to be had";
}

/** The trouble of one attempt, after which others that are connected may still be of use. */
export function isPassing(error: unknown): error is Failure {
  return isFailure(error) && passing.has(error.code);
}

const passing = new Set(["upstream-connection-limit", "upstream-unreachable", "upstream-timeout", "upstream-protocol"]);
