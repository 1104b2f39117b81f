import { type Call, Failure, isFailure } from "@postern/protocol";
import type { ImapSession } from "../../imap/session.ts";
import type { Core } from "../core.ts";
import type { Chunk } from "./run.ts";

/** How long finding out what became of a change may take, whoever still waits for it. */
const LOOK_UP_MS = 10_000;
/** What a server had received when the connection broke it carries out at once, or not at all. */
const SECOND_LOOK_MS = 300;
const neverAborts = new AbortController().signal;

/**
 * What a look on another connection shows after a change has failed; null where none was possible. A change that is not
 * to be seen may still be under way: where the connection broke it is looked for once more a moment later, and `isFinal`
 * tells whether that was enough to know. A server that did not answer may carry it out at any time.
 */
export async function lookUp<T>(
  core: Core,
  { account, call }: Chunk,
  failure: Failure,
  look: (session: ImapSession) => Promise<T>,
  isSeen: (found: T) => boolean,
): Promise<{ found: T; isFinal: boolean } | null> {
  // Who has gone may come back and ask; it is their change all the same.
  const own: Call = { ...call, deadline: Date.now() + LOOK_UP_MS, signal: neverAborts };
  const ask = (): Promise<T> => core.sessions.use({ account: account.id, lane: "interactive", call: own }, look);
  try {
    const found = await ask();
    if (failure.outcome === "none" || isSeen(found)) return { found, isFinal: true };
    await aMomentLater();
    return { found: await ask(), isFinal: isFailure(failure, "upstream-unreachable") };
  } catch (error) {
    if (!isFailure(error)) throw error;
    return null;
  }
}

/** What is under way when a connection breaks is over by then, nearly always. */
export function aMomentLater(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SECOND_LOOK_MS));
}

/** What ended a change that had begun: where it does not tell its outcome, something may have been sent before. Throws defects. */
export function failureOfChange(error: unknown): Failure {
  if (!isFailure(error) || error.code === "internal") throw error;
  return error.outcome ? error : error.withOutcome("unknown");
}

/** The failure of a message about which a look left nothing to doubt, or everything. */
export function withOutcome(failure: Failure, outcome: "none" | "unknown"): Failure {
  return failure.outcome === outcome ? failure : failure.withOutcome(outcome);
}

export function partlyDone(detail: string, failure: Failure, current?: unknown): Failure {
  return new Failure("partly-done", {
    detail: `${detail} ${failure.detail ?? failure.title}`,
    ...(failure.upstream && { upstream: failure.upstream }),
    ...(current !== undefined && { current }),
    outcome: "unknown",
    cause: failure,
  });
}
